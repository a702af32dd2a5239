package operator

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tacit-secrets/tacit/internal/controller"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// sealedSecrets is the name of the language that needs keys.
const sealedSecrets = "sealed-secrets"

// SealedOptions say which keys open SealedSecrets. The zero value is what the
// original does.
type SealedOptions struct {
	// KeysNamespace is where the keys are; empty is kube-system.
	KeysNamespace string
	// RenewPeriod is the age at which another key is made; 0 is 30 days, less
	// never makes another.
	RenewPeriod time.Duration
	// Bits of new keys; 0 is 4096.
	Bits int
	// Privileged are the namespaces whose SealedSecrets may make Secrets of the
	// types that the cluster itself acts on; "*" is all.
	Privileged []string
}

// keys are the cluster's, and what opens sealed data with them.
type keys struct {
	ring  *sealing.Keyring
	where string // their namespace
	// slots leave a processor to others: to open a value takes milliseconds of
	// one, and thousands may be asked for at once.
	slots chan struct{}
}

// addKeys gives the engine what opens sealed data, and the manager what keeps
// it current; nil if no language needs any.
func addKeys(mgr ctrl.Manager, shared *controller.Shared, o Options, langs []dialect.Language) (*keys, error) {
	i := slices.IndexFunc(langs, func(l dialect.Language) bool { return l.Name == sealedSecrets })
	if i < 0 {
		return nil, nil
	}
	opts := o.Languages.Sealed
	if opts.KeysNamespace == "" {
		opts.KeysNamespace = sealing.KeyNamespace
	}
	k := &keys{
		ring: sealing.NewKeyring(shared.Engine.Core.Secrets(opts.KeysNamespace), sealing.Options{
			Namespace: opts.KeysNamespace, Bits: opts.Bits, Renew: opts.RenewPeriod,
		}),
		where: opts.KeysNamespace,
		slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1)),
	}
	shared.Engine.Sealed, shared.Keys = k, k.ring
	err := mgr.Add(&keyWatch{keys: k, starter: starter{mgr: mgr, shared: shared, lang: langs[i], pause: o.Pause}})
	if err != nil {
		return nil, fmt.Errorf("add the watch of keys: %w", err)
	}
	return k, nil
}

// share is how many values are opened before others have their turn.
const share = 8

// Unseal implements engine.Unsealer.
func (k *keys) Unseal(ctx context.Context, s delivery.Sealed) (data secret.Data, key string, err error) {
	if len(s.Entries) <= share || len(s.Entries) > sealing.MaxEntries {
		return k.open(ctx, s)
	}
	data = make(secret.Data, len(s.Entries))
	for part := range slices.Chunk(slices.Sorted(maps.Keys(s.Entries)), share) {
		some := s
		some.Entries = make(map[string]string, len(part))
		for _, entry := range part {
			some.Entries[entry] = s.Entries[entry]
		}
		var got secret.Data
		if got, key, err = k.open(ctx, some); err != nil {
			return nil, "", err
		}
		maps.Copy(data, got)
	}
	return data, key, nil
}

func (k *keys) open(ctx context.Context, s delivery.Sealed) (secret.Data, string, error) {
	select {
	case k.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	defer func() { <-k.slots }()
	return k.ring.Unseal(ctx, s)
}

// load reads the keys before anything is opened, so that a start fails nothing
// for want of them.
func (k *keys) load(ctx context.Context, log logr.Logger) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := k.ring.Load(ctx); err != nil {
		log.Error(err, "SealedSecrets wait for the keys", "namespace", k.where)
	}
}

// renewal makes the first key, and another when the newest is old enough. Only
// the leader does.
type renewal struct {
	*keys
	every time.Duration
	log   logr.Logger
}

// How long after a look, and after one that failed, the next one comes.
const (
	renewalPause = time.Hour
	renewalRetry = 10 * time.Second
)

// Start implements manager.Runnable.
func (r *renewal) Start(ctx context.Context) error {
	for {
		wait := r.every
		name, err := r.ring.Rotate(ctx, time.Now())
		if name != "" {
			r.log.Info("made a new key to seal for; older ones go on to open", "namespace", r.where, "secret", name)
		}
		if err != nil && ctx.Err() == nil {
			r.log.Error(err, "the keys could not be renewed", "namespace", r.where)
			wait = min(wait, renewalRetry)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// before readies the keys for the language that is about to start.
func (k *keys) before(mgr ctrl.Manager, period time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		log := mgr.GetLogger().WithName("keys")
		k.load(ctx, log)
		every := renewalPause
		if period > 0 {
			every = min(every, max(period/10, time.Second))
		}
		return mgr.Add(&renewal{k, every, log})
	}
}
