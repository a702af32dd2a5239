package alone_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

// ring waits until there are so many keys, and returns their Secrets.
func (b bed) ring(least int) []corev1.Secret {
	b.T.Helper()
	list := &corev1.SecretList{}
	b.Eventually(func() error {
		err := b.List(b.T.Context(), list, client.InNamespace(b.keys), client.MatchingLabels{sealedtest.KeyLabel: "active"})
		b.Must(err)
		return check(len(list.Items) >= least, "%d keys, want %d", len(list.Items), least)
	})
	return list.Items
}

// sealFor seals a value for the certificate of a key Secret.
func (b bed) sealFor(key *corev1.Secret, label, value string) string {
	b.T.Helper()
	certs, err := sealing.ParseCertificates(key.Data["tls.crt"])
	b.Must(err)
	out, err := sealing.Seal(sealedtest.Random(), certs, label, secret.NewString(value))
	b.Must(err)
	return out
}

// TestKeysAreMadeAndRenewed as the original does, and what the first one opened
// goes on to open.
func TestKeysAreMadeAndRenewed(t *testing.T) {
	t.Parallel()
	b := newBed(t, 0)
	out, stop := b.serve(nil)
	all := b.ring(1)
	first := &all[0]
	if len(all) != 1 || first.Type != corev1.SecretTypeTLS || !strings.HasPrefix(first.Name, "sealed-secrets-key") {
		t.Fatalf("%d keys; the first is %s of type %s", len(all), first.Name, first.Type)
	}
	b.Apply(sealedtest.Manifest("app", values{"k": b.sealFor(first, b.NS+"/app", "one")}, "", ""))
	b.Holds("app", values{"k": "one"})
	b.Eventually(func() error {
		return check(strings.Contains(out.String(), "made a new key"), "the log does not tell of the new key")
	})
	stop()
	if strings.Contains(out.String(), "PRIVATE KEY") {
		t.Error("the log tells the new key")
	}

	_, stop = b.serve(func(o *operator.Options) { o.Languages.Sealed.RenewPeriod = time.Second })
	b.ring(2)
	stop()
	all = b.ring(2)
	second := &all[0]
	if second.Name == first.Name {
		second = &all[1]
	}
	// Never again.
	b.serve(func(o *operator.Options) { o.Languages.Sealed.RenewPeriod = -1 })
	b.Apply(sealedtest.Manifest("app", values{
		"k": b.sealFor(first, b.NS+"/app", "old"), "l": b.sealFor(second, b.NS+"/app", "new"),
	}, "", ""))
	b.Holds("app", values{"k": "old", "l": "new"})
	b.Synced("app")
	// One may have been on its way when the second operator stopped.
	if again := b.ring(2); len(again) > len(all)+1 {
		t.Errorf("there are %d keys now", len(again))
	}
}

// TestWhoMayNotReadTheKeysSaysSo, keeps what was made, and goes on as soon as it
// may.
func TestWhoMayNotReadTheKeysSaysSo(t *testing.T) {
	t.Parallel()
	b := newBed(t, 2048)
	_, stop := b.serve(nil)
	b.SealAndApply("app", values{"k": "one"}, "")
	b.Holds("app", values{"k": "one"})
	b.Synced("app")
	stop()

	var tap testkit.Tap
	forbidden := testkit.Answer{Status: http.StatusForbidden, Body: `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`}
	tap.Set(func(r *http.Request) error {
		if strings.HasPrefix(r.URL.Path, "/api/v1/namespaces/"+b.keys+"/secrets") {
			return forbidden
		}
		return nil
	}, nil)
	b.serve(func(o *operator.Options) { o.Config = tap.Config(o.Config) })
	b.SealAndApply("late", values{"k": "late"}, "")
	for _, name := range []string{"app", "late"} {
		b.Fails(name, "the keys in namespace "+b.keys+" could not be read yet: may the operator list and watch Secrets there?")
	}
	b.Event("late", "ErrUnsealFailed", b.keys)
	b.Holds("app", values{"k": "one"})
	if b.Secret("late") != nil {
		t.Error("without a key there is a Secret")
	}
	tap.Set(nil, nil)
	b.Holds("late", values{"k": "late"})
	b.Synced("late")
	b.Synced("app")
}
