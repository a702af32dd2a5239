package operator

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tacit-secrets/tacit/internal/controller"
	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/controller/rollouts"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/dopplerreload"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// keyPatience bounds how long the start waits for the key of digests.
const keyPatience = 15 * time.Second

// addRollouts gives the manager what restarts workloads.
func addRollouts(ctx context.Context, mgr ctrl.Manager, shared *controller.Shared, o Options) error {
	key, err := keyOrOther(ctx, shared, o)
	if err != nil {
		return err
	}
	shared.Engine.Writer.Key = key
	if o.Rollouts.Off {
		return nil
	}
	limit := rollout.NewLimit(o.Rollouts.PerMinute, o.Rollouts.Burst)
	metrics := rollout.NewMetrics(limit)
	if err := o.Registerer.Register(metrics); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	runner := &rollout.Runner{
		Reader: mgr.GetAPIReader(), Writer: mgr.GetClient(), Key: key, Limit: limit, Metrics: metrics,
		News: shared.Events.Normal, Warnings: shared.Events.Warning, Now: shared.Now,
	}
	running, err := rollouts.Add(mgr, rollouts.Options{
		Languages: Workloads(o.Languages), Runner: runner, Core: shared.Engine.Core,
		Secrets: shared.Secrets, ConfigMaps: shared.ConfigMaps, OnCreate: o.Rollouts.OnCreate, OnDelete: o.Rollouts.OnDelete,
	})
	if err != nil {
		return err
	}
	shared.Engine.Rollouts = runner
	shared.Reloadable = func(namespace, name string) int {
		return running.Reloadable(dopplerreload.Name, delivery.ObjectRef{Kind: objects.Secret, Namespace: namespace, Name: name})
	}
	return nil
}

// keyOrOther is the key of digests; one of this process alone where the
// operator may not keep it. Then what changes while it is down restarts
// nobody.
func keyOrOther(ctx context.Context, shared *controller.Shared, o Options) (secret.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, keyPatience)
	defer cancel()
	key, made, err := digestKey(ctx, shared.Engine.Core, o.HomeNamespace)
	switch {
	case made:
		o.Log.Info("made a key of digests; workloads are not restarted for what changed before", "secret", o.HomeNamespace+"/"+keySecret)
		return key, nil
	case err == nil:
		return key, nil
	}
	o.Log.Error(err, "workloads are not restarted for what changes while the operator is down")
	if _, err := rand.Read(key[:]); err != nil {
		return key, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}
