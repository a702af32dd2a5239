package operator

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/controller"
)

// cacheOptions keep in memory only what the controllers look at. Objects are
// handed out without a copy: whoever changes one copies it first.
func cacheOptions(namespaces []string) cache.Options {
	shareObjects := true
	o := cache.Options{
		DefaultTransform:             cache.TransformStripManagedFields(),
		DefaultUnsafeDisableDeepCopy: &shareObjects,
		ReaderFailOnMissingInformer:  true,
		ByObject: map[client.Object]cache.ByObject{
			controller.PartialSecret(): {Transform: slim},
		},
	}
	if len(namespaces) > 0 {
		o.DefaultNamespaces = map[string]cache.Config{}
		for _, ns := range namespaces {
			o.DefaultNamespaces[ns] = cache.Config{}
		}
	}
	return o
}

// slim keeps of a Secret's metadata what tells whether it changed, whose it
// is and whether it is going; most Secrets of a cluster are not ours, and
// each of them costs only this.
func slim(obj any) (any, error) {
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil
	}
	kept := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}}
	kept.Namespace, kept.Name = m.Namespace, m.Name
	kept.ResourceVersion = m.ResourceVersion
	kept.UID = m.UID
	kept.DeletionTimestamp = m.DeletionTimestamp
	kept.Finalizers = m.Finalizers
	for _, ref := range m.OwnerReferences {
		if ref.Controller != nil && *ref.Controller {
			kept.OwnerReferences = append(kept.OwnerReferences, ref)
		}
	}
	return kept, nil
}

// newEvents returns a recorder that writes at a modest pace, so that the
// events of a cold start do not compete with its Secrets.
func newEvents(ctx context.Context, cfg *rest.Config, scheme *runtime.Scheme) (record.EventRecorder, error) {
	own := rest.CopyConfig(cfg)
	own.QPS, own.Burst = 25, 50
	core, err := corev1client.NewForConfig(own)
	if err != nil {
		return nil, fmt.Errorf("set up the client for events: %w", err)
	}
	b := record.NewBroadcaster(record.WithContext(ctx))
	b.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: core.Events("")})
	return b.NewRecorder(scheme, corev1.EventSource{Component: "tacit"}), nil
}
