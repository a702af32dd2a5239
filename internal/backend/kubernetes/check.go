package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/tacit-secrets/tacit/internal/backend"
)

// rules is what of a SelfSubjectRulesReview counts here.
type rules struct {
	Status struct {
		ResourceRules []struct {
			Verbs     []string `json:"verbs"`
			APIGroups []string `json:"apiGroups"`
			Resources []string `json:"resources"`
		} `json:"resourceRules"`
	} `json:"status"`
}

// Check implements backend.Backend. As the original does, it asks for the
// identity's rules, which tell even rights to single Secrets, and then, since
// not every authorizer can list its rules, whether it may get Secrets.
func (s *store) Check(ctx context.Context) error {
	var r rules
	first := s.review(ctx, "selfsubjectrulesreviews", "SelfSubjectRulesReview",
		map[string]any{"namespace": s.namespace}, &r)
	if first == nil && r.allow() {
		return nil
	}
	if first != nil && !forbidden(first) {
		return first
	}
	var access struct {
		Status struct {
			Allowed bool `json:"allowed"`
		} `json:"status"`
	}
	second := s.review(ctx, "selfsubjectaccessreviews", "SelfSubjectAccessReview", map[string]any{
		"resourceAttributes": map[string]any{"resource": "secrets", "namespace": s.namespace, "verb": "get"},
	}, &access)
	switch {
	case second != nil && forbidden(second) && first != nil:
		return backend.ErrUndecided
	case second != nil:
		return second
	case access.Status.Allowed:
		return nil
	}
	return &backend.Error{
		Kind:    backend.Refused,
		Message: `the store's identity is not allowed to get Secrets of namespace "` + s.namespace + `"; give it a Role with the verb get`,
	}
}

// forbidden reports an identity that is known and may not ask.
func forbidden(err error) bool {
	var e *backend.Error
	return errors.As(err, &e) && e.Kind == backend.Refused && !e.LoggedOut
}

func (r rules) allow() bool {
	for _, rule := range r.Status.ResourceRules {
		if has(rule.Resources, "secrets") && has(rule.Verbs, "get") &&
			(len(rule.APIGroups) == 0 || has(rule.APIGroups, "")) {
			return true
		}
	}
	return false
}

func has(list []string, what string) bool {
	return slices.Contains(list, what) || slices.Contains(list, "*")
}

// review asks the API server about the identity's own rights.
func (s *store) review(ctx context.Context, resource, kind string, spec map[string]any, into any) error {
	a, err := s.ask(ctx, call{
		does:   "ask for the rights of the store's identity",
		method: http.MethodPost,
		path:   []string{"apis", "authorization.k8s.io", "v1", resource},
		accept: asJSON,
		body:   map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec},
	})
	if err != nil {
		return err
	}
	if !a.ok() {
		return a.failure()
	}
	var is struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(a.body, &is) != nil || is.Kind != kind || json.Unmarshal(a.body, into) != nil {
		return a.malformed()
	}
	return nil
}
