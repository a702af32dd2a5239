package status

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
)

// spreading is a row of an object that is copied to many namespaces.
type spreading struct {
	row  int
	lang *language
	plan delivery.Delivery
}

// owned names whose copies are counted: a language's object, and the kind of
// its copies.
type owned struct {
	lang  *language
	kind  string
	owner types.NamespacedName
}

// copies are the marked objects of each owner.
type copies map[owned][]*metav1.ObjectMeta

// places counts the copies of everything that spreads, and adds the rows of
// what asks for copies by annotations.
func (r *gathering) places(ctx context.Context) error {
	for _, kind := range r.kindsOfCopies() {
		if err := r.seen(ctx, kind); err != nil {
			return err
		}
	}
	r.tellChanges()
	if len(r.spreading)+len(r.followers) == 0 {
		return nil
	}
	namespaces, err := r.namespaces(ctx)
	if err != nil {
		return err
	}
	for i := range r.spreading {
		r.count(&r.spreading[i], namespaces)
		r.countFollowers(&r.spreading[i], namespaces)
	}
	return r.judgeFollowers(ctx, namespaces)
}

// kindsOfCopies are the kinds whose metadata have to be looked at.
func (r *gathering) kindsOfCopies() []string {
	kinds := map[string]bool{}
	for _, a := range r.annotated {
		kinds[a.kind.GVK.Kind] = true
	}
	for i := range r.spreading {
		kinds[kindOf(&r.spreading[i].plan)] = true
	}
	for i := range r.rows {
		for _, to := range r.rows[i].To {
			if to.Kind == "Secret" || to.Kind == "ConfigMap" {
				kinds[to.Kind] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(kinds))
}

func kindOf(plan *delivery.Delivery) string {
	if plan.Destination.Kind == "" {
		return "Secret"
	}
	return plan.Destination.Kind
}

// seen looks at the metadata of all objects of a kind, in every namespace if
// that is allowed: copies are elsewhere.
func (r *gathering) seen(ctx context.Context, kind string) error {
	gvk := corev1.SchemeGroupVersion.WithKind(kind)
	newList := func() client.ObjectList {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(gvk.GroupVersion().WithKind(kind + "List"))
		return list
	}
	namespace := ""
	if r.Namespace != "" {
		err := r.Client.List(ctx, newList(), client.Limit(1))
		if forbidden(err) {
			namespace = r.Namespace
			r.note("you may not list %ss in all namespaces, so that copies elsewhere are not counted", kind)
		}
	}
	markers := r.markers(kind)
	return r.list(ctx, kind+"s", newList, namespace, func(obj runtime.Object) {
		if o, ok := obj.(*metav1.PartialObjectMetadata); ok {
			o.SetGroupVersionKind(gvk)
			r.mark(markers, kind, o)
			r.ask(kind, o)
			r.changes.note(kind, o)
		}
	})
}

// markers are the languages that know their copies of a kind.
func (r *gathering) markers(kind string) []*language {
	var all []*language
	add := func(lang *language) {
		if _, ok := lang.Deliveries.(dialect.Marked); ok && !slices.Contains(all, lang) {
			all = append(all, lang)
		}
	}
	for _, a := range r.annotated {
		if a.kind.GVK.Kind == kind {
			add(a)
		}
	}
	for i := range r.spreading {
		if s := &r.spreading[i]; kindOf(&s.plan) == kind {
			add(s.lang)
		}
	}
	return all
}

// mark notes whose copy the object is.
func (r *gathering) mark(markers []*language, kind string, o *metav1.PartialObjectMetadata) {
	for _, lang := range markers {
		if owner, ok := lang.Deliveries.(dialect.Marked).OwnerOf(&o.ObjectMeta); ok {
			at := owned{lang, kind, owner}
			r.copies[at] = append(r.copies[at], &metav1.ObjectMeta{
				Namespace: o.Namespace, Name: o.Name, Annotations: o.Annotations,
			})
		}
	}
}

// ask adds a row for each language in which the object asks for copies, or to
// be filled itself.
func (r *gathering) ask(kind string, o *metav1.PartialObjectMetadata) {
	if r.Namespace != "" && o.Namespace != r.Namespace {
		return
	}
	for _, a := range r.annotated {
		if a.kind.GVK.Kind != kind {
			continue
		}
		plan, err := a.Translate(o)
		if err == nil && plan.Destination.Name == "" {
			r.follow(a, kind, o, &plan.Destination.Marks)
			continue
		}
		row := newRow(a.name, a.kind, o)
		if err != nil {
			row.Ready, row.Message = False, err.Error()
			r.rows = append(r.rows, row)
			continue
		}
		row.From, row.To = from(&plan), to(&plan)
		r.spreading = append(r.spreading, spreading{len(r.rows), a, plan})
		r.rows = append(r.rows, row)
	}
}

// namespaces lists those that copies can go to; nil where that is not allowed.
func (r *gathering) namespaces(ctx context.Context) ([]spread.Namespace, error) {
	var all []spread.Namespace
	err := r.list(ctx, "Namespaces", func() client.ObjectList {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
		return list
	}, "", func(obj runtime.Object) {
		if o, ok := obj.(*metav1.PartialObjectMetadata); ok && o.DeletionTimestamp.IsZero() {
			labels := o.Labels
			if labels == nil {
				labels = map[string]string{}
			}
			all = append(all, spread.Namespace{Name: o.Name, Labels: labels})
		}
	})
	return all, err
}
