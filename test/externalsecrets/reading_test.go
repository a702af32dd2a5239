package externalsecrets_test

import (
	"strings"
	"testing"
)

// reads is an ExternalSecret and what comes of it: data, or a failure whose
// message has all the parts.
type reads struct {
	name, spec string
	want       []string
	fails      []string
}

// run applies all cases at once and then looks at each.
func (b bed) run(cases []reads) {
	b.T.Helper()
	var all strings.Builder
	for _, c := range cases {
		all.WriteString(es(c.name, c.spec))
	}
	b.Apply(all.String())
	for _, c := range cases {
		if c.fails != nil {
			for i := range c.fails {
				c.fails[i] = strings.ReplaceAll(c.fails[i], "$NS", b.NS)
			}
			b.Failed(c.name, c.fails...)
			if b.Secret(c.name) != nil {
				b.T.Errorf("%s: there is a Secret though it failed", c.name)
			}
			continue
		}
		b.holds(c.name, c.want...)
		b.Synced(c.name)
	}
}

func ref(name, remote string) string {
	return "data: [{secretKey: " + name + ", remoteRef: {key: $NS/app, " + remote + "}}]"
}

func TestDataOfOneKey(t *testing.T) {
	b := vaultBed(t)
	b.Put("app", map[string]any{"old": "first"})
	b.Put("app", map[string]any{
		"user": "ann", "dotted.name": "dot", "truth": true, "number": 123456789012,
		"nested": map[string]any{"a": map[string]any{"b": "deep"}, "list": []any{"x", "y"}},
		"b64":    "aGVsbG8=", "b64url": "_-8=", "nul": "a\x00b",
	})
	b.Put("small", map[string]any{"only": "x"})
	b.run([]reads{
		{name: "property", spec: ref("k", "property: user"), want: []string{"k", "ann"}},
		{name: "whole", spec: "data: [{secretKey: k, remoteRef: {key: $NS/small}}]", want: []string{"k", `{"only":"x"}`}},
		{name: "nested", spec: ref("k", "property: nested.a.b"), want: []string{"k", "deep"}},
		{name: "nested-object", spec: ref("k", "property: nested.a"), want: []string{"k", `{"b":"deep"}`}},
		{name: "list-entry", spec: ref("k", "property: nested.list.1"), want: []string{"k", "y"}},
		{name: "dotted", spec: ref("k", "property: dotted.name"), want: []string{"k", "dot"}},
		{name: "bool", spec: ref("k", "property: truth"), want: []string{"k", "true"}},
		{name: "number", spec: ref("k", "property: number"), want: []string{"k", "123456789012"}},
		{name: "version", spec: ref("k", `property: old, version: "1"`), want: []string{"k", "first"}},
		{name: "base64", spec: ref("k", "property: b64, decodingStrategy: Base64"), want: []string{"k", "hello"}},
		{name: "base64url", spec: ref("k", "property: b64url, decodingStrategy: Base64URL"), want: []string{"k", "\xff\xef"}},
		{name: "auto", spec: ref("k", "property: b64, decodingStrategy: Auto"), want: []string{"k", "hello"}},
		{name: "auto-plain", spec: ref("k", "property: user, decodingStrategy: Auto"), want: []string{"k", "ann"}},
		{name: "none", spec: ref("k", "property: b64, decodingStrategy: None, conversionStrategy: Unicode, metadataPolicy: None"), want: []string{"k", "aGVsbG8="}},
		{name: "nul", spec: ref("k", "property: nul, nullBytePolicy: Ignore"), want: []string{"k", "a\x00b"}},

		{name: "not-base64", spec: ref("k", "property: user, decodingStrategy: Base64"), fails: []string{"could not get secret data from provider", "spec.data[0]", "$NS/app"}},
		{name: "nul-refused", spec: ref("k", "property: nul, nullBytePolicy: Fail"), fails: []string{"spec.data[0]", "NUL", "nullBytePolicy"}},
		{name: "no-property", spec: ref("k", "property: nope"), fails: []string{"could not get secret data from provider", `SecretStore "vault"`, `key "$NS/app"`, `property "nope"`}},
		{name: "no-version", spec: ref("k", `property: user, version: "9"`), fails: []string{"$NS/app", "version 9"}},
		{name: "no-key", spec: one("nope"), fails: []string{"could not get secret data from provider", `"vault"`, `key "$NS/nope"`, "does not exist"}},
	})
	b.Event("no-property", "UpdateFailed", `property "nope"`)
}

func TestDataFromExtract(t *testing.T) {
	b := vaultBed(t)
	b.Put("app", map[string]any{"user": "ann", "pass": "cGFzcw==", "obj": map[string]any{"in": "1", "out": 2}})
	b.Put("odd", map[string]any{"a b": "1", "c/d": "2"})
	b.Put("clash", map[string]any{"a b": "1", "a_b": "2"})
	b.run([]reads{
		{name: "all", spec: "dataFrom: [{extract: {key: $NS/app}}]",
			want: []string{"user", "ann", "pass", "cGFzcw==", "obj", `{"in":"1","out":2}`}},
		{name: "part", spec: "dataFrom: [{extract: {key: $NS/app, property: obj}}]", want: []string{"in", "1", "out", "2"}},
		{name: "converted", spec: "dataFrom: [{extract: {key: $NS/odd}}]", want: []string{"a_b", "1", "c_d", "2"}},
		{name: "unicode", spec: "dataFrom: [{extract: {key: $NS/odd, conversionStrategy: Unicode}}]", want: []string{"a_U0020_b", "1", "c_U002f_d", "2"}},
		{name: "auto", spec: "dataFrom: [{extract: {key: $NS/app, decodingStrategy: Auto}}]",
			want: []string{"user", "ann", "pass", "pass", "obj", `{"in":"1","out":2}`}},
		{name: "later-wins", spec: `
dataFrom: [{extract: {key: $NS/app}}, {extract: {key: $NS/app, property: obj}, rewrite: [{regexp: {source: "^in$", target: user}}]}]
data: [{secretKey: pass, remoteRef: {key: $NS/odd, property: a b}}]`,
			want: []string{"user", "1", "out", "2", "pass", "1", "obj", `{"in":"1","out":2}`}},
		{name: "collision", spec: "dataFrom: [{extract: {key: $NS/clash}}]", fails: []string{"spec.dataFrom[0]", `"a b"`, `"a_b"`}},
		{name: "no-map", spec: "dataFrom: [{extract: {key: $NS/app, property: user}}]", fails: []string{"spec.dataFrom[0]", `property "user"`}},
	})
}

func TestDataFromFind(t *testing.T) {
	b := vaultBed(t)
	for _, key := range []string{"find/db-main", "find/db-spare", "find/web", "find/deep/db-low"} {
		b.Put(key, map[string]any{"v": strings.TrimPrefix(key, "find/")})
	}
	for key, tags := range map[string]map[string]any{"find/db-main": {"team": "a", "tier": "1"}, "find/web": {"team": "a"}} {
		if err := b.Vault.Admin.KVv2("secret").PatchMetadata(t.Context(), b.NS+"/"+key, patchTags(tags)); err != nil {
			t.Fatal(err)
		}
	}
	const base = `, rewrite: [{regexp: {source: ".*/", target: ""}}]}]`
	b.run([]reads{
		{name: "by-path", spec: "dataFrom: [{find: {path: $NS/find}" + base, want: []string{
			"db-main", `{"v":"db-main"}`, "db-spare", `{"v":"db-spare"}`, "web", `{"v":"web"}`, "db-low", `{"v":"deep/db-low"}`}},
		{name: "by-name", spec: `dataFrom: [{find: {path: $NS/find, name: {regexp: "/db-(main|low)$"}}` + base, want: []string{
			"db-main", `{"v":"db-main"}`, "db-low", `{"v":"deep/db-low"}`}},
		{name: "by-tags", spec: `dataFrom: [{find: {path: $NS/find, tags: {team: a, tier: "1"}}` + base, want: []string{"db-main", `{"v":"db-main"}`}},
		{name: "by-tag", spec: `dataFrom: [{find: {path: $NS/find, tags: {team: a}}` + base, want: []string{"db-main", `{"v":"db-main"}`, "web", `{"v":"web"}`}},
		{name: "whole-name", spec: `dataFrom: [{find: {path: $NS/find, name: {regexp: "web"}}}]`, want: []string{b.NS + "_find_web", `{"v":"web"}`}},
		{name: "clash", spec: "dataFrom: [{find: {path: $NS/find}, rewrite: [{regexp: {source: \".*\", target: \"a/b\"}}]}]", fails: []string{"spec.dataFrom[0]", `"a/b"`}},
		{name: "bad-regexp", spec: `dataFrom: [{find: {name: {regexp: "("}}}]`, fails: []string{"spec.dataFrom[0].find.name.regexp"}},
	})
}

func TestRewrite(t *testing.T) {
	b := vaultBed(t)
	b.Put("app", map[string]any{"user": "ann", "pass": "x"})
	b.Put("set/a", map[string]any{"k": "a", "only-a": "1"})
	b.Put("set/b", map[string]any{"k": "b", "only-b": "2"})
	app := func(rewrite string) string {
		return "dataFrom: [{extract: {key: $NS/app}, rewrite: [" + rewrite + "]}]"
	}
	set := func(merge string) string {
		return `dataFrom: [{find: {path: $NS/set}, rewrite: [{regexp: {source: ".*/", target: ""}}, {merge: {` + merge + `}}]}]`
	}
	b.run([]reads{
		{name: "regexp", spec: app(`{regexp: {source: "^(.)", target: "db_$1"}}`), want: []string{"db_user", "ann", "db_pass", "x"}},
		{name: "group", spec: app(`{regexp: {source: "^(u)(.*)$", target: "${2}_${1}"}}`), want: []string{"ser_u", "ann", "pass", "x"}},
		{name: "transform", spec: app(`{transform: {template: "{{ .value | upper }}"}}`), want: []string{"USER", "ann", "PASS", "x"}},
		{name: "chain", spec: app(`{transform: {template: "{{ .value | upper }}"}}, {regexp: {source: "^U", target: "u"}}`), want: []string{"uSER", "ann", "PASS", "x"}},
		{name: "merge-priority", spec: set("priority: [a], conflictPolicy: Ignore"), want: []string{"k", "a", "only-a", "1", "only-b", "2"}},
		{name: "merge-last", spec: set("conflictPolicy: Ignore"), want: []string{"k", "b", "only-a", "1", "only-b", "2"}},
		{name: "merge-json", spec: set("strategy: JSON, into: all, conflictPolicy: Ignore"), want: []string{
			"a", `{"k":"a","only-a":"1"}`, "all", `{"k":"b","only-a":"1","only-b":"2"}`, "b", `{"k":"b","only-b":"2"}`}},
		{name: "merge-lenient", spec: set("priority: [zz, a], priorityPolicy: IgnoreNotFound, conflictPolicy: Ignore"), want: []string{"k", "a", "only-a", "1", "only-b", "2"}},
		{name: "merge-conflict", spec: set("strategy: Extract"), fails: []string{"spec.dataFrom[0]", "rewrite[1].merge", `"k"`, "conflictPolicy"}},
		{name: "merge-strict", spec: set("priority: [zz], conflictPolicy: Ignore"), fails: []string{"rewrite[1].merge", `"zz"`, "priorityPolicy"}},
		{name: "merge-nowhere", spec: set("strategy: JSON"), fails: []string{"rewrite[1].merge.into"}},
		{name: "bad-template", spec: app(`{transform: {template: "{{ .value"}}`), fails: []string{"spec.dataFrom[0]", "rewrite[0].transform"}},
	})
}

func TestMetadataOfASecret(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "x")
	err := b.Vault.Admin.KVv2("secret").PatchMetadata(t.Context(), b.NS+"/app", patchTags(map[string]any{"team": "a", "tier": "1"}))
	if err != nil {
		t.Fatal(err)
	}
	b.run([]reads{
		{name: "tag", spec: ref("k", "metadataPolicy: Fetch, property: team"), want: []string{"k", "a"}},
		{name: "no-tag", spec: ref("k", "metadataPolicy: Fetch, property: nope"), fails: []string{`property "nope"`}},
	})
	b.Apply(es("all", "dataFrom: [{extract: {key: $NS/app, metadataPolicy: Fetch}}]"))
	b.Synced("all")
	if got := b.Secret("all"); string(got.Data["team"]) != "a" || string(got.Data["tier"]) != "1" || got.Data["v"] != nil {
		t.Errorf("the tags are not what was delivered: %q", keys(got.Data))
	}
}

const kv1Store = `
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: kv1}
spec:
  provider:
    vault:
      server: $VAULT
      path: kv1
      version: v1
      auth: {tokenSecretRef: {name: vault-token, key: token}}
`

func TestSeveralStoresInOneObject(t *testing.T) {
	b := vaultBed(t)
	b.Apply(kv1Store + fakeStore("fake", "k", "from fake"))
	b.Put("app", map[string]any{"v": "two", "more": "m"})
	if err := b.Vault.PutV1(t.Context(), b.NS+"/app", map[string]any{"v": "one", "w": "uno"}); err != nil {
		t.Fatal(err)
	}
	const kv1 = "sourceRef: {storeRef: {name: kv1, kind: SecretStore}}"
	b.run([]reads{
		{name: "mixed", spec: `
dataFrom: [{extract: {key: $NS/app}}, {extract: {key: $NS/app}, rewrite: [{regexp: {source: "^", target: kv1_}}], ` + kv1 + `}]
data:
- {secretKey: fake, remoteRef: {key: k}, sourceRef: {storeRef: {name: fake}}}
- {secretKey: uno, remoteRef: {key: $NS/app, property: w}, ` + kv1 + "}",
			want: []string{"v", "two", "more", "m", "kv1_v", "one", "kv1_w", "uno", "fake", "from fake", "uno", "uno"}},
		{name: "kv1-version", spec: `data: [{secretKey: k, remoteRef: {key: $NS/app, version: "1"}, ` + kv1 + "}]", fails: []string{`"kv1"`, "version"}},
		{name: "no-store", spec: "data: [{secretKey: k, remoteRef: {key: k}, sourceRef: {storeRef: {name: nope}}}]", fails: []string{`SecretStore "nope"`, "does not exist"}},
	})
}
