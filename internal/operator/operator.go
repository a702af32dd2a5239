// Package operator puts everything together: it alone knows every dialect and
// every backend by name.
package operator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/controller"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Options configure an operator. Config and Log are required.
type Options struct {
	Config *rest.Config
	Log    logr.Logger
	// Namespaces to serve, for a Role alone; empty serves the cluster.
	Namespaces []string
	// MetricsAddress and ProbeAddress to listen on; "0" is none.
	MetricsAddress, ProbeAddress string
	// SealedAddress is where kubeseal is served, for the cluster alone; empty
	// or "0" is nowhere.
	SealedAddress string
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
	Limits    broker.Limits
	Languages LanguageOptions
	Rollouts  RolloutOptions
	// HomeNamespace keeps the operator's own objects; empty is the pod's own,
	// else the first of Namespaces, else "default".
	HomeNamespace string
	// Protected are namespaces in which no copy is made for objects of others;
	// nil is kube-system.
	Protected []string
	// ClustersKubeconfig is the path of a kubeconfig for copies to other
	// clusters.
	ClustersKubeconfig string
	// LookAbroad is how often copies there are looked at, and the kubeconfig;
	// default 5m.
	LookAbroad time.Duration
	// Pause between looks for kinds that the API server does not serve yet;
	// default 3s.
	Pause time.Duration
}

// RolloutOptions say how workloads are restarted.
type RolloutOptions struct {
	// Off restarts nobody.
	Off bool
	// PerMinute and Burst limit how many are; 0 is the default, less is no
	// limit.
	PerMinute, Burst int
	// OnCreate restarts for objects that appear, OnDelete for such as go.
	OnCreate, OnDelete bool
}

// Run runs an operator until ctx ends.
func Run(ctx context.Context, o Options) error {
	o = o.withDefaults()
	if err := o.Languages.Check(); err != nil {
		return err
	}
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
	langs := Languages(o.Languages)
	shared, keys, err := assemble(ctx, mgr, cfg, o, langs)
	if err != nil {
		return err
	}
	if err := addLanguages(mgr, shared, keys, o, langs); err != nil {
		return err
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

// addLanguages gives the manager what starts each language.
func addLanguages(mgr manager.Manager, shared *controller.Shared, keys *keys, o Options, langs []dialect.Language) error {
	for _, lang := range langs {
		start := &starter{mgr: mgr, shared: shared, lang: lang, pause: o.Pause}
		if lang.Name == sealedSecrets {
			if err := addKeys(mgr, keys, *start, o); err != nil {
				return err
			}
			start.before = keys.before(mgr, o.Languages.Sealed.RenewPeriod)
		}
		if err := mgr.Add(start); err != nil {
			return fmt.Errorf("add the language %s: %w", lang.Name, err)
		}
	}
	return nil
}

func managerOptions(o Options) manager.Options {
	skipNames := true
	patience := shutdownPatience
	return manager.Options{
		Scheme:                        newScheme(),
		Logger:                        o.Log,
		Cache:                         cacheOptions(o),
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
	if o.LookAbroad <= 0 {
		o.LookAbroad = 5 * time.Minute
	}
	if o.Protected == nil {
		o.Protected = []string{"kube-system"}
	}
	if o.HomeNamespace == "" {
		o.HomeNamespace = home(o.Namespaces)
	}
	return o
}

// podNamespace is where a pod reads its own namespace.
const podNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// home is where the operator's own objects are kept.
func home(namespaces []string) string {
	if own, err := os.ReadFile(podNamespace); err == nil && len(own) > 0 {
		return strings.TrimSpace(string(own))
	}
	if len(namespaces) > 0 {
		return namespaces[0]
	}
	return "default"
}
