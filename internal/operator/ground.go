package operator

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/controller"
	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/controller/rights"
	"github.com/tacit-secrets/tacit/internal/credentials"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// ground is what everything else stands on, and what knows of nothing else.
type ground struct {
	core                corev1client.CoreV1Interface
	events              controller.Events
	metrics             *controller.Metrics
	mirrors             *MirrorMetrics
	broker              *broker.Broker
	secrets, configMaps *objects.Watch
	clusters            *clusters
	rights              *rights.Checker
}

// newGround makes it, and gives the manager those parts that run.
func newGround(ctx context.Context, mgr ctrl.Manager, cfg *rest.Config, o Options, langs []dialect.Language) (*ground, error) {
	core, err := newCore(cfg, mgr)
	if err != nil {
		return nil, err
	}
	events, err := newEvents(ctx, cfg, mgr.GetScheme())
	if err != nil {
		return nil, err
	}
	brokerMetrics, metrics, mirrors := broker.NewMetrics(), controller.NewMetrics(), NewMirrorMetrics()
	for _, c := range []prometheus.Collector{brokerMetrics, metrics, mirrors} {
		if err := o.Registerer.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	b := broker.New(broker.Options{
		Openers: backends(cfg, o), Credentials: credentials.Resolver{Core: core}.For,
		Limits: o.Limits, Metrics: brokerMetrics,
	})
	secrets, configMaps, err := watches(cfg, mgr, o, langs)
	if err != nil {
		return nil, err
	}
	forgetLogins(ctx, b, secrets, configMaps)
	for _, part := range []manager.Runnable{b, secrets, configMaps, tidying(secrets, configMaps)} {
		if err := mgr.Add(part); err != nil {
			return nil, fmt.Errorf("add %T: %w", part, err)
		}
	}
	clusters, err := loadClusters(o.ClustersKubeconfig, cfg, core, o.Log)
	if err != nil {
		return nil, err
	}
	reviews, err := authorizationv1client.NewForConfigAndClient(cfg, mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("set up the client for rights: %w", err)
	}
	return &ground{
		core: core, events: events, metrics: metrics, mirrors: mirrors, broker: b,
		secrets: secrets, configMaps: configMaps, clusters: clusters,
		rights: &rights.Checker{Mapper: mgr.GetRESTMapper(), Reviews: reviews.SelfSubjectAccessReviews(), Namespaces: o.Namespaces},
	}, nil
}

// tidying gives back what the first lists took: they hold every Secret of the
// cluster once, and little of that stays. Left alone, the heap would grow on top
// of it before the garbage collector looks.
func tidying(watches ...*objects.Watch) manager.RunnableFunc {
	return func(ctx context.Context) error {
		for _, w := range watches {
			select {
			case <-w.Synced():
			case <-ctx.Done():
				return nil
			}
		}
		debug.FreeOSMemory()
		return nil
	}
}

// forgetLogins has the broker forget who logged in with what changed. It comes
// before the languages begin to watch, so that whom they wake logs in anew.
func forgetLogins(ctx context.Context, b *broker.Broker, watches ...*objects.Watch) {
	for _, w := range watches {
		w.OnChange(func(obj client.Object) {
			b.ForgetUsing(ctx, delivery.CredentialKind(w.Kind()), obj.GetNamespace(), obj.GetName())
		})
	}
}

// newCore is a client for Secrets and ConfigMaps, in the form that costs
// least.
func newCore(cfg *rest.Config, mgr ctrl.Manager) (corev1client.CoreV1Interface, error) {
	proto := rest.CopyConfig(cfg)
	proto.ContentType = "application/vnd.kubernetes.protobuf"
	proto.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	core, err := corev1client.NewForConfigAndClient(proto, mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("set up the client: %w", err)
	}
	return core, nil
}

// watches are those of Secrets and ConfigMaps, with what the languages look
// at.
func watches(cfg *rest.Config, mgr ctrl.Manager, o Options, langs []dialect.Language) (secrets, configMaps *objects.Watch, err error) {
	meta, err := metadata.NewForConfigAndClient(cfg, mgr.GetHTTPClient())
	if err != nil {
		return nil, nil, fmt.Errorf("set up the client for metadata: %w", err)
	}
	var kept []string
	for _, lang := range langs {
		for _, d := range lang.Deliveries {
			kept = append(kept, d.Kind().Kept...)
		}
	}
	for _, l := range Workloads(o.Languages) {
		kept = append(kept, l.Kept().Object...)
	}
	slices.Sort(kept)
	options := objects.Options{Client: meta, Kind: objects.Secret, Namespaces: o.Namespaces, Kept: slices.Compact(kept)}
	secrets = objects.New(options)
	options.Kind = objects.ConfigMap
	return secrets, objects.New(options), nil
}
