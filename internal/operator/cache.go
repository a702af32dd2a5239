package operator

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/tacit-secrets/tacit/internal/controller"
	"github.com/tacit-secrets/tacit/internal/controller/rollouts"
)

// cacheOptions keep in memory only what the controllers look at. Objects are
// handed out without a copy: whoever changes one copies it first.
func cacheOptions(opts Options) cache.Options {
	shareObjects := true
	o := cache.Options{
		DefaultTransform:             cache.TransformStripManagedFields(),
		DefaultUnsafeDisableDeepCopy: &shareObjects,
		ReaderFailOnMissingInformer:  true,
	}
	if !opts.Rollouts.Off {
		o.DefaultTransform = rollouts.Transform(Workloads(opts.Languages), o.DefaultTransform)
	}
	if len(opts.Namespaces) > 0 {
		o.DefaultNamespaces = map[string]cache.Config{}
		for _, ns := range opts.Namespaces {
			o.DefaultNamespaces[ns] = cache.Config{}
		}
	}
	return o
}

// newEvents returns a recorder that writes at a modest pace, so that the
// events of a cold start do not compete with its Secrets. Warnings do not
// queue behind the good news.
func newEvents(ctx context.Context, cfg *rest.Config, scheme *runtime.Scheme) (controller.Events, error) {
	news, err := newRecorder(ctx, cfg, scheme, 10)
	if err != nil {
		return controller.Events{}, err
	}
	warnings, err := newRecorder(ctx, cfg, scheme, 25)
	return controller.Events{Normal: news, Warning: warnings}, err
}

// newRecorder returns a recorder that writes so many events a second.
func newRecorder(ctx context.Context, cfg *rest.Config, scheme *runtime.Scheme, rate int) (record.EventRecorder, error) {
	own := rest.CopyConfig(cfg)
	own.QPS, own.Burst = float32(rate), rate
	core, err := corev1client.NewForConfig(own)
	if err != nil {
		return nil, fmt.Errorf("set up the client for events: %w", err)
	}
	b := record.NewBroadcaster(record.WithContext(ctx))
	b.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: core.Events("")})
	return b.NewRecorder(scheme, corev1.EventSource{Component: "tacit"}), nil
}
