package baddays

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	all := testkit.Canaries{}
	c := all.Of("x")
	jsonText, _ := json.Marshal(map[string]string{"m": c})
	twice, _ := json.Marshal(string(jsonText))
	sum := sha256.Sum256([]byte(c))
	for _, text := range []string{
		c, "x" + c, string(jsonText), fmt.Sprintf("%q", c), fmt.Sprintf("%x", c), fmt.Sprintf("%X", "ab"+c), fmt.Sprint([]byte(c)), string(twice),
		base64.StdEncoding.EncodeToString([]byte(c)), base64.StdEncoding.EncodeToString([]byte("a" + c + "z")),
		base64.URLEncoding.EncodeToString([]byte("ab" + c + "z")), base64.StdEncoding.EncodeToString([]byte("abc" + c)),
		fmt.Sprintf("hash: %x!", md5.Sum([]byte(c))), fmt.Sprintf("%x\n", sha1.Sum([]byte("k="+c))), base64.StdEncoding.EncodeToString(sum[:]),
	} {
		if len(all.Leaks(text)) == 0 {
			t.Errorf("not found in %s", text)
		}
	}
	if got := all.Leaks("nothing to see, cnry"); len(got) != 0 {
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
func noSecretByte(t *testing.T, level slog.Level, sow func(*operatortest.Bed, testkit.Canaries) map[string]bool) {
	t.Helper()
	all := testkit.Canaries{}
	p, registry, out := &testkit.Tap{}, prometheus.NewRegistry(), &operatortest.Logs{}
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
	texts := testkit.Readable(t, b.Plane, nil, b.NS)
	if texts["events"] == "" || texts["externalsecrets"] == "" || texts["secretstores"] == "" || texts["secrets"] == "" {
		t.Errorf("nothing to search: %d kinds", len(texts))
	}
	texts["metrics"] = testkit.MetricsText(t, registry)
	stop()
	texts["log"] = out.String()
	if !strings.Contains(texts["log"], "level=DEBUG") || !strings.Contains(texts["metrics"], "tacit_") || !strings.Contains(texts["externalsecrets"], "could not") {
		t.Errorf("the outputs are not what they should be: %d bytes of log", len(texts["log"]))
	}
	for name, text := range texts {
		for _, leak := range all.Leaks(text) {
			t.Errorf("%s: %s", name, leak)
		}
	}
}

// sow sends a canary down every path, and tells which objects become ready.
func sow(b *operatortest.Bed, all testkit.Canaries) map[string]bool {
	b.T.Helper()
	expect := map[string]bool{}
	token, roleID, secretID := all.Plain("token"), all.Plain("role id"), all.Plain("secret id")
	// A server may repeat what it was sent.
	echo := func(words ...any) string {
		proxy := testkit.NewProxy(b.T, b.VaultAddr, nil)
		proxy.Set(testkit.Status(400, asJSON, fmt.Sprintf(`{"errors":["cannot take %s"]}`, fmt.Sprint(words...))))
		return proxy.URL
	}
	bodies := map[string]testkit.Fault{
		"garbage":   testkit.Status(200, asJSON, `{"data":{"data":{"k":"`+all.Plain("garbage body")+`"`),
		"wrongtype": testkit.Status(200, asJSON, `{"data":{"data":"`+all.Plain("wrong type")+`","metadata":{"version":1}}}`),
		"wrongauth": testkit.Status(200, asJSON, `{"auth":{"client_token":["`+all.Plain("auth body")+`"]}}`),
		"html":      testkit.Status(500, nil, "<html>"+all.Plain("html body")),
		"notfound":  testkit.Status(404, asJSON, `{"data":{"x":"`+all.Plain("404 body")+`"}}`),
		"header":    testkit.Status(200, http.Header{"Content-Type": {all.Plain("header")}, "Retry-After": {all.Plain("retry after")}}, ""),
	}
	b.Apply(ours(operatortest.VaultStore) + fmt.Sprintf(`
---
apiVersion: v1
kind: Secret
metadata: {name: credentials}
stringData: {token: %s, role: %s, secret: %s, bad: %q, ca: %q}
`, token, roleID, secretID, all.Of("bad token")+"\n\x01", all.Of("bad CA")))
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

	value := all.Of("value")
	b.Put("v", map[string]any{
		"k": value, "n": map[string]any{"inner": all.Of("inner value")},
		"notjson": "{" + all.Of("not JSON"), "notbase64": "!" + all.Of("not base64"), "yaml": all.Of("YAML") + ": [",
		"label": all.Of("label"), "pem": "-----BEGIN " + all.Plain("PEM") + "-----\n", "number": all.Plain("number"),
	})
	b.Put("keys", map[string]any{"k": `{"` + all.Plain("JSON key") + `":1}`})
	b.Put("raw", map[string]any{"text": all.Of("raw text")})
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
`, "{{ "+all.Plain("secret template")+" }}{{ ."+all.Plain("secret template")+" }}"))
	es("template-secret", "vault", "  target: {template: {templateFrom: [{secret: {name: template-source, items: [{key: bad}]}}]}}"+from, false)
	es("rewrite-transform", "vault", `  dataFrom: [{extract: {key: $NS/keys, property: k}, rewrite: [{transform: {template: '{{ .value | fail }}'}}]}]`, false)

	// What only the API server refuses.
	yes := true
	create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "immutable-target"}, Immutable: &yes, Data: map[string][]byte{"k": []byte(all.Of("immutable"))}})
	es("immutable", "vault", "  target: {name: immutable-target}\n"+data, false)
	create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "type-target"}, Type: corev1.SecretTypeBasicAuth, Data: map[string][]byte{"username": []byte("x")}})
	es("type", "vault", "  target: {name: type-target, template: {type: kubernetes.io/dockerconfigjson, data: {'.dockerconfigjson': '{{ .k }}'}}}\n"+data, false)
	es("docker", "vault", "  target: {template: {type: kubernetes.io/dockerconfigjson, data: {'.dockerconfigjson': '{{ .k }}'}}}\n"+data, false)
	es("tls", "vault", "  target: {template: {type: kubernetes.io/tls, data: {'tls.crt': '{{ .k }}'}}}\n"+data, false)
	return expect
}
