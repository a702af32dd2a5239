package operator

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/tacit-secrets/tacit/internal/controller"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// starter starts a language once the API server serves its kinds, and lets them
// be watched.
type starter struct {
	mgr    manager.Manager
	shared *controller.Shared
	lang   dialect.Language
	pause  time.Duration
	// before readies what the language needs; it may be nil.
	before func(context.Context) error
}

// Start implements manager.Runnable.
func (s *starter) Start(ctx context.Context) error {
	log := s.mgr.GetLogger().WithValues("language", s.lang.Name)
	if !s.await(ctx, log) {
		return nil
	}
	if s.before != nil {
		if err := s.before(ctx); err != nil {
			return err
		}
	}
	log.Info("serving")
	return controller.Add(ctx, s.mgr, s.shared, s.lang)
}

// await waits until nothing stands in the way of the language; false if ctx
// ended first.
func (s *starter) await(ctx context.Context, log logr.Logger) bool {
	for told := ""; ; {
		missing, way := s.missing(ctx)
		if missing == "" {
			return ctx.Err() == nil
		}
		if told != missing {
			log.Info(way, "missing", missing)
			told = missing
		}
		select {
		case <-time.After(s.pause):
		case <-ctx.Done():
			return false
		}
	}
}

// missing names what stands in the way of watching a kind of the language, and
// the way out; both are empty if nothing does.
func (s *starter) missing(ctx context.Context) (missing, way string) {
	var kinds []schema.GroupVersionKind
	add := func(k dialect.Kind) {
		if k.Namespaced || s.shared.ClusterScoped {
			kinds = append(kinds, k.GVK)
		}
	}
	for _, st := range s.lang.Stores {
		add(st.Kind())
	}
	for _, d := range s.lang.Deliveries {
		add(d.Kind())
	}
	if s.shared.ClusterScoped {
		kinds = append(kinds, corev1.SchemeGroupVersion.WithKind("Namespace"))
	}
	for _, gvk := range kinds {
		switch o := s.shared.Rights.Watch(ctx, gvk); {
		case o.Unserved:
			return o.Missing, "waiting for the CustomResourceDefinitions; `tacit crds` prints them"
		case o.Unanswered:
			return o.Missing, "waiting for the API server to say whether it serves what this language needs"
		case o.Missing != "":
			return o.Missing, "waiting for a right, without which this language is not served; --without leaves the language out"
		}
	}
	return "", ""
}
