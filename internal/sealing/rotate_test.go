package sealing_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// fast makes small keys.
var fast = sealing.Options{Bits: 2048}

func keySecrets(t testing.TB, secrets corev1client.SecretInterface) []corev1.Secret {
	t.Helper()
	list, err := secrets.List(t.Context(), metav1.ListOptions{LabelSelector: sealing.KeyLabel})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func TestTheFirstKeyIsAsTheOriginalMakesIt(t *testing.T) {
	t.Parallel()
	secrets := secretsOf(t)
	r := sealing.NewKeyring(secrets, sealing.Options{})
	now := time.Now().Truncate(time.Second)
	name, err := r.Rotate(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	all := keySecrets(t, secrets)
	if len(all) != 1 || all[0].Name != name || !strings.HasPrefix(name, "sealed-secrets-key") || len(name) <= len("sealed-secrets-key") {
		t.Fatalf("made %q, there are %d", name, len(all))
	}
	if s := all[0]; s.Type != corev1.SecretTypeTLS || s.Labels[sealing.KeyLabel] != "active" || len(s.Data) != 2 ||
		!strings.HasPrefix(string(s.Data["tls.key"]), "-----BEGIN RSA PRIVATE KEY-----") {
		t.Errorf("a Secret of type %s with labels %v and %d files", s.Type, s.Labels, len(s.Data))
	}
	c := r.Certificates()[0]
	if c.Bits() != 4096 || !c.NotBefore.Equal(now) || c.NotAfter.Sub(now) != 10*365*24*time.Hour {
		t.Errorf("%d bits from %s to %s", c.Bits(), c.NotBefore, c.NotAfter)
	}
	if again, err := r.Rotate(t.Context(), now.Add(time.Hour)); err != nil || again != "" {
		t.Errorf("made %q at once again, %v", again, err)
	}
}

func TestANewKeyEveryThirtyDays(t *testing.T) {
	t.Parallel()
	p := pairs() // p[0] is of the first of January
	secrets := secretsOf(t)
	create(t, secrets, keySecret("old", sealing.KeyActive, p[0]))
	r := sealing.NewKeyring(secrets, fast)
	for _, c := range []struct {
		at   time.Time
		keys int
	}{
		{start.Add(-24 * time.Hour), 1}, // the clock is behind
		{start.AddDate(0, 0, 29), 1},
		{start.AddDate(0, 0, 30), 2},
		{start.AddDate(0, 0, 31), 2},
		{start.AddDate(0, 0, 60), 3},
	} {
		name, err := r.Rotate(t.Context(), c.at)
		if got := len(r.Keys()); err != nil || got != c.keys {
			t.Fatalf("at %s: %d keys, want %d; made %q, %v", c.at, got, c.keys, name, err)
		}
	}
	if !strings.HasSuffix(ring(r), ids(p[0])) || len(keySecrets(t, secrets)) != 3 {
		t.Error("the old key is gone")
	}
}

func TestWithoutRenewalOnlyAMissingKeyIsMade(t *testing.T) {
	t.Parallel()
	off := fast
	off.Renew = -1
	r := sealing.NewKeyring(secretsOf(t), off)
	if name, err := r.Rotate(t.Context(), start); err != nil || name == "" {
		t.Fatal(err)
	}
	if name, err := r.Rotate(t.Context(), start.AddDate(20, 0, 0)); err != nil || name != "" {
		t.Errorf("made %q, %v", name, err)
	}
}

func TestAnExpiredCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	short := fast
	short.Validity = 24 * time.Hour
	r := sealing.NewKeyring(secretsOf(t), short)
	for i, at := range []time.Time{start, start.AddDate(0, 0, 2)} {
		if name, err := r.Rotate(t.Context(), at); err != nil || name == "" || len(r.Keys()) != i+1 {
			t.Errorf("at %s: %d keys, %v", at, len(r.Keys()), err)
		}
	}
}

// Replicas that all find the newest key too old make one together.
func TestReplicasMakeOneKey(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	create(t, secrets, keySecret("old", sealing.KeyActive, p[0]))
	made := rotateTogether(t, secrets, 4)
	if got := strings.TrimSpace(strings.Join(made, "")); len(got) != len("sealed-secrets-key")+5 {
		t.Errorf("made %q", made)
	}
	if got := len(keySecrets(t, secrets)); got != 2 {
		t.Errorf("%d keys", got)
	}
}

// A first key has nothing to be named after but itself: replicas that make one
// in the same moment make one each, and all of these open.
func TestReplicasThatMakeAFirstKeyAtOnceLoseNone(t *testing.T) {
	t.Parallel()
	for name, before := range map[string][]*corev1.Secret{
		"none":      nil,
		"a cracked": {keySecret("old", "compromised", pairs()[0])},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secrets := secretsOf(t)
			create(t, secrets, before...)
			made := rotateTogether(t, secrets, 3)
			r := loaded(t, secrets, sealing.Options{})
			if len(r.Keys()) != 3 || slices.Contains(made, "") {
				t.Errorf("%d keys, made %q", len(r.Keys()), made)
			}
			for _, k := range r.Certificates() {
				s := sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, pair{cert: k})
				if _, err := r.Open(t.Context(), s); err != nil {
					t.Error(err)
				}
			}
			if name, err := r.Rotate(t.Context(), start.AddDate(0, 2, 0)); name != "" || err != nil {
				t.Errorf("made %q more, %v", name, err)
			}
		})
	}
}

// rotateTogether has replicas that all find a key due create theirs at once.
func rotateTogether(t *testing.T, secrets corev1client.SecretInterface, replicas int) (made []string) {
	t.Helper()
	meet := &meeting{SecretInterface: secrets}
	meet.arrived.Add(replicas)
	made = make([]string, replicas)
	var wg sync.WaitGroup
	for i := range replicas {
		wg.Go(func() {
			r := sealing.NewKeyring(meet.replica(), fast)
			var err error
			if made[i], err = r.Rotate(t.Context(), start.AddDate(0, 2, 0)); err != nil {
				t.Error(err)
			}
			if len(r.Certificates()) == 0 || r.Certificates()[0].ID == pairs()[0].key.ID {
				t.Error("a replica does not know the new key")
			}
		})
	}
	wg.Wait()
	return made
}

// To make a key takes seconds. Who was faster meanwhile is seen.
func TestAFirstKeyThatCameMeanwhileIsTaken(t *testing.T) {
	t.Parallel()
	secrets := secretsOf(t)
	late := &overtaken{SecretInterface: secrets, by: func() { create(t, secrets, keySecret("theirs", sealing.KeyActive, pairs()[0])) }}
	r := sealing.NewKeyring(late, fast)
	if name, err := r.Rotate(t.Context(), start); err != nil || name != "" || ring(r) != ids(pairs()[0]) {
		t.Errorf("made %q, %v; the keys are %s", name, err, ring(r))
	}
}

// The key of a replica whose clock is a little ahead is of the future here.
func TestAKeyOfAClockAheadIsTaken(t *testing.T) {
	t.Parallel()
	due := start.AddDate(0, 2, 0)
	for name, theirs := range map[string]time.Time{"ahead": due.Add(2 * time.Second), "behind": due.Add(-2 * time.Second)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secrets := secretsOf(t)
			create(t, secrets, keySecret("old", sealing.KeyActive, pairs()[0]))
			late := &overtaken{SecretInterface: secrets, by: func() {
				if name, err := sealing.NewKeyring(secrets, fast).Rotate(t.Context(), theirs); err != nil || name == "" {
					t.Errorf("the other made %q, %v", name, err)
				}
			}}
			if name, err := sealing.NewKeyring(late, fast).Rotate(t.Context(), due); err != nil || name != "" {
				t.Errorf("made %q, %v", name, err)
			}
			if n := len(keySecrets(t, secrets)); n != 2 {
				t.Errorf("there are %d keys", n)
			}
		})
	}
}

// overtaken sees an empty cluster when it looks for the first time.
type overtaken struct {
	corev1client.SecretInterface
	by    func()
	looks int
}

func (o *overtaken) List(ctx context.Context, opts metav1.ListOptions) (*corev1.SecretList, error) {
	if opts.LabelSelector != "" {
		if o.looks++; o.looks == 2 {
			o.by()
		}
	}
	return o.SecretInterface.List(ctx, opts)
}

// Clusters that were given one key go on with keys, and names, of their own.
func TestClustersNameTheirKeysApart(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for range 2 {
		empty, given := secretsOf(t), secretsOf(t)
		create(t, given, keySecret("sealed-secrets-keyabcde", sealing.KeyActive, pairs()[0]))
		for _, secrets := range []corev1client.SecretInterface{empty, given} {
			name, err := sealing.NewKeyring(secrets, fast).Rotate(t.Context(), start.AddDate(0, 2, 0))
			if err != nil || !strings.HasPrefix(name, "sealed-secrets-key") {
				t.Fatal(name, err)
			}
			names[name] = true
		}
	}
	if len(names) != 4 {
		t.Errorf("four keys have the names %v", names)
	}
}

// meeting holds every replica's first Create until all have come so far.
type meeting struct {
	corev1client.SecretInterface
	arrived sync.WaitGroup
}

func (m *meeting) replica() sealing.Secrets {
	return &replica{SecretInterface: m.SecretInterface, wait: sync.OnceFunc(func() { m.arrived.Done(); m.arrived.Wait() })}
}

type replica struct {
	corev1client.SecretInterface
	wait func()
}

func (r *replica) Create(ctx context.Context, s *corev1.Secret, opts metav1.CreateOptions) (*corev1.Secret, error) {
	r.wait()
	return r.SecretInterface.Create(ctx, s, opts)
}

// The name that a new key would have can be that of one out of use.
func TestANameThatIsTakenIsPassedOver(t *testing.T) {
	t.Parallel()
	secrets := secretsOf(t)
	create(t, secrets, keySecret("old", sealing.KeyActive, pairs()[0]))
	names := map[string]bool{}
	for range 3 {
		r := sealing.NewKeyring(secrets, fast)
		name, err := r.Rotate(t.Context(), start.AddDate(0, 2, 0))
		if err != nil || name == "" {
			t.Fatalf("%q, %v", name, err)
		}
		names[name] = true
		label(t, secrets, name, "compromised")
	}
	if len(names) != 3 {
		t.Error(names)
	}
}

func label(t testing.TB, secrets corev1client.SecretInterface, name, value string) {
	t.Helper()
	s, err := secrets.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Labels = map[string]string{sealing.KeyLabel: value}
	if _, err := secrets.Update(t.Context(), s, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestAKeyThatCannotBeKeptIsNotUsed(t *testing.T) {
	t.Parallel()
	r := sealing.NewKeyring(&full{SecretInterface: secretsOf(t)}, fast)
	if _, err := r.Rotate(t.Context(), start); err == nil || !strings.Contains(err.Error(), "kube-system/sealed-secrets-key") {
		t.Error(err)
	}
	if len(r.Keys()) != 0 {
		t.Error("there is a key that nobody keeps")
	}
}

type full struct{ corev1client.SecretInterface }

func (*full) Create(context.Context, *corev1.Secret, metav1.CreateOptions) (*corev1.Secret, error) {
	return nil, errors.New("quota exceeded")
}
