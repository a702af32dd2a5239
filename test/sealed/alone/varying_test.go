package alone_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

// TestARestartKeepsWhatChanceMade: what a template makes by chance, or by the
// clock, is made once for a manifest.
func TestARestartKeepsWhatChanceMade(t *testing.T) {
	t.Parallel()
	b := newBed(t, 2048)
	const (
		chance = `token: "{{ randAlphaNum 20 }}", auth: "{{ .k | encryptAES \"key\" }}", since: "{{ now }}"`
		data   = `data: {` + chance + `, plain: "x{{ .k }}"}`
	)
	b.Apply(`
apiVersion: v1
kind: Secret
metadata: {name: patched, annotations: {sealedsecrets.bitnami.com/patch: "true"}}
stringData: {theirs: x}
`)
	specs := map[string]string{
		"plain": data, "patched": data, "frozen": `immutable: true, ` + data,
		"unowned": data + `, metadata: {annotations: {sealedsecrets.bitnami.com/skip-set-owner-references: "true"}}`,
		"edited":  data, "changed": data,
	}
	apply := func(name, spec string) { b.SealAndApply(name, values{"k": "v"}, `template: {`+spec+`}`) }
	_, _, stop := b.tapped()
	before := map[string]*corev1.Secret{}
	for name, spec := range specs {
		apply(name, spec)
	}
	for name := range specs {
		b.Synced(name)
		before[name] = b.Secret(name)
	}
	stop()

	tap, metrics, stop := b.tapped()
	b.knows(metrics, len(specs))
	stop()
	b.quiet(tap)
	for name := range specs {
		if after := b.Secret(name); after.ResourceVersion != before[name].ResourceVersion {
			t.Errorf("Secret %s was written", name)
		}
	}

	// What was edited, or is of another manifest, is made anew.
	sealedtest.Change(b.Bed, b.Secret("edited"), func(s *corev1.Secret) { s.Data["plain"] = []byte("edited") })
	apply("changed", `data: {`+chance+`, plain: "y{{ .k }}"}`)
	_, metrics, _ = b.tapped()
	b.knows(metrics, len(specs))
	anew := func(name, plain string, than *corev1.Secret) {
		t.Helper()
		b.Eventually(func() error {
			s := b.Secret(name)
			return check(string(s.Data["plain"]) == plain && string(s.Data["token"]) != string(than.Data["token"]) && len(s.Data["token"]) == 20,
				"%s is not made anew", name)
		})
		b.Synced(name)
	}
	anew("edited", "xv", before["edited"])
	anew("changed", "yv", before["changed"])

	// While the operator runs it knows what it made.
	sealedtest.Change(b.Bed, b.Secret("plain"), func(s *corev1.Secret) { s.Data["token"] = []byte("edited") })
	anew("plain", "xv", before["plain"])
}
