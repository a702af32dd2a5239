package operator

import (
	"cmp"
	"context"
	"time"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tacit-secrets/tacit/internal/controller"
	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// assemble makes the parts that all controllers share, and the keys that open
// sealed data, nil if no language needs any.
func assemble(ctx context.Context, mgr ctrl.Manager, cfg *rest.Config, o Options, langs []dialect.Language) (*controller.Shared, *keys, error) {
	g, err := newGround(ctx, mgr, cfg, o, langs)
	if err != nil {
		return nil, nil, err
	}
	key, err := keyOrOther(ctx, g.core, o)
	if err != nil {
		return nil, nil, err
	}
	restarts, err := addRollouts(mgr, g, key, o)
	if err != nil {
		return nil, nil, err
	}
	keys, served := newKeys(g.core, o.Languages.Sealed, langs), controller.NewServed(mgr.GetCache())
	return &controller.Shared{
		Cluster: mgr, Served: served, Broker: g.broker, Secrets: g.secrets, ConfigMaps: g.configMaps, Clusters: g.clusters, LookAbroad: o.LookAbroad, Rights: g.rights, Log: o.Log,
		Engine: &engine.Engine{
			Core: g.core, Rollouts: restarts.restarter, Sealed: keys.unsealer(), Now: time.Now,
			Writer: &target.Writer{
				Core: g.core, Other: g.clusters.core, Key: key,
				Rival: served.Rival, Gone: served.Gone, MarkSets: markSets(langs),
			},
		},
		Keys: keys.known(), Reloadable: restarts.reloadable,
		Events: g.events, Metrics: g.metrics, Observe: g.mirrors.observe,
		Class: o.Class, Workers: o.Workers, Recheck: 5 * time.Minute,
		ClusterScoped: len(o.Namespaces) == 0, Namespaces: o.Namespaces, Protected: o.Protected,
		Matcher: spread.New(), Now: time.Now,
	}, keys, nil
}

// markSets are of the languages that know what is theirs by marks. The keys of the
// marks are those of any object, an empty one too.
func markSets(langs []dialect.Language) []target.MarkSet {
	var all []target.MarkSet
	for _, lang := range langs {
		for _, d := range lang.Deliveries {
			m, ok := d.(dialect.Marked)
			if !ok {
				continue
			}
			plan, _ := d.Translate(d.Kind().New())
			kind := cmp.Or(plan.Destination.Kind, objects.Secret)
			all = append(all, target.NewMarkSet(kind, &plan.Destination.Marks, m.OwnerOf))
		}
	}
	return all
}
