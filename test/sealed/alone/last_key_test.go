package alone_test

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

// TestTheOnlyKeyIsReplacedWhenItGoes, however it went, long before the operator
// would look by itself: else nothing could be sealed meanwhile.
func TestTheOnlyKeyIsReplacedWhenItGoes(t *testing.T) {
	t.Parallel()
	for name, goes := range waysToLose() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, 0)
			only := sealedtest.NewKey(t, 2048)
			key := only.Secret(b.keys, "sealed-secrets-keyonly")
			b.Must(b.Create(t.Context(), key))
			b.sealedFor(only, "app", "one")
			at := b.address()
			// The period is one after which the operator looks once an hour.
			b.serve(func(o *operator.Options) {
				o.SealedAddress, o.Languages.Sealed.RenewPeriod, o.Languages.Sealed.Bits = at, 365*24*time.Hour, 2048
			})
			b.Synced("app")
			goes(b, key)
			b.Fails("app", "no key could decrypt secret")
			made := func() *corev1.Secret {
				all := b.ring(1)
				i := slices.IndexFunc(all, func(s corev1.Secret) bool { return s.Name != key.Name })
				if i < 0 {
					return nil
				}
				return &all[i]
			}
			b.Eventually(func() error {
				s := made()
				if s == nil {
					return check(false, "there is no new key")
				}
				got, err := published(b, at)
				return check(err == nil && got == string(s.Data["tls.crt"]), "published is %.60q, %v", got, err)
			})
			b.Apply(sealedtest.Manifest("app", values{"k": b.sealFor(made(), b.NS+"/app", "two")}, "", ""))
			b.Holds("app", values{"k": "two"})
			b.Synced("app")
		})
	}
}

// TestTheOldestKeyThatIsNeededIsTold, so that it is seen what would not open
// without it, whichever of many values it is.
func TestTheOldestKeyThatIsNeededIsTold(t *testing.T) {
	t.Parallel()
	b := newBed(t, 2048)
	old := sealedtest.KeyOf(t, 2048, time.Now().AddDate(0, -1, 0), 10*365*24*time.Hour)
	b.Must(b.Create(t.Context(), old.Secret(b.keys, "sealed-secrets-keyolder")))
	b.serve(func(o *operator.Options) { o.Languages.Sealed.RenewPeriod = -1 })
	plain := values{}
	for _, k := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"} {
		plain[k] = "v-" + k
	}
	for _, which := range []string{"a", "h", "k"} {
		entries := b.Sealed("mixed-"+which, plain)
		entries[which] = old.Seal(t, b.NS+"/mixed-"+which, plain[which])
		b.Apply(sealedtest.Manifest("mixed-"+which, entries, "", ""))
		if got := b.Synced("mixed-" + which).Status.SealedFor; got != old.Fingerprint(t) {
			t.Errorf("of %s: sealed for %q", which, got)
		}
	}
	b.SealAndApply("mixed-a", plain, "")
	b.Eventually(func() error {
		got := b.Synced("mixed-a").Status.SealedFor
		return check(got == b.Key.Fingerprint(t), "sealed anew, and for %q", got)
	})
}
