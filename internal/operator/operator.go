// Package operator puts everything together: it alone knows every dialect and
// every backend by name.
package operator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/controller"
	"github.com/tacit-secrets/tacit/internal/credentials"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/target"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Options configure an operator. Config and Log are required.
type Options struct {
	Config *rest.Config
	Log    logr.Logger
	// Namespaces to serve, for a Role alone; empty serves the cluster.
	Namespaces []string
	// MetricsAddress and ProbeAddress to listen on; "0" is none.
	MetricsAddress, ProbeAddress string
	// LeaderElect lets one of several replicas work. LeaderNamespace holds
	// the Lease; empty is the pod's own.
	LeaderElect     bool
	LeaderNamespace string
	// Class is the store class to serve beside the empty one.
	Class string
	// Workers of each controller; default 32.
	Workers int
	// Registerer takes the metrics; default is the one that the metrics
	// endpoint shows.
	Registerer prometheus.Registerer
	// Limits of each store session.
	Limits broker.Limits
	// Pause between looks for kinds that the API server does not serve yet;
	// default 3s.
	Pause time.Duration
}

// Run runs an operator until ctx ends.
func Run(ctx context.Context, o Options) error {
	o = o.withDefaults()
	o.Log = WithoutBodies(o.Log)
	cfg := rest.CopyConfig(o.Config)
	// The server's priority and fairness limits us, not a guess of ours.
	cfg.QPS = -1
	if cfg.UserAgent == "" {
		cfg.UserAgent = "tacit"
	}
	mgr, err := manager.New(cfg, managerOptions(o))
	if err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	shared, err := assemble(ctx, mgr, cfg, o)
	if err != nil {
		return err
	}
	for _, lang := range languages() {
		if err := mgr.Add(&starter{mgr, shared, lang, o.Pause}); err != nil {
			return fmt.Errorf("add the language %s: %w", lang.Name, err)
		}
	}
	err = errors.Join(
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("ping", healthz.Ping),
	)
	if err != nil {
		return fmt.Errorf("set up health checks: %w", err)
	}
	err = mgr.Start(ctx)
	if ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
		// A queue that was being filled can miss its shutdown
		// (controller-runtime issue 3538). There is nothing left to save.
		o.Log.Info("ended without waiting for everything", "after", shutdownPatience)
		return nil
	}
	return err
}

func managerOptions(o Options) manager.Options {
	skipNames := true
	patience := shutdownPatience
	return manager.Options{
		Scheme:                        newScheme(),
		Logger:                        o.Log,
		Cache:                         cacheOptions(o.Namespaces),
		Metrics:                       metricsserver.Options{BindAddress: o.MetricsAddress},
		HealthProbeBindAddress:        o.ProbeAddress,
		LeaderElection:                o.LeaderElect,
		LeaderElectionID:              "tacit-operator",
		LeaderElectionNamespace:       o.LeaderNamespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       &patience,
		// Names are unique among the controllers of one operator; a process
		// may run several operators.
		Controller: config.Controller{SkipNameValidation: &skipNames},
	}
}

// shutdownPatience is how long the parts have to end.
const shutdownPatience = 10 * time.Second

func (o Options) withDefaults() Options {
	if o.Workers <= 0 {
		o.Workers = 32
	}
	if o.Registerer == nil {
		o.Registerer = ctrlmetrics.Registry
	}
	if o.Pause <= 0 {
		o.Pause = 3 * time.Second
	}
	return o
}

// assemble makes the parts that all controllers share.
func assemble(ctx context.Context, mgr ctrl.Manager, cfg *rest.Config, o Options) (*controller.Shared, error) {
	proto := rest.CopyConfig(cfg)
	proto.ContentType = "application/vnd.kubernetes.protobuf"
	proto.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	core, err := corev1client.NewForConfigAndClient(proto, mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("set up the client: %w", err)
	}
	events, err := newEvents(ctx, cfg, mgr.GetScheme())
	if err != nil {
		return nil, err
	}
	var key secret.Key
	if _, err := rand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	brokerMetrics, metrics := broker.NewMetrics(), controller.NewMetrics()
	for _, c := range []prometheus.Collector{brokerMetrics, metrics} {
		if err := o.Registerer.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	b := broker.New(broker.Options{
		Openers: backends(cfg), Credentials: credentials.Resolver{Core: core}.For,
		Limits: o.Limits, Metrics: brokerMetrics,
	})
	if err := mgr.Add(b); err != nil {
		return nil, fmt.Errorf("add the broker: %w", err)
	}
	meta, err := metadata.NewForConfigAndClient(cfg, mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("set up the client for metadata: %w", err)
	}
	secrets := controller.NewSecrets(meta, o.Namespaces)
	if err := mgr.Add(secrets); err != nil {
		return nil, fmt.Errorf("add the watch of Secrets: %w", err)
	}
	shared := &controller.Shared{
		Secrets: secrets, Cluster: mgr, Broker: b, Events: events, Metrics: metrics, Class: o.Class, Workers: o.Workers,
		Recheck: 5 * time.Minute, ClusterScoped: len(o.Namespaces) == 0, Now: time.Now,
		Engine: &engine.Engine{Core: core, Now: time.Now, Writer: &target.Writer{Core: core, Key: key}},
	}
	shared.Engine.Writer.Rival = shared.Rival
	return shared, nil
}
