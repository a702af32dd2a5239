package alone_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

// TestNoValueComesOut: values go every way that a SealedSecret has, good and
// bad; then everything is searched that others can read.
func TestNoValueComesOut(t *testing.T) {
	t.Parallel()
	all, registry := testkit.Canaries{}, prometheus.NewRegistry()
	b := newBed(t, 2048)
	out, stop := b.serve(func(o *operator.Options) { o.Registerer = registry })
	// What a failed decryption might be about is as secret as what opens.
	broken := b.Key.Secret(b.keys, "sealed-secrets-keybroken")
	broken.Data["tls.key"] = []byte("-----BEGIN RSA PRIVATE KEY-----\n" + all.Of("in a key") + "\n-----END RSA PRIVATE KEY-----\n")
	b.Must(b.Create(t.Context(), broken))

	good := map[string]string{
		"app":      "",
		"frozen":   `template: {immutable: true}`,
		"rendered": `template: {data: {url: "x{{ .k }}"}}`,
	}
	bad := map[string]string{
		"foreign": "",
		"typed":   `template: {type: kubernetes.io/tls}`,
		"docker":  `template: {type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: "{{ .k }}"}}`,
		"json":    `template: {data: {n: "{{ .k | mustFromJson }}"}}`,
		"fail":    `template: {data: {n: "{{ fail .k }}"}}`,
		"large":   `template: {data: {n: "{{ repeat 9000000 .k }}"}}`,
	}
	b.Apply("apiVersion: v1\nkind: Secret\nmetadata: {name: foreign}\ndata: {k: ''}\n")
	for name, spec := range good {
		b.SealAndApply(name, values{"k": all.Of(name)}, spec)
		b.Synced(name)
	}
	for name, spec := range bad {
		b.SealAndApply(name, values{"k": all.Of(name)}, spec)
		b.Fails(name)
	}
	for name, entries := range map[string]values{
		"elsewhere": {"k": b.Key.Seal(t, "elsewhere", all.Of("elsewhere"))},
		"clear":     {"k": all.Plain("in the clear")},
	} {
		b.Apply(sealedtest.Manifest(name, entries, "", ""))
		b.Fails(name)
	}
	b.SealAndApply("app", values{"k": all.Of("second value")}, "")
	b.Eventually(func() error {
		return check(string(b.Secret("app").Data["k"]) == all.Of("second value"), "the change is not there")
	})
	b.SealAndApply("frozen", values{"k": all.Of("cannot be written")}, good["frozen"])
	b.Fails("frozen", "immutable")
	b.Event("frozen", "ErrUpdateFailed")

	texts := testkit.Readable(t, b.Plane, []string{"sealedsecrets/" + b.NS + "/clear"}, b.NS)
	texts["metrics"] = testkit.MetricsText(t, registry)
	stop()
	texts["log"] = out.String()
	for _, kind := range []string{"events", "sealedsecrets", "secrets"} {
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
		if strings.Contains(text, b.Key.Inside()) {
			t.Errorf("%s holds a key", name)
		}
	}
}
