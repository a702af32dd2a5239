package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// gates are where a plan makes no copy, though it may want one. What bears its
// mark there already goes on being kept right: that is no new way in, and to
// leave it as it is would let it go stale.
type gates struct {
	home      string // the namespace of the plan's object
	protected []string
	// origins are what the source was copied from.
	origins map[types.NamespacedName]bool
	marked  map[types.NamespacedName]bool

	shut   []string // protected namespaces that want a copy and get none
	circle []string // origins that do
}

func (r *deliveryReconciler) gates(ctx context.Context, plan *delivery.Delivery, owned []types.NamespacedName) *gates {
	g := &gates{home: plan.Object.Namespace, protected: r.Protected, origins: r.origins(ctx, plan), marked: map[types.NamespacedName]bool{}}
	for _, name := range owned {
		g.marked[name] = true
	}
	return g
}

// open reports that a copy may be made there, and notes it if not.
func (g *gates) open(namespace, name string) bool {
	p := types.NamespacedName{Namespace: namespace, Name: name}
	switch {
	case g.marked[p]:
	case namespace != g.home && slices.Contains(g.protected, namespace):
		g.shut = append(g.shut, namespace)
		return false
	case g.origins[p]:
		g.circle = append(g.circle, p.String())
		return false
	}
	return true
}

// told are the words for what was kept out of.
func (g *gates) told() []string {
	var all []string
	switch n := len(g.shut); {
	case n == 1:
		all = append(all, g.shut[0]+" is protected: see --protect-namespace")
	case n > 1:
		all = append(all, some(g.shut)+" are protected: see --protect-namespace")
	}
	if len(g.circle) > 0 {
		all = append(all, some(g.circle)+" gets no copy, for the source is a copy of it")
	}
	return all
}

// some names the first of many.
func some(names []string) string {
	const named = 3
	text := strings.Join(names[:min(len(names), named)], ", ")
	if more := len(names) - named; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// maxOrigins bounds how far back a source is followed.
const maxOrigins = 16

// origins are what the plan's source was copied from, and what that was. A copy
// of them made from their own copy would bring each back that is deleted, for
// ever.
func (r *deliveryReconciler) origins(ctx context.Context, plan *delivery.Delivery) map[types.NamespacedName]bool {
	if r.ownerOf == nil {
		return nil
	}
	all := map[types.NamespacedName]bool{}
	for at := *plan; len(all) < maxOrigins; {
		from := at.Objects()
		if len(from) != 1 {
			break
		}
		source := r.watchOf(from[0].Kind).Get(from[0].Namespace, from[0].Name)
		if source == nil {
			break
		}
		owner, ok := r.ownerOf(&source.ObjectMeta)
		if !ok {
			break
		}
		obj, err := r.objects.get(ctx, owner)
		if err != nil {
			break
		}
		// What is wrong with its manifest is told there.
		if at, err = r.dialect.Translate(obj); err != nil || len(at.Objects()) != 1 {
			break
		}
		before := at.Objects()[0]
		name := types.NamespacedName{Namespace: before.Namespace, Name: before.Name}
		if all[name] {
			break
		}
		all[name] = true
	}
	return all
}
