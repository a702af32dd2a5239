package operator

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/fake"
	"github.com/tacit-secrets/tacit/internal/backend/kubernetes"
	"github.com/tacit-secrets/tacit/internal/backend/vault"
	"github.com/tacit-secrets/tacit/internal/controller"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/dialect/externalsecrets"
)

// languages lists every manifest language.
func languages() []controller.Language {
	return []controller.Language{
		{
			Name:       "external-secrets.io/v1",
			Stores:     []dialect.Stores{externalsecrets.SecretStores(), externalsecrets.ClusterSecretStores()},
			Deliveries: []dialect.Deliveries{externalsecrets.ExternalSecrets(externalsecrets.Options{})},
		},
	}
}

// backends lists every kind of store.
func backends(own *rest.Config) map[string]backend.Opener {
	return map[string]backend.Opener{
		"vault":      vault.Open,
		"kubernetes": kubernetes.NewOpener(own),
		"fake":       fake.Open,
	}
}

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(s))
	utilruntime.Must(esv1.AddToScheme(s))
	return s
}

// starter starts a language once the API server serves its kinds.
type starter struct {
	mgr    manager.Manager
	shared *controller.Shared
	lang   controller.Language
	pause  time.Duration
}

// Start implements manager.Runnable.
func (s *starter) Start(ctx context.Context) error {
	log := s.mgr.GetLogger().WithValues("language", s.lang.Name)
	for told := false; ; {
		missing := s.missing()
		if missing == "" {
			log.Info("serving")
			return controller.Add(ctx, s.mgr, s.shared, s.lang)
		}
		if !told {
			log.Info("waiting for the CustomResourceDefinitions; `tacit crds` prints them", "missing", missing)
			told = true
		}
		select {
		case <-time.After(s.pause):
		case <-ctx.Done():
			return nil
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
