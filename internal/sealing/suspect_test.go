package sealing_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// A broken key may be the one that a value needs, unless the key opens, or it
// was found out what the matter is.
func TestOnlyAKeyThatDoesNotOpenIsSuspected(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	opens := keySecret("a-opens", sealing.KeyActive, p[1])
	opens.Data["tls.crt"] = p[2].cert.PEM()
	create(t, secrets, keySecret("good", sealing.KeyActive, p[0]), opens, keySecret("leaked", "compromised", p[2]))
	broken := func(name string) *corev1.Secret {
		s := keySecret(name, sealing.KeyActive, p[3])
		s.Data["tls.key"] = []byte("canary")
		return s
	}
	plain := map[string]string{"a": "1", "b": "2"}
	lost, leaked := sealed(t, delivery.SealStrict, plain, p[3]), sealed(t, delivery.SealStrict, plain, p[2])
	scope, moved := sealed(t, delivery.SealStrict, plain, p[0]), sealed(t, delivery.SealStrict, plain, p[0], p[1])
	scope.Scope, moved.Name = delivery.SealCluster, "other"
	r := sealing.NewKeyring(secrets, sealing.Options{Namespace: "keys"})
	says := func(what string, s delivery.Sealed, want string) {
		t.Helper()
		if err := r.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := r.Open(t.Context(), s)
		if delivery.KindOf(err) != delivery.Refused {
			t.Fatalf("%s: %v", what, err)
		}
		if _, hint, _ := strings.Cut(err.Error(), "; it may need "); hint != want {
			t.Errorf("%s: it may need %q, want %q", what, hint, want)
		}
	}
	says("only a certificate is bad", lost, "")
	create(t, secrets, broken("b-broken"))
	says("one is broken", lost, "a key that is broken, in namespace keys: Secret b-broken: tls.key holds no key that can be used: "+
		"there is no private key in it: it must be PEM, and begin with -----BEGIN RSA PRIVATE KEY-----. What was sealed for it does not open until it is restored")
	create(t, secrets, broken("c-broken"), broken("d-broken"), broken("e-broken"), broken("f-broken"))
	says("five are broken", lost, "a key that is broken, in namespace keys: Secrets b-broken, c-broken, d-broken and 2 more")
	says("another scope", scope, "")
	says("another name", moved, "")
	says("out of use", leaked, "")
}
