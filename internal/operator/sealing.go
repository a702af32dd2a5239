package operator

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/go-logr/logr"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tacit-secrets/tacit/internal/controller"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine"
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

// newKeys are those in the cluster; nil if no language needs any.
func newKeys(core corev1client.SecretsGetter, opts SealedOptions, langs []dialect.Language) *keys {
	if !slices.ContainsFunc(langs, func(l dialect.Language) bool { return l.Name == sealedSecrets }) {
		return nil
	}
	where := cmp.Or(opts.KeysNamespace, sealing.KeyNamespace)
	return &keys{
		ring:  sealing.NewKeyring(core.Secrets(where), sealing.Options{Namespace: where, Bits: opts.Bits, Renew: opts.RenewPeriod}),
		where: where,
		slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1)),
	}
}

// unsealer is nil without keys, and not an interface that holds a nil pointer.
func (k *keys) unsealer() engine.Unsealer {
	if k == nil {
		return nil
	}
	return k
}

// known is what controllers are told of the keys, nil as unsealer is.
func (k *keys) known() controller.Keys {
	if k == nil {
		return nil
	}
	return k.ring
}

// addKeys gives the manager what keeps the keys current for the language that is
// started so, and what serves kubeseal with them.
func addKeys(mgr ctrl.Manager, k *keys, start starter, o Options) error {
	if err := mgr.Add(&keyWatch{keys: k, starter: start}); err != nil {
		return fmt.Errorf("add the watch of keys: %w", err)
	}
	return addKubeseal(mgr, k, o)
}

// Unseal implements engine.Unsealer.
func (k *keys) Unseal(ctx context.Context, s delivery.Sealed) (data secret.Data, key string, err error) {
	return k.ring.UnsealInTurns(ctx, s, k.turn)
}

func (k *keys) turn(ctx context.Context) (done func(), err error) {
	select {
	case k.slots <- struct{}{}:
		return func() { <-k.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
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

// renewal makes the first key, another when the newest is old enough, and one in
// the place of a newest that went and left none to seal for: soon, but not without
// end where none lasts. Only the leader does.
type renewal struct {
	*keys
	every time.Duration
	log   logr.Logger
}

// How long after a look, and after one that failed, the next one comes, and how
// long after a change of the keys: who exchanges one deletes it first. And how
// long after a second key in short time there is no third.
const (
	renewalPause   = time.Hour
	renewalRetry   = 10 * time.Second
	renewalSettle  = time.Second
	renewalSpacing = time.Minute
)

// Start implements manager.Runnable.
func (r *renewal) Start(ctx context.Context) error {
	made := spacing{most: r.every}
	for {
		wait, least := r.every, renewalSettle
		noted := r.ring.Noted() // before the look, which may miss what comes then
		name, err := r.ring.Rotate(ctx, time.Now())
		if name != "" {
			r.log.Info("made a new key to seal for; older ones go on to open", "namespace", r.where, "secret", name)
			if least = made.next(time.Now()); least > renewalSettle {
				r.log.Info("new keys do not last: something changes or deletes them; if this one does not either, another is made only later",
					"namespace", r.where, "after", least.String())
			}
		}
		if err != nil && ctx.Err() == nil {
			r.log.Error(err, "the keys could not be renewed", "namespace", r.where)
			wait = min(wait, renewalRetry)
		}
		if !pass(ctx, max(wait, least), least, noted) {
			return nil
		}
	}
}

// spacing is how far apart keys are made: a moment, then a minute, and twice as
// long each time. A made key is noted as any other change is; without this a
// cluster in which something changes or deletes new keys is filled with them.
type spacing struct {
	most, least time.Duration
	last        time.Time
}

// next is how long no other key is made after one that was made now. A key that
// was found to be good is no reason to begin anew: what spoils it may come later.
// That much time went by without another is.
func (s *spacing) next(now time.Time) time.Duration {
	switch {
	case now.Sub(s.last) > 2*s.most:
		s.least = renewalSettle
	case s.least < renewalSpacing:
		s.least = renewalSpacing
	default:
		s.least *= 2
	}
	s.least, s.last = min(s.least, s.most), now
	return s.least
}

// pass waits so long, or until a moment after the keys were noted to be others,
// but at least for its time; false means that ctx ended.
func pass(ctx context.Context, wait, least time.Duration, noted <-chan struct{}) bool {
	begin := time.Now()
	select {
	case <-time.After(wait):
		return true
	case <-noted:
	case <-ctx.Done():
		return false
	}
	select {
	case <-time.After(max(renewalSettle, least-time.Since(begin))):
		return true
	case <-ctx.Done():
		return false
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
