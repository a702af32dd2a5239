package baddays

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// canaries are values by the path that they take. Each has a quote, a
// backslash and a character that JSON and URLs write in other ways.
type canaries map[string]string

func (c canaries) of(path string) string {
	if c[path] == "" {
		c[path] = "cnry" + fmt.Sprintf("%02d", len(c)) + `-"\<é>-` + strings.ReplaceAll(path, " ", "")
	}
	return c[path]
}

// plain is a canary of letters and digits alone, for where others are not
// accepted.
func (c canaries) plain(path string) string {
	if c[path] == "" {
		c[path] = "cnry" + fmt.Sprintf("%02d", len(c)) + "plain" + strings.ReplaceAll(path, " ", "")
	}
	return c[path]
}

// forms are the ways in which a canary may appear.
func forms(canary string) map[string]string {
	out := map[string]string{"plain": canary, "hex": hex.EncodeToString([]byte(canary)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(canary)))}
	quoted, _ := json.Marshal(canary)
	out["JSON"] = string(quoted[1 : len(quoted)-1])
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(canary)
	out["JSON without HTML"] = strings.Trim(raw.String(), "\"\n")
	out["Go"] = strings.Trim(fmt.Sprintf("%q", canary), `"`)
	out["Go twice"] = strings.Trim(fmt.Sprintf("%q", out["Go"]), `"`)
	out["bytes"] = strings.Trim(fmt.Sprint([]byte(canary)), "[]")
	// Within something longer it begins at one of three places of a group;
	// the characters at both ends depend on the neighbours.
	for i := range 3 {
		for name, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := e.EncodeToString(append(make([]byte, i), canary...))
			out[fmt.Sprint(name, i)] = text[(i*8+5)/6 : len(text)-1]
		}
	}
	// The head of a canary is as bad as all of it.
	out["head"] = canary[:6]
	return out
}

// leaks lists the canaries that text holds, in any form.
func leaks(text string, all canaries) []string {
	var out []string
	for path, canary := range all {
		for form, s := range forms(canary) {
			if i := strings.Index(text, s); i >= 0 {
				out = append(out, fmt.Sprintf("%s as %s: …%s…", path, form, text[max(0, i-150):min(len(text), i+len(s)+50)]))
				break
			}
		}
	}
	return out
}

func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	all := canaries{}
	c := all.of("x")
	jsonText, _ := json.Marshal(map[string]string{"m": c})
	twice, _ := json.Marshal(string(jsonText))
	for _, text := range []string{
		c, "x" + c, string(jsonText), fmt.Sprintf("%q", c), fmt.Sprintf("%x", c), fmt.Sprintf("%X", "ab"+c), fmt.Sprint([]byte(c)), string(twice),
		base64.StdEncoding.EncodeToString([]byte(c)), base64.StdEncoding.EncodeToString([]byte("a" + c + "z")),
		base64.URLEncoding.EncodeToString([]byte("ab" + c + "z")), base64.StdEncoding.EncodeToString([]byte("abc" + c)),
	} {
		if len(leaks(text, all)) == 0 {
			t.Errorf("not found in %s", text)
		}
	}
	if got := leaks("nothing to see, cnry", all); len(got) != 0 {
		t.Errorf("found %v in nothing", got)
	}
}

// TestNoSecretByteComesOut is promise 1: values go down every path, good and
// bad, and then everything that others can read is searched.
func TestNoSecretByteComesOut(t *testing.T) {
	t.Parallel()
	// Below this client-go logs the bodies of requests.
	noSecretByte(t, -7, sow)
}

// noSecretByte runs what sow applies under an operator that logs down to the
// level.
func noSecretByte(t *testing.T, level slog.Level, sow func(*operatortest.Bed, canaries) map[string]bool) {
	t.Helper()
	all := canaries{}
	p, registry, out := &tap{}, prometheus.NewRegistry(), &operatortest.Logs{}
	b := operatortest.WithoutOperator(t)
	_, stop := b.Operate(func(o *operator.Options) {
		throughTap(b, p)(o)
		o.Registerer = registry
		o.Log = logr.FromSlogHandler(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
	})
	expect := sow(b, all)
	for name, good := range expect {
		b.Eventually(func() error {
			for _, c := range b.ExternalSecret(name).Status.Conditions {
				if good == (c.Status == "True") {
					return nil
				}
			}
			return fmt.Errorf("%s has not ended as expected; %s", name, b.States())
		})
		if !good {
			b.Event(name, "UpdateFailed")
		}
	}
	for name, good := range expect {
		if good {
			ranSince(b, name)
		} else {
			b.Poke(name)
		}
	}
	texts := readable(t, b)
	texts["metrics"] = metricsText(t, registry)
	stop()
	texts["log"] = out.String()
	if !strings.Contains(texts["log"], "level=DEBUG") || !strings.Contains(texts["metrics"], "tacit_") || !strings.Contains(texts["externalsecrets"], "could not") {
		t.Errorf("the outputs are not what they should be: %d bytes of log", len(texts["log"]))
	}
	for name, text := range texts {
		for _, leak := range leaks(text, all) {
			t.Errorf("%s: %s", name, leak)
		}
	}
}

// sow sends a canary down every path, and tells which objects become ready.
func sow(b *operatortest.Bed, all canaries) map[string]bool {
	b.T.Helper()
	expect := map[string]bool{}
	token, roleID, secretID := all.plain("token"), all.plain("role id"), all.plain("secret id")
	// A server may repeat what it was sent.
	echo := func(words ...any) string {
		proxy := testkit.NewProxy(b.T, b.VaultAddr, nil)
		proxy.Set(testkit.Status(400, asJSON, fmt.Sprintf(`{"errors":["cannot take %s"]}`, fmt.Sprint(words...))))
		return proxy.URL
	}
	bodies := map[string]testkit.Fault{
		"garbage":   testkit.Status(200, asJSON, `{"data":{"data":{"k":"`+all.plain("garbage body")+`"`),
		"wrongtype": testkit.Status(200, asJSON, `{"data":{"data":"`+all.plain("wrong type")+`","metadata":{"version":1}}}`),
		"wrongauth": testkit.Status(200, asJSON, `{"auth":{"client_token":["`+all.plain("auth body")+`"]}}`),
		"html":      testkit.Status(500, nil, "<html>"+all.plain("html body")),
		"notfound":  testkit.Status(404, asJSON, `{"data":{"x":"`+all.plain("404 body")+`"}}`),
		"header":    testkit.Status(200, http.Header{"Content-Type": {all.plain("header")}, "Retry-After": {all.plain("retry after")}}, ""),
	}
	b.Apply(ours(operatortest.VaultStore) + fmt.Sprintf(`
---
apiVersion: v1
kind: Secret
metadata: {name: credentials}
stringData: {token: %s, role: %s, secret: %s, bad: %q, ca: %q}
`, token, roleID, secretID, all.of("bad token")+"\n\x01", all.of("bad CA")))
	store := func(name, url, auth string) {
		b.Apply(ours(fmt.Sprintf(`
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: %s}
spec:
  provider:
    vault: {server: %q, path: secret, auth: %s}
`, name, url, auth)))
	}
	es := func(name, store, spec string, good bool) {
		expect[name] = good
		b.Apply(fmt.Sprintf(`
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: %s}
spec:
  secretStoreRef: {name: %s}
%s
`, name, store, spec))
	}
	const data = "  data: [{secretKey: k, remoteRef: {key: $NS/v, property: k}}]"
	store("echo-token", echo(token), "{tokenSecretRef: {name: credentials, key: token}}")
	es("echo-token", "echo-token", data, false)
	store("echo-approle", echo(roleID, "/", secretID), "{appRole: {path: approle, roleRef: {name: credentials, key: role}, secretRef: {name: credentials, key: secret}}}")
	es("echo-approle", "echo-approle", data, false)
	store("bad-token", b.VaultAddr, "{tokenSecretRef: {name: credentials, key: bad}}")
	es("bad-token", "bad-token", data, false)
	store("wrong-token", b.VaultAddr, "{tokenSecretRef: {name: credentials, key: token}}")
	es("wrong-token", "wrong-token", data, false)
	store("bad-ca", "https://127.0.0.1:1", "{tokenSecretRef: {name: credentials, key: token}}, caProvider: {type: Secret, name: credentials, key: ca}")
	es("bad-ca", "bad-ca", data, false)
	for name, fault := range bodies {
		proxy := testkit.NewProxy(b.T, b.VaultAddr, nil)
		proxy.Set(fault)
		if name == "wrongtype" || name == "garbage" || name == "html" || name == "notfound" {
			proxy.Set(fault.OnPrefix("/v1/secret/"))
		}
		store("body-"+name, proxy.URL, "{tokenSecretRef: {name: vault-token, key: token}}")
		es("body-"+name, "body-"+name, data, false)
	}

	value := all.of("value")
	b.Put("v", map[string]any{
		"k": value, "n": map[string]any{"inner": all.of("inner value")},
		"notjson": "{" + all.of("not JSON"), "notbase64": "!" + all.of("not base64"), "yaml": all.of("YAML") + ": [",
		"label": all.of("label"), "pem": "-----BEGIN " + all.plain("PEM") + "-----\n", "number": all.plain("number"),
	})
	b.Put("keys", map[string]any{"k": `{"` + all.plain("JSON key") + `":1}`})
	b.Put("raw", map[string]any{"text": all.of("raw text")})
	es("good", "vault", data, true)
	es("good-extract", "vault", "  dataFrom: [{extract: {key: $NS/raw}}]", true)
	es("good-find", "vault", "  dataFrom: [{find: {path: $NS, name: {regexp: 'raw$'}}}]", true)
	es("good-template", "vault", `  target: {template: {data: {x: '{{ .k | b64enc }} {{ .k | upper }} {{ .k | toJson }}'}}}
`+data, true)
	es("good-merge", "vault", "  target: {creationPolicy: CreateOrMerge}\n"+data, true)
	es("no-property", "vault", "  data: [{secretKey: k, remoteRef: {key: $NS/v, property: n.other}}]", false)
	es("not-a-map", "vault", "  dataFrom: [{extract: {key: $NS/v, property: k}}]", false)
	es("not-json", "vault", "  dataFrom: [{extract: {key: $NS/v, property: notjson}}]", false)
	es("not-base64", "vault", "  data: [{secretKey: k, remoteRef: {key: $NS/v, property: notbase64, decodingStrategy: Base64}}]", false)
	es("nul", "vault", "  data: [{secretKey: k, remoteRef: {key: $NS/v, property: notbase64, decodingStrategy: Base64URL}}]", false)
	es("merge", "vault", "  dataFrom: [{extract: {key: $NS/v}, rewrite: [{merge: {strategy: JSON, into: x}}]}]", false)
	es("merge-extract", "vault", "  dataFrom: [{find: {path: $NS, name: {regexp: '.*'}}, rewrite: [{merge: {}}]}]", false)
	from := `
  data:
  - {secretKey: k, remoteRef: {key: $NS/v, property: k}}
  - {secretKey: notjson, remoteRef: {key: $NS/v, property: notjson}}
  - {secretKey: notbase64, remoteRef: {key: $NS/v, property: notbase64}}
  - {secretKey: yaml, remoteRef: {key: $NS/v, property: yaml}}
  - {secretKey: pem, remoteRef: {key: $NS/v, property: pem}}
  - {secretKey: keys, remoteRef: {key: $NS/keys, property: k}}
  - {secretKey: number, remoteRef: {key: $NS/v, property: number}}
`
	for i, text := range []string{
		`{{ .notjson | fromJson | toJson }}{{ fail .k }}`, `{{ .k | fromJson }}{{ .k | atoi | div 0 }}`, `{{ index .k "x" }}`, `{{ .k.x }}`, `{{ template "x" .k }}{{ .missing }}`,
		`{{ range .k }}{{ end }}`, `{{ .yaml | fromYaml | toYaml }}{{ fail .yaml }}`, `{{ .pem | filterPEM "X" }}{{ fail .pem }}`, `{{ pkcs12key .k }}`, `{{ jwkPublicKeyPem .k }}`, `{{ rsaDecrypt "RSA" "SHA1" .k .k }}`,
		`{{ index (.keys | fromJson) .k .k }}`, `{{ mustRegexMatch .k .k }}{{ mustToDate .k .k }}`, `{{ .k | hexdec }}`, `{{ fullPemToPkcs12 .pem .k }}`, `{{ certSANs .pem }}`, `{{ dict .k }}`, `{{ call .k }}`, `{{ .k | printf "%d" | fail }}`,
		`{{ genSignedCert .k nil nil 365 .k }}`, `{{ .number | mustDateModify .number }}`, `{{ repeat (len .k) .k | repeat 100000000 }}`, `{{ regexReplaceAll .k "(" .k }}`, `{{ semver .k }}`, `{{ tuple .k | first | int64 | mustSlice }}`, `{{ urlParse (printf "%s://%s" .k .k) }}`,
	} {
		es(fmt.Sprintf("template-%d", i), "vault", fmt.Sprintf("  target: {template: {data: {x: %q}}}", text)+from, strings.Contains(text, "hexdec") || strings.Contains(text, "dict") || strings.Contains(text, "regexReplaceAll"))
	}
	es("template-label", "vault", "  target: {template: {metadata: {labels: {x: '{{ .k }}'}}}}"+from, false)
	es("template-annotation", "vault", `  target: {template: {templateFrom: [{target: Annotations, literal: '{{ .number }} x: y'}]}}`+from, false)
	es("template-keys", "vault", `  target: {template: {templateFrom: [{literal: '{{ .k }}'}]}}`+from, false)
	es("template-yaml", "vault", `  target: {template: {templateFrom: [{literal: '{{ .yaml }}'}]}}`+from, false)
	es("template-labelkey", "vault", `  target: {template: {templateFrom: [{target: Labels, literal: '"{{ .number }}/{{ .number }}/x": y'}]}}`+from, false)
	b.Apply(fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: template-source}
stringData: {bad: %q}
`, "{{ "+all.plain("secret template")+" }}{{ ."+all.plain("secret template")+" }}"))
	es("template-secret", "vault", "  target: {template: {templateFrom: [{secret: {name: template-source, items: [{key: bad}]}}]}}"+from, false)
	es("rewrite-transform", "vault", `  dataFrom: [{extract: {key: $NS/keys, property: k}, rewrite: [{transform: {template: '{{ .value | fail }}'}}]}]`, false)

	// What only the API server refuses.
	yes := true
	create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "immutable-target"}, Immutable: &yes, Data: map[string][]byte{"k": []byte(all.of("immutable"))}})
	es("immutable", "vault", "  target: {name: immutable-target}\n"+data, false)
	create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "type-target"}, Type: corev1.SecretTypeBasicAuth, Data: map[string][]byte{"username": []byte("x")}})
	es("type", "vault", "  target: {name: type-target, template: {type: kubernetes.io/dockerconfigjson, data: {'.dockerconfigjson': '{{ .k }}'}}}\n"+data, false)
	es("docker", "vault", "  target: {template: {type: kubernetes.io/dockerconfigjson, data: {'.dockerconfigjson': '{{ .k }}'}}}\n"+data, false)
	es("tls", "vault", "  target: {template: {type: kubernetes.io/tls, data: {'tls.crt': '{{ .k }}'}}}\n"+data, false)
	return expect
}

// readable is everything in the namespace that somebody without rights on
// Secrets may read, as JSON by resource, with the metadata of the Secrets.
func readable(t *testing.T, b *operatortest.Bed) map[string]string {
	t.Helper()
	found, err := discovery.NewDiscoveryClientForConfig(b.Plane.Config())
	must(t, err)
	clients, err := dynamic.NewForConfig(b.Plane.Config())
	must(t, err)
	lists, err := found.ServerPreferredNamespacedResources()
	must(t, err)
	out := map[string]string{}
	for _, l := range lists {
		for _, r := range l.APIResources {
			if !strings.Contains(r.Verbs.String(), "list") {
				continue
			}
			gvr := resourceOf(l.GroupVersion, r.Name)
			list, err := clients.Resource(gvr).Namespace(b.NS).List(t.Context(), metav1.ListOptions{})
			must(t, err)
			for i := range list.Items {
				item := &list.Items[i]
				if r.Name == "secrets" {
					delete(item.Object, "data")
					// What is rendered into the metadata is meant to be there.
					item.SetManagedFields(nil)
				}
				text, err := json.Marshal(item)
				must(t, err)
				out[r.Name] += string(text) + "\n"
			}
		}
	}
	if out["events"] == "" || out["externalsecrets"] == "" || out["secretstores"] == "" || out["secrets"] == "" {
		t.Errorf("nothing to search: %d kinds", len(out))
	}
	return out
}

func metricsText(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	families, err := registry.Gather()
	must(t, err)
	var text bytes.Buffer
	for _, f := range families {
		_, err := expfmt.MetricFamilyToText(&text, f)
		must(t, err)
	}
	return text.String()
}
