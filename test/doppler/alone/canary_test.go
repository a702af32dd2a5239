package alone_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// TestNoValueComesOut: values go every way that a DopplerSecret and a store of
// Doppler's have, good and bad; then everything is searched that others can
// read.
func TestNoValueComesOut(t *testing.T) {
	t.Parallel()
	all, registry := testkit.Canaries{}, prometheus.NewRegistry()
	b := newBed(t, map[string]string{"K": all.Of("value"), "TEXT": all.Of("no base64"), "REF": "${K} and " + all.Of("reference")})
	out, stop := b.serve(func(o *operator.Options) { o.Registerer, o.Languages.DopplerURL = registry, b.Doppler.Addr })
	good, bad := b.sow(all)
	for _, name := range good {
		b.InSync(name)
	}
	for _, name := range bad {
		b.Broken(name)
	}
	b.deploy()
	b.Set("K", all.Of("second value"))
	b.Eventually(func() error {
		return check(string(b.Secret("app").Data["K"]) == all.Of("second value"), "the change is not there")
	})
	b.sets(2)
	for _, fault := range []testkit.CloudFault{
		{Kind: "garbage", Body: `{"K":"` + all.Plain("garbage")},
		{Kind: "garbage", Body: `{"K":["` + all.Plain("wrong type") + `"]}`},
		{Kind: "status", Status: 500, Body: "<html>" + all.Plain("html")},
		{Kind: "status", Status: 400, Body: `{"messages":["cannot take ` + b.Token + `"],"success":false}`},
		{Kind: "cut"},
	} {
		fault.Scope = b.NS
		b.Must(b.Doppler.Fault(t.Context(), fault))
		b.Set("REF", fmt.Sprint("another ", fault.Body))
		b.Broken("app")
		b.Must(b.Doppler.Heal(t.Context(), b.NS))
		b.InSync("app")
	}
	b.Failed("es-none", "NO_SUCH")
	b.Failed("es-text", "TEXT")
	b.Synced("es-good")

	texts := testkit.Readable(t, b.Plane, []string{"dopplersecrets/" + b.NS + "/user"}, b.NS)
	texts["metrics"] = testkit.MetricsText(t, registry)
	stop()
	texts["log"] = out.String()
	for _, kind := range []string{"events", "dopplersecrets", "externalsecrets", "deployments", "secrets"} {
		if texts[kind] == "" {
			t.Errorf("there are no %s to search", kind)
		}
	}
	if !strings.Contains(texts["log"], "level=DEBUG") || !strings.Contains(texts["metrics"], "tacit_") {
		t.Errorf("the outputs are not what they should be: %d bytes of log", len(texts["log"]))
	}
	for name, text := range texts {
		for _, leak := range all.Leaks(text) {
			t.Errorf("%s: %s", name, leak)
		}
		if strings.Contains(text, b.Token) {
			t.Errorf("%s holds the token", name)
		}
	}
}

// sow applies the objects, and tells which come to be in sync.
func (b bed) sow(all testkit.Canaries) (good, bad []string) {
	b.T.Helper()
	b.Make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "foreign"}, Data: map[string][]byte{"k": []byte(all.Of("foreign"))}})
	b.Make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "adopted", Annotations: map[string]string{"tacit.dev/adopt": b.NS + "/adopted"}}, Data: map[string][]byte{"k": []byte(all.Of("adopted"))}})
	b.Make(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "typed", Annotations: map[string]string{"tacit.dev/adopt": b.NS + "/typed"}}, Type: corev1.SecretTypeBasicAuth,
		Data: map[string][]byte{"username": []byte(all.Of("typed"))},
	})
	b.Keep("both", "serviceToken", all.Plain("token of both"), "identity", all.Plain("identity of both"))
	b.Keep("wrong", "serviceToken", all.Plain("wrong token"))
	b.Keep("binary", "serviceToken", all.Of("bad token")+"\n\x01")
	for name, spec := range map[string][]string{
		"app":         nil,
		"adopted":     nil,
		"file":        {"format: env"},
		"transformed": {"nameTransformer: lower-kebab"},
		"processed":   {"processors: {K: {asName: k.txt}}"},
	} {
		b.DS(name, spec...)
		good = append(good, name)
	}
	for name, spec := range map[string][]string{
		"foreign": nil,
		"typed":   nil,
		"coded":   {"processors: {TEXT: {type: base64}}"},
		"docker":  {"managedSecret: {name: docker, type: kubernetes.io/dockerconfigjson}", "processors: {TEXT: {asName: .dockerconfigjson}}"},
		"both":    {"tokenSecret: {name: both}"},
		"wrong":   {"tokenSecret: {name: wrong}"},
		"binary":  {"tokenSecret: {name: binary}"},
		"user":    {"host: http://u:" + all.Plain("password in the host") + "@127.0.0.1:1"},
	} {
		b.DS(name, spec...)
		bad = append(bad, name)
	}
	b.Keep("doppler", "dopplerToken", b.Token)
	b.Apply(`
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: doppler}
spec: {provider: {doppler: {auth: {secretRef: {dopplerToken: {name: doppler}}}}}}
`)
	for name, data := range map[string]string{
		"es-good": "{secretKey: v, remoteRef: {key: K}}",
		"es-none": "{secretKey: v, remoteRef: {key: NO_SUCH}}",
		"es-text": "{secretKey: v, remoteRef: {key: TEXT, property: a.b}}",
	} {
		b.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: %s}
spec: {refreshInterval: 1s, secretStoreRef: {name: doppler}, data: [%s]}
`, name, data))
	}
	return good, bad
}
