package sealing

import (
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Secrets are those of the one namespace where the keys are; a part of
// client-go's SecretInterface.
type Secrets interface {
	List(ctx context.Context, opts metav1.ListOptions) (*corev1.SecretList, error)
	Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error)
	Create(ctx context.Context, s *corev1.Secret, opts metav1.CreateOptions) (*corev1.Secret, error)
}

// Options are what a Keyring can differ in. Zero values are what the original
// does.
type Options struct {
	// Namespace is what messages call the place of the keys.
	Namespace string
	// Prefix of the names of key Secrets.
	Prefix string
	// Bits and Validity of new keys.
	Bits     int
	Validity time.Duration
	// Renew is the age at which another key is made; negative: only a cluster
	// without any gets one.
	Renew time.Duration
	// Now tells the time; it is time.Now.
	Now func() time.Time
	// Backup: the keys are those of a backup, and messages say so.
	Backup bool
}

// What the original does.
const (
	defaultBits     = 4096
	defaultValidity = 10 * 365 * 24 * time.Hour
	defaultRenew    = 30 * 24 * time.Hour
)

// Keyring holds the keys of a cluster, the newest first, and opens what was
// sealed for them. Its methods may be called concurrently.
type Keyring struct {
	secrets Secrets
	opts    Options
	memory  memory

	mu      sync.Mutex
	ring    ring
	upTo    string // the version that the watch has brought
	parsed  map[string]parsed
	changed chan struct{}
	noted   chan struct{}
}

// ring is the keys as they are at one time. It is never changed.
type ring struct {
	loaded bool
	// turn counts the rings with other keys than the one before.
	turn uint64
	// lost counts the rings without a key of the one before.
	lost uint64
	keys []ringKey
	// retired are out of use. They open nothing: they only explain why.
	retired []ringKey
	faults  []Fault
}

// parsed is what was read of a Secret at one version: reading an RSA key takes
// longer than looking it up.
type parsed struct {
	version string
	key     *ringKey
	fault   *Fault
}

// NewKeyring makes a ring without keys. Load fills it, and Watch keeps it so.
func NewKeyring(secrets Secrets, opts Options) *Keyring {
	if opts.Namespace == "" {
		opts.Namespace = KeyNamespace
	}
	if opts.Prefix == "" {
		opts.Prefix = KeyPrefix
	}
	if opts.Bits == 0 {
		opts.Bits = defaultBits
	}
	if opts.Validity == 0 {
		opts.Validity = defaultValidity
	}
	if opts.Renew == 0 {
		opts.Renew = defaultRenew
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Keyring{secrets: secrets, opts: opts, parsed: map[string]parsed{}, changed: make(chan struct{}), noted: make(chan struct{})}
}

// Changed is closed when the keys become others than they are at the call:
// what failed before may then open.
func (r *Keyring) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// Noted is closed when anything becomes other than it is at the call: the keys,
// their certificates, or what is broken of them.
func (r *Keyring) Noted() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.noted
}

// Lost counts how often a key went that had opened: it was deleted, broken or
// taken out of use. What it opened may open no more.
func (r *Keyring) Lost() uint64 { return r.now().lost }

// Fits reports that each entry was opened, and by a key that is there still.
// Nothing is decrypted for it; what was opened long ago may be forgotten.
func (r *Keyring) Fits(s *delivery.Sealed) bool {
	keys := r.now().keys
	for _, ciphertext := range s.Entries {
		known, ok := r.memory.get(markOf(s, ciphertext))
		if !ok || known.err != nil || !holds(keys, known.id) {
			return false
		}
	}
	return true
}

// Faults are the key Secrets of which something is broken, or the certificate
// not valid though it is the newest.
func (r *Keyring) Faults() []Fault {
	keys := r.now()
	return append(slices.Clone(keys.faults), keys.untimely(r.opts.Now())...)
}

// Keys are those that open, the newest first.
func (r *Keyring) Keys() []Key {
	var out []Key
	for _, k := range r.now().keys {
		out = append(out, k.Key)
	}
	return out
}

func (r *Keyring) now() ring {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ring
}

// unloaded is why nothing opens before the keys could be read.
func (r *Keyring) unloaded(cause error) *delivery.Error {
	return &delivery.Error{Kind: delivery.Unavailable, Err: cause,
		Message: "the keys in namespace " + r.opts.Namespace + " could not be read yet: may the operator list and watch Secrets there?"}
}
