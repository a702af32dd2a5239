package reflector

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// spread says where the annotations want copies. Malformed patterns and
// selectors stay in the rules, each under the name of its annotation: whoever
// matches them refuses the plan for them.
func spread(plan *delivery.Delivery, a map[string]string) {
	s := &delivery.Spread{
		Within:    rules(plan, a, allowedNamespaces, allowedSelector),
		Followers: true,
	}
	if truth(a[auto]) {
		s.Into = rules(plan, a, autoNamespaces, autoSelector)
		if s.Into == nil {
			s.Into = []delivery.NamespaceRule{{Field: auto, Regexes: []string{".*"}}}
		}
	}
	plan.Destination.Spread = s
}

// rules reads a list of patterns and a selector, of which one must admit; nil
// if both are empty, which does not limit. A list of nothing but commas and
// blanks is not empty, and admits none.
func rules(plan *delivery.Delivery, a map[string]string, list, selector string) []delivery.NamespaceRule {
	var all []delivery.NamespaceRule
	if v := a[list]; v != "" {
		rule := delivery.NamespaceRule{Field: list}
		for entry := range strings.SplitSeq(v, ",") {
			if entry = strings.TrimSpace(entry); entry == "" {
				continue
			}
			rule.DotNet = append(rule.DotNet, entry)
			if strings.Count(entry, "{") > strings.Count(entry, "}") && len(plan.Warnings) == 0 {
				plan.Warnings = append(plan.Warnings, fmt.Sprintf(
					`%s: a comma always ends a pattern, and %s is what it left of one; write such counts without a comma`, list, dialect.Quote(entry)))
			}
		}
		all = append(all, rule)
	}
	if v := a[selector]; v != "" {
		all = append(all, delivery.NamespaceRule{Field: selector, Selector: v, HasSelector: true})
	}
	return all
}

// marks are what the original writes: on copies, and on followers.
func marks(from delivery.Object) delivery.Marks {
	name := from.Namespace + "/" + from.Name
	return delivery.Marks{
		Annotations: map[string]string{autoReflects: "True", reflects: name},
		Owner:       reflects,
		Makers:      makers(),
		Follow:      map[string]string{autoReflects: "False", reflects: name},
		Stamps: map[string]delivery.Stamp{
			reflectedVersion: delivery.StampVersion,
			reflectedAt:      delivery.StampTime,
		},
	}
}

// truth reads a boolean as .NET does: case and blanks around it do not
// matter, and what is neither true nor false is false.
func truth(v string) bool { return strings.EqualFold(strings.TrimSpace(v), "true") }

// source reads the annotation reflects; named is false where it is absent or
// empty.
func source(a map[string]string) (ref types.NamespacedName, named bool, err error) {
	v := strings.TrimSpace(a[reflects])
	if v == "" {
		return ref, false, nil
	}
	namespace, name, ok := strings.Cut(v, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return ref, true, dialect.Invalid(reflects, `%s names no source; write it as "namespace/name"`, dialect.Quote(v))
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, true, nil
}

// makers are the names under which the original writes: its client says none
// in old versions, which the API server calls unknown.
func makers() []string {
	return []string{"unknown", "KubernetesClient", "kubernetes-reflector", "ES.Kubernetes.Reflector"}
}
