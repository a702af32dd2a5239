package operator

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/tacit-secrets/tacit/internal/sealing"
)

// An interface that holds a nil pointer would not do: it would be asked.
func TestThereAreKeysForTheLanguageAlone(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]LanguageOptions{"with": {}, "without": {Without: []string{sealedSecrets}}} {
		k := newKeys(corev1client.New(nil), o.Sealed, Languages(o))
		if opens, known := k.unsealer() != nil, k.known() != nil; opens != (name == "with") || known != opens {
			t.Errorf("%s the language: data is opened: %v, keys are known: %v", name, opens, known)
		}
	}
}

// spoiling is a cluster in which new keys do not stay usable.
type spoiling struct {
	spoil func(*corev1.Secret)
	lasts time.Duration // until they are deleted; 0 is forever

	mu   sync.Mutex
	all  []corev1.Secret
	made []time.Time
}

func (s *spoiling) List(_ context.Context, opts metav1.ListOptions) (*corev1.SecretList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &corev1.SecretList{}
	for i, made := range s.made {
		if opts.LabelSelector != "" && (s.lasts == 0 || time.Since(made) < s.lasts) {
			out.Items = append(out.Items, s.all[i])
		}
	}
	return out, nil
}

func (*spoiling) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return nil, errors.New("nobody watches")
}

func (s *spoiling) Create(_ context.Context, key *corev1.Secret, _ metav1.CreateOptions) (*corev1.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spoil != nil {
		s.spoil(key)
	}
	s.all, s.made = append(s.all, *key), append(s.made, time.Now())
	return key, nil
}

// run renews the keys for a time, looking after them each second as a watch
// does. It returns when keys were made.
func (s *spoiling) run(ctx context.Context, t *testing.T, during time.Duration) []time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	begin := time.Now()
	ring := sealing.NewKeyring(s, sealing.Options{Bits: 2048})
	go func() {
		for tick := time.Tick(time.Second); ; {
			select {
			case <-tick:
				_ = ring.Load(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
	if err := (&renewal{&keys{ring: ring}, renewalPause, logr.Discard()}).Start(ctx); err != nil {
		t.Error(err)
	}
	var at []time.Duration
	for _, made := range s.made {
		at = append(at, made.Sub(begin))
	}
	return at
}

// A key that is made must not be the reason for the next one at once.
func TestKeysThatDoNotLastAreNotMadeWithoutEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*spoiling{
		"label":       {spoil: func(s *corev1.Secret) { s.Labels[sealing.KeyLabel] = "compromised" }},
		"key":         {spoil: func(s *corev1.Secret) { s.Data[corev1.TLSPrivateKeyKey] = []byte("x") }},
		"certificate": {spoil: func(s *corev1.Secret) { s.Data[corev1.TLSCertKey] = []byte("x") }},
		"deleted":     {lasts: time.Millisecond},
		"found first": {lasts: 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				at := c.run(t.Context(), t, 10*time.Minute)
				if n := len(at); n < 2 || n > 5 || at[1] > 6*time.Second || n > 2 && at[2] < time.Minute {
					t.Errorf("keys were made after %s", at)
				}
			})
		})
	}
}

// Hours apart each one is replaced at once.
func TestAKeyThatWentIsReplacedSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const lasts = 3 * time.Hour
		at := (&spoiling{lasts: lasts}).run(t.Context(), t, 10*time.Hour)
		if len(at) != 4 {
			t.Fatalf("keys were made after %s", at)
		}
		for i := range at[1:] {
			if late := at[i+1] - at[i] - lasts; late < 0 || late > 3*time.Second {
				t.Errorf("the next one was made %s late", late)
			}
		}
	})
}
