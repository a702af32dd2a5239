// Package rights tells what the operator can watch: what is served, and what it
// may list. A watch without the right for it would never begin, and would hold
// up everything that waits for it.
package rights

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
)

// Checker asks the API server.
type Checker struct {
	Mapper  meta.RESTMapper
	Reviews authorizationv1client.SelfSubjectAccessReviewInterface
	// Namespaces are those that are served; none: all.
	Namespaces []string
}

// Obstacle is what stands in the way of a watch; its zero value is nothing.
type Obstacle struct {
	// Unserved: the API server does not serve the kind. Unanswered: it does not
	// say whether it does, which passes.
	Unserved, Unanswered bool
	// Missing is the kind, or the right, in words.
	Missing string
}

// Watch finds out what stands in the way of watching a kind. That the API server
// does not say what the operator may do is no obstacle: it says so when it is
// asked for the objects.
func (c *Checker) Watch(ctx context.Context, gvk schema.GroupVersionKind) Obstacle {
	mapping, err := c.Mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	switch {
	case meta.IsNoMatchError(err):
		return Obstacle{Unserved: true, Missing: gvk.Kind}
	case err != nil:
		return Obstacle{Unanswered: true, Missing: gvk.Kind}
	}
	namespaces := c.Namespaces
	if len(namespaces) == 0 || mapping.Scope.Name() == meta.RESTScopeNameRoot {
		namespaces = []string{""}
	}
	for _, ns := range namespaces {
		for _, verb := range []string{"list", "watch"} {
			if c.refused(ctx, ns, verb, mapping.Resource) {
				return Obstacle{Missing: words(ns, verb, mapping.Resource)}
			}
		}
	}
	return Obstacle{}
}

func (c *Checker) refused(ctx context.Context, ns, verb string, r schema.GroupVersionResource) bool {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: ns, Verb: verb, Group: r.Group, Version: r.Version, Resource: r.Resource,
		},
	}}
	answer, err := c.Reviews.Create(ctx, review, metav1.CreateOptions{})
	return err == nil && !answer.Status.Allowed
}

// words are such as "list deployments.apps in all namespaces".
func words(ns, verb string, r schema.GroupVersionResource) string {
	where := "in namespace " + ns
	if ns == "" {
		where = "in the whole cluster"
	}
	return fmt.Sprintf("%s %s %s", verb, r.GroupResource(), where)
}
