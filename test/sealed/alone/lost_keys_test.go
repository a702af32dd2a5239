package alone_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

// waysToLose are what makes a key's Secret of no use.
func waysToLose() map[string]func(b bed, s *corev1.Secret) {
	return map[string]func(b bed, s *corev1.Secret){
		"broken": func(b bed, s *corev1.Secret) {
			sealedtest.Change(b.Bed, s, func(s *corev1.Secret) { s.Data["tls.key"] = []byte("x") })
		},
		"deleted": func(b bed, s *corev1.Secret) { b.Must(b.Delete(b.T.Context(), s)) },
		"relabelled": func(b bed, s *corev1.Secret) {
			sealedtest.Change(b.Bed, s, func(s *corev1.Secret) { s.Labels[sealedtest.KeyLabel] = "compromised" })
		},
	}
}

// TestAKeyThatGoesIsToldAtOnce by all that it opened an entry of, however it
// went. Their Secrets stay, and what it opened nothing of is not touched.
func TestAKeyThatGoesIsToldAtOnce(t *testing.T) {
	t.Parallel()
	for name, goes := range waysToLose() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, 2048)
			lost := sealedtest.NewKey(t, 2048)
			key := lost.Secret(b.keys, "sealed-secrets-keylost")
			b.Must(b.Create(t.Context(), key))
			b.serve(nil)
			// Its status names one key only, and it needs two.
			mixed := b.Sealed("mixed", values{"z": "1"})
			mixed["a"] = lost.Seal(t, b.NS+"/mixed", "2")
			b.Apply(sealedtest.Manifest("mixed", mixed, "", ""))
			b.Apply(sealedtest.Manifest("app", values{"k": lost.Seal(t, b.NS+"/app", "1")}, "", ""))
			b.SealAndApply("other", values{"k": "1"}, "")
			b.Synced("mixed")
			b.Synced("app")
			other, before := b.Synced("other"), b.Secret("app")

			goes(b, key)
			b.Fails("app", "no key could decrypt secret")
			b.Event("app", "ErrUnsealFailed", "no key could decrypt secret")
			b.Fails("mixed", `"a"`)
			if after := b.Holds("app", values{"k": "1"}); after.ResourceVersion != before.ResourceVersion {
				t.Error("its Secret was written")
			}
			b.Holds("mixed", values{"a": "2", "z": "1"})
			if after := b.SealedSecret("other"); after.ResourceVersion != other.ResourceVersion {
				t.Error("what another key opens was reported anew")
			}
		})
	}
}

// TestABrokenKeyIsToldAtOnce in the log and on its Secret, though the keys are
// the same as before; and so is that it was mended.
func TestABrokenKeyIsToldAtOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, 2048)
	out, _ := b.serve(nil)
	b.SealAndApply("app", values{"k": "1"}, "")
	b.Synced("app")
	logs := func(parts ...string) {
		t.Helper()
		b.Eventually(func() error {
			for line := range strings.Lines(out.String()) {
				if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) }) {
					return nil
				}
			}
			return check(false, "the log does not tell %q", parts)
		})
	}
	worse := b.Key.Secret(b.keys, "worse")
	worse.Data["tls.key"] = []byte("x")
	b.Must(b.Create(t.Context(), worse))
	logs("level=ERROR", "tacit keys restore", "Secret worse: tls.key holds no key that can be used")
	key := b.Key.Secret(b.keys, "sealed-secrets-keyabcde")
	b.Must(b.Get(t.Context(), client.ObjectKeyFromObject(key), key))
	whole := key.Data["tls.crt"]
	sealedtest.Change(b.Bed, key, func(s *corev1.Secret) { s.Data["tls.crt"] = []byte("x") })
	logs("level=ERROR", "a key opens, and cannot be sealed for", "Secret sealed-secrets-keyabcde: tls.crt: ")
	b.Eventually(func() error {
		list := &corev1.EventList{}
		b.Must(b.List(t.Context(), list, client.InNamespace(b.keys)))
		for _, e := range list.Items {
			if e.InvolvedObject.UID == worse.UID && e.Type == corev1.EventTypeWarning && e.Reason == "BrokenKey" && strings.HasPrefix(e.Message, "tls.key holds no key") {
				return nil
			}
		}
		return check(false, "of %d events none tells of the broken key", len(list.Items))
	})
	sealedtest.Change(b.Bed, key, func(s *corev1.Secret) { s.Data["tls.crt"] = whole })
	logs("was mended", "secret=sealed-secrets-keyabcde")
	b.SealAndApply("app", values{"k": "2"}, "")
	b.Holds("app", values{"k": "2"})
}
