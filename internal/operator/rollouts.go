package operator

import (
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/controller/rollouts"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/dopplerreload"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// restarts are how workloads are restarted. The zero value restarts nobody.
type restarts struct {
	restarter  engine.Restarter
	reloadable func(namespace, name string) (n int, failure string)
}

// addRollouts gives the manager what restarts workloads.
func addRollouts(mgr ctrl.Manager, g *ground, key secret.Key, o Options) (restarts, error) {
	if o.Rollouts.Off {
		return restarts{}, nil
	}
	limit := rollout.NewLimit(o.Rollouts.PerMinute, o.Rollouts.Burst)
	metrics := rollout.NewMetrics(limit)
	if err := o.Registerer.Register(metrics); err != nil {
		return restarts{}, fmt.Errorf("register metrics: %w", err)
	}
	runner := &rollout.Runner{
		Reader: mgr.GetAPIReader(), Writer: mgr.GetClient(), Key: key, Limit: limit, Metrics: metrics,
		News: g.events.Normal, Warnings: g.events.Warning, Now: time.Now,
	}
	running, err := rollouts.Add(mgr, rollouts.Options{
		Languages: Workloads(o.Languages), Runner: runner, Core: g.core,
		Rights: g.rights, Secrets: g.secrets, ConfigMaps: g.configMaps, OnCreate: o.Rollouts.OnCreate, OnDelete: o.Rollouts.OnDelete,
	})
	if err != nil {
		return restarts{}, err
	}
	return restarts{restarter: runner, reloadable: func(namespace, name string) (int, string) {
		return running.Reloadable(dopplerreload.Name, delivery.ObjectRef{Kind: objects.Secret, Namespace: namespace, Name: name})
	}}, nil
}
