package sealing_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// secretsOf is a namespace of a real API server.
func secretsOf(t testing.TB) corev1client.SecretInterface {
	t.Helper()
	plane := testkit.SharedPlane(t)
	clients, err := kubernetes.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	return clients.CoreV1().Secrets(testkit.Namespace(t, plane))
}

// keySecret is a key as the original keeps it.
func keySecret(name, label string, p pair) *corev1.Secret {
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"tls.key": p.key.PEM().Reveal(), "tls.crt": p.cert.PEM()},
	}
	if label != "" {
		s.Labels = map[string]string{sealing.KeyLabel: label}
	}
	return s
}

func create(t testing.TB, secrets corev1client.SecretInterface, all ...*corev1.Secret) {
	t.Helper()
	for _, s := range all {
		if _, err := secrets.Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func loaded(t testing.TB, secrets sealing.Secrets, opts sealing.Options) *sealing.Keyring {
	t.Helper()
	if opts.Now == nil {
		opts.Now = func() time.Time { return start.AddDate(1, 0, 0) } // all pairs are valid
	}
	r := sealing.NewKeyring(secrets, opts)
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// sealed is an object with one entry for each text.
func sealed(t testing.TB, scope delivery.SealScope, plain map[string]string, to ...pair) delivery.Sealed {
	t.Helper()
	s := delivery.Sealed{Entries: map[string]string{}, Scope: scope, Namespace: "shop", Name: "db"}
	for entry, text := range plain {
		out, err := sealing.Seal(rand.Reader, certsOf(to...), s.Label(), value(text))
		if err != nil {
			t.Fatal(err)
		}
		s.Entries[entry] = out
	}
	return s
}

func ids(p ...pair) string {
	var out []string
	for _, x := range p {
		out = append(out, x.key.ID.String())
	}
	return strings.Join(out, " ")
}

func ring(r *sealing.Keyring) string {
	var out []string
	for _, k := range r.Keys() {
		out = append(out, k.ID.String())
	}
	return strings.Join(out, " ")
}

func TestKeysAreTakenOverAsTheyAre(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	create(t, secrets,
		keySecret("sealed-secrets-keyb7x2q", sealing.KeyActive, p[2]),
		keySecret("sealed-secrets-keya", sealing.KeyActive, p[1]),
		keySecret("sealed-secrets-key", "", p[0]), // before the original marked them
		keySecret("sealed-secrets-keyold", "compromised", p[3]),
		keySecret("other", "", p[4]))
	r := loaded(t, secrets, sealing.Options{})
	if got, want := ring(r), ids(p[2], p[1], p[0]); got != want {
		t.Errorf("the keys are %s, want %s", got, want)
	}
	if certs := r.Certificates(); len(certs) != 3 || certs[0].ID != p[2].key.ID {
		t.Errorf("the certificates are %v", certs)
	}
	for _, scope := range []delivery.SealScope{delivery.SealStrict, delivery.SealNamespace, delivery.SealCluster} {
		got, err := r.Open(t.Context(), sealed(t, scope, map[string]string{"a": "1", "b": ""}, p[0]))
		if err != nil || len(got) != 2 || string(got["a"].Reveal()) != "1" || got["b"].Len() != 0 {
			t.Errorf("%s: %d entries, %v", scope, len(got), err)
		}
	}
	if got, err := r.Open(t.Context(), sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, p[3])); err == nil {
		t.Errorf("the key that is out of use opened %d entries", len(got))
	}
}

func TestABrokenKeyHurtsNoOther(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	const canary = "canary-in-a-key"
	with := func(name, file, text string) *corev1.Secret {
		s := keySecret(name, sealing.KeyActive, p[1])
		s.Data[file] = []byte(text)
		return s
	}
	create(t, secrets,
		keySecret("good", sealing.KeyActive, p[0]),
		with("cut", "tls.key", string(p[1].key.PEM().Reveal()[:900])),
		with("garbage", "tls.key", canary),
		with("empty", "tls.key", ""),
		with("broken", "tls.key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"),
		with("elliptic", "tls.key", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"),
		with("passphrase", "tls.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"),
	)
	// These two still open, but nothing is sealed for them.
	other := keySecret("other-certificate", sealing.KeyActive, p[2])
	other.Data["tls.crt"] = p[3].cert.PEM()
	none := keySecret("no-certificate", sealing.KeyActive, p[3])
	none.Data["tls.crt"] = nil
	create(t, secrets, other, none)

	r := loaded(t, secrets, sealing.Options{})
	if certs := r.Certificates(); len(certs) != 1 || certs[0].ID != p[0].key.ID {
		t.Errorf("sealed for %v", certs)
	}
	for _, at := range []pair{p[0], p[2], p[3]} {
		if _, err := r.Open(t.Context(), sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, at)); err != nil {
			t.Error(err)
		}
	}
	var names []string
	for _, f := range r.Faults() {
		names = append(names, f.Secret)
		if strings.Contains(f.String(), canary) || strings.Contains(f.String(), "AAAA") || len(f.String()) > 300 {
			t.Errorf("told: %s", f)
		}
	}
	if got, want := strings.Join(names, " "), "broken cut elliptic empty garbage no-certificate other-certificate passphrase"; got != want {
		t.Errorf("faults of %s, want %s", got, want)
	}
}

func TestTheFirstKeyGoesOutOfUseLikeOthers(t *testing.T) {
	t.Parallel()
	p := pairs()
	for label, want := range map[string]string{"": ids(p[0]), "active": ids(p[0]), "compromised": ""} {
		secrets := secretsOf(t)
		create(t, secrets, keySecret("sealed-secrets-key", label, p[0]))
		r := loaded(t, secrets, sealing.Options{})
		if ring(r) != want || len(r.Faults()) > 0 {
			t.Errorf("marked %q: the keys are %q, faults %v", label, ring(r), r.Faults())
		}
	}
}

func TestAKeyOutOfUseIsNamed(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	broken := keySecret("broken", "compromised", p[4])
	broken.Data["tls.key"] = []byte("canary")
	create(t, secrets, keySecret("good", sealing.KeyActive, p[0]), keySecret("leaked", "compromised", p[1]), keySecret("old", "retired", p[2]),
		keySecret("again", sealing.KeyActive, p[3]), keySecret("twice", "compromised", p[3]), broken)
	r := loaded(t, secrets, sealing.Options{})
	if ring(r) != ids(p[3], p[0]) || len(r.Certificates()) != 2 || len(r.Faults()) > 0 {
		t.Errorf("the keys are %s, faults %v", ring(r), r.Faults())
	}
	plain := map[string]string{"a": "canary"}
	for want, to := range map[string][]pair{
		`Secret leaked is labelled "compromised"`: {p[1]},
		`Secret old is labelled "retired"`:        {p[2], p[4]},
		"none of this cluster's keys (2)":         {p[4]},
	} {
		got, err := r.Open(t.Context(), sealed(t, delivery.SealStrict, plain, to...))
		if delivery.KindOf(err) != delivery.Refused || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") || got != nil {
			t.Errorf("%d entries, %v, want %s", len(got), err, want)
		}
	}
	// A key that one Secret says is in use is.
	if _, err := r.Open(t.Context(), sealed(t, delivery.SealStrict, plain, p[3])); err != nil {
		t.Error(err)
	}
	// What opens is not kept from it by a key out of use that it names too.
	if _, err := r.Open(t.Context(), sealed(t, delivery.SealStrict, plain, p[1], p[0])); err != nil {
		t.Error(err)
	}
}

func TestABackupIsCalledOne(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	create(t, secrets, keySecret("k", sealing.KeyActive, p[0]))
	r := loaded(t, secrets, sealing.Options{Backup: true})
	moved := sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, p[:2]...)
	moved.Name = "other"
	for want, s := range map[string]delivery.Sealed{
		"none of the backup's keys (1) opens it":                                 sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, p[1]),
		"it was sealed for 2 keys, and none of them is at hand in the backup":    sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, p[1:3]...),
		"it was sealed for a key of the backup, but for another namespace or na": moved,
	} {
		if _, err := r.Open(t.Context(), s); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "this cluster") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestAKeyInTwoSecretsIsOne(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	none := keySecret("a", sealing.KeyActive, p[0])
	none.Data["tls.crt"] = nil
	create(t, secrets, none, keySecret("b", sealing.KeyActive, p[0]), keySecret("c", sealing.KeyActive, p[0]), keySecret("d", sealing.KeyActive, p[1]))
	r := loaded(t, secrets, sealing.Options{})
	if got := r.Certificates(); ring(r) != ids(p[1], p[0]) || len(got) != 2 || got[1].ID != p[0].key.ID {
		t.Errorf("the keys are %s, with certificates %v", ring(r), got)
	}
}

func TestFailuresSayWhichEntryAndWhy(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	create(t, secrets, keySecret("k1", sealing.KeyActive, p[0]), keySecret("k2", sealing.KeyActive, p[1]))
	r := loaded(t, secrets, sealing.Options{})
	const canary = "canary-of-failures"
	plain := map[string]string{"password": canary}
	here := sealed(t, delivery.SealStrict, plain, p[0])
	moved := func(s delivery.Sealed, scope delivery.SealScope, ns, name string) delivery.Sealed {
		s.Scope, s.Namespace, s.Name = scope, ns, name
		return s
	}
	raw := here.Entries["password"]
	entry := func(text string) delivery.Sealed {
		return delivery.Sealed{Entries: map[string]string{"password": text}, Scope: delivery.SealStrict, Namespace: "shop", Name: "db"}
	}
	crowd := delivery.Sealed{Entries: map[string]string{}}
	for i := range sealing.MaxEntries + 1 {
		crowd.Entries[fmt.Sprint(i)] = raw
	}
	for name, c := range map[string]struct {
		sealed delivery.Sealed
		kind   delivery.ErrorKind
		want   string
	}{
		"another cluster":       {sealed(t, delivery.SealStrict, plain, p[2]), delivery.Refused, `"password": none of this cluster's keys (2) opens it: it was sealed for another cluster, or for another namespace or name than shop/db`},
		"another cluster, wide": {sealed(t, delivery.SealCluster, plain, p[2]), delivery.Refused, `another cluster, or for one namespace`},
		"other clusters":        {sealed(t, delivery.SealStrict, plain, p[2:]...), delivery.Refused, `it was sealed for 3 keys, and none of them is at hand in this cluster: seal it for this cluster's certificate too`},
		"another name":          {moved(here, delivery.SealStrict, "shop", "other"), delivery.Refused, `another namespace or name than shop/other`},
		"other clusters, name":  {moved(sealed(t, delivery.SealStrict, plain, p[:3]...), delivery.SealStrict, "shop", "other"), delivery.Refused, `sealed for this cluster, but for another namespace or name than shop/other`},
		"scope, strict":         {moved(here, delivery.SealCluster, "shop", "db"), delivery.Refused, `it was sealed strict, and the object says cluster-wide`},
		"scope, namespace":      {moved(sealed(t, delivery.SealNamespace, plain, p[0]), delivery.SealStrict, "shop", "db"), delivery.Refused, `it was sealed namespace-wide, and the object says strict`},
		"scope, several":        {moved(sealed(t, delivery.SealCluster, plain, p[:2]...), delivery.SealStrict, "shop", "db"), delivery.Refused, `it was sealed cluster-wide, and the object says strict`},
		"scope, of each":        {moved(sealed(t, delivery.SealNamespace, map[string]string{"a": "1", "b": "2"}, p[0]), delivery.SealStrict, "shop", "db"), delivery.Refused, `"b": it was sealed namespace-wide, and the object says strict`},
		"cut":                   {entry(raw[:300]), delivery.Malformed, `cut short`},
		"cut by a little":       {entry(raw[:len(raw)-8]), delivery.Malformed, `changed or cut short since`},
		"not base64":            {entry(canary), delivery.Malformed, `"password": it is not base64`},
		"plain base64":          {entry("c2VjcmV0LWNhbmFyeQ=="), delivery.Malformed, `"password": it was never sealed: it is base64 of something else, as in the data of a Secret; seal it`},
		"too large":             {entry(strings.Repeat("A", 10<<20)), delivery.Malformed, `are the most`},
		"too many":              {crowd, delivery.Malformed, `it has 2049 entries: 2048 are the most; divide them among several SealedSecrets`},
	} {
		got, err := r.Open(t.Context(), c.sealed)
		var e *delivery.Error
		if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(e.Message, c.want) || got != nil {
			t.Errorf("%s: %d entries, %v", name, len(got), err)
			continue
		}
		if e.Kind.Final() || strings.Contains(err.Error(), canary) || len(e.Message) > 400 {
			t.Errorf("%s: final or told: %v", name, err)
		}
	}
	// One bad entry fails all, and only it is named.
	here.Entries["zz"] = "?"
	if got, _, err := r.Unseal(t.Context(), here); err == nil || len(got) > 0 || strings.Contains(err.Error(), "password") || !strings.Contains(err.Error(), `"zz"`) {
		t.Errorf("%d entries, %v", len(got), err)
	}
	// Of many bad ones, some.
	many := delivery.Sealed{Entries: map[string]string{}}
	for i := range 100 {
		many.Entries[fmt.Sprintf("%03d", i)] = "?"
	}
	if _, err := r.Open(t.Context(), many); err == nil || !strings.HasSuffix(err.Error(), "; perhaps others too") || len(err.Error()) > 400 {
		t.Error(err)
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	create(t, secrets, keySecret("k", sealing.KeyActive, p[0]))
	r := loaded(t, secrets, sealing.Options{})
	s := sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, p[0])
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Open(ctx, s); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := r.Open(t.Context(), s); err != nil {
		t.Errorf("the end of one context is remembered: %v", err)
	}
}

func TestNothingOpensBeforeTheKeysAreRead(t *testing.T) {
	t.Parallel()
	p := pairs()
	deaf := &failing{err: errors.New("no route to host")}
	r := sealing.NewKeyring(deaf, sealing.Options{Namespace: "keys"})
	s := sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, p[0])
	if err := r.Load(t.Context()); err == nil {
		t.Error("loaded")
	}
	if _, err := r.Open(t.Context(), s); delivery.KindOf(err) != delivery.Unavailable || !strings.Contains(err.Error(), "namespace keys") {
		t.Error(err)
	}
	if name, err := r.Rotate(t.Context(), start); err == nil || deaf.created > 0 {
		t.Errorf("made key %q of which nobody knows whether it is needed", name)
	}
	// An empty cluster is told apart.
	r = loaded(t, secretsOf(t), sealing.Options{})
	if _, err := r.Open(t.Context(), s); delivery.KindOf(err) != delivery.Refused || !strings.Contains(err.Error(), "restore") {
		t.Error(err)
	}
}

// failing is an API server that cannot be reached.
type failing struct {
	corev1client.SecretInterface
	err     error
	created int
}

func (f *failing) List(context.Context, metav1.ListOptions) (*corev1.SecretList, error) {
	return nil, f.err
}

func (f *failing) Create(context.Context, *corev1.Secret, metav1.CreateOptions) (*corev1.Secret, error) {
	f.created++
	return nil, f.err
}

// watched is a ring that follows the cluster until the test ends. until waits
// until its keys are these.
func watched(t *testing.T, secrets sealing.Secrets) (r *sealing.Keyring, until func(what, want string)) {
	t.Helper()
	r = sealing.NewKeyring(secrets, sealing.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Watch(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r, func(what, want string) {
		t.Helper()
		deadline := time.After(2 * time.Minute)
		for {
			changed := r.Changed()
			if ring(r) == want {
				return
			}
			select {
			case <-changed:
			case <-deadline:
				t.Fatalf("%s: the keys are %s, want %s", what, ring(r), want)
			}
		}
	}
}

func TestTheRingFollowsTheCluster(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	create(t, secrets, keySecret("k0", sealing.KeyActive, p[0]), keySecret("sealed-secrets-key", "", p[4]))
	r, until := watched(t, secrets)
	ctx := t.Context()
	until("at first", ids(p[4], p[0]))

	s := sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, p[1])
	if _, err := r.Open(ctx, s); err == nil {
		t.Fatal("it opens without its key")
	}
	create(t, secrets, keySecret("k1", sealing.KeyActive, p[1]))
	until("with a key more", ids(p[4], p[1], p[0]))
	if _, err := r.Open(ctx, s); err != nil {
		t.Errorf("the failure was final: %v", err)
	}

	relabelled := keySecret("k1", "compromised", p[1])
	if _, err := secrets.Update(ctx, relabelled, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	until("with one out of use", ids(p[4], p[0]))
	if _, err := r.Open(ctx, s); err == nil || !strings.Contains(err.Error(), "out of use: Secret k1") {
		t.Errorf("of a key that is out of use: %v", err)
	}
	label(t, secrets, "sealed-secrets-key", "compromised")
	until("with the first out of use", ids(p[0]))
	label(t, secrets, "sealed-secrets-key", sealing.KeyActive)
	until("with the first in use again", ids(p[4], p[0]))
	if err := secrets.Delete(ctx, "k0", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until("with one deleted", ids(p[4]))
}

func TestResealTakesTheNewestKey(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	create(t, secrets, keySecret("k0", sealing.KeyActive, p[0]), keySecret("k1", sealing.KeyActive, p[1]))
	r := loaded(t, secrets, sealing.Options{})
	s := sealed(t, delivery.SealNamespace, map[string]string{"a": "1"}, p[0])
	for entry, text := range sealed(t, delivery.SealNamespace, map[string]string{"new": "2"}, p[1]).Entries {
		s.Entries[entry] = text
	}
	got, err := r.Reseal(t.Context(), rand.Reader, s)
	if err != nil || len(got) != 2 || got["new"] != s.Entries["new"] {
		t.Fatalf("%d entries, %v", len(got), err)
	}
	if v, id, err := sealing.Open(keysOf(p[1]), "shop", got["a"]); err != nil || id != p[1].key.ID || string(v.Reveal()) != "1" {
		t.Error(err)
	}
	s.Entries["bad"] = "?"
	if got, err := r.Reseal(t.Context(), rand.Reader, s); delivery.KindOf(err) != delivery.Malformed || got != nil {
		t.Errorf("%d entries, %v", len(got), err)
	}
}
