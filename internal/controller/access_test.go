package controller

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
)

// namespaces is a cache of namespaces by name.
type namespaces map[string]map[string]string

func (n namespaces) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	set, ok := n[key.Name]
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, key.Name)
	}
	obj.(*metav1.PartialObjectMetadata).Labels = set
	return nil
}

func (namespaces) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

func TestAClusterStoreAdmitsByNameRegexOrSelector(t *testing.T) {
	t.Parallel()
	a := &access{clusterScoped: true, matcher: spread.New(), reader: namespaces{"labelled": {"team": "a"}, "bare": nil}}
	rule := func(r delivery.NamespaceRule) []delivery.NamespaceRule { return []delivery.NamespaceRule{r} }
	for name, c := range map[string]struct {
		allow     []delivery.NamespaceRule
		namespace string
		want      bool
	}{
		"no rule":                  {nil, "any", true},
		"name":                     {rule(delivery.NamespaceRule{Names: []string{"a", "b"}}), "b", true},
		"another name":             {rule(delivery.NamespaceRule{Names: []string{"a"}}), "ab", false},
		"regex":                    {rule(delivery.NamespaceRule{Regexes: []string{"^team-"}}), "team-x", true},
		"another regex":            {rule(delivery.NamespaceRule{Regexes: []string{"^team-"}}), "my-team-x", false},
		"selector":                 {rule(delivery.NamespaceRule{HasSelector: true, Selector: "team=a"}), "labelled", true},
		"another selector":         {rule(delivery.NamespaceRule{HasSelector: true, Selector: "team=b"}), "labelled", false},
		"empty selector":           {rule(delivery.NamespaceRule{HasSelector: true}), "bare", true},
		"namespace not seen yet":   {rule(delivery.NamespaceRule{HasSelector: true, Selector: "team=a"}), "new", false},
		"not seen, empty selector": {rule(delivery.NamespaceRule{HasSelector: true}), "new", false},
		"a rule that says nothing": {rule(delivery.NamespaceRule{}), "any", false},
	} {
		store := &delivery.Store{Ref: delivery.StoreRef{Kind: "ClusterSecretStore", Name: "s"}, Allow: c.allow}
		err := a.admit(t.Context(), store, c.namespace)
		if got := err == nil; got != c.want {
			t.Errorf("%s: admitted = %v (%v)", name, got, err)
		}
		if err != nil && delivery.KindOf(err) != delivery.StoreDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
}
