package operator

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/tacit-secrets/tacit/internal/controller"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// starter starts a language once the API server serves its kinds.
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

// await waits until the API server serves the language's kinds; false if ctx
// ended first.
func (s *starter) await(ctx context.Context, log logr.Logger) bool {
	for told := false; ; {
		missing := s.missing()
		if missing == "" {
			return true
		}
		if !told {
			log.Info("waiting for the CustomResourceDefinitions; `tacit crds` prints them", "missing", missing)
			told = true
		}
		select {
		case <-time.After(s.pause):
		case <-ctx.Done():
			return false
		}
	}
}

// missing names a kind of the language that is not served, or why that
// cannot be told; empty if all are.
func (s *starter) missing() string {
	var kinds []dialect.Kind
	for _, st := range s.lang.Stores {
		kinds = append(kinds, st.Kind())
	}
	for _, d := range s.lang.Deliveries {
		kinds = append(kinds, d.Kind())
	}
	for _, k := range kinds {
		if !k.Namespaced && !s.shared.ClusterScoped {
			continue
		}
		_, err := s.mgr.GetRESTMapper().RESTMapping(k.GVK.GroupKind(), k.GVK.Version)
		switch {
		case meta.IsNoMatchError(err):
			return k.GVK.Kind
		case err != nil:
			return k.GVK.Kind + " (the API server does not answer)"
		}
	}
	return ""
}
