// Package reflector is the language of kubernetes-reflector: annotations on a
// Secret or ConfigMap that allow others to copy it, or have it copied.
//
// A source says which namespaces may have copies (reflection-allowed) and
// which get them unasked (reflection-auto-enabled). A copy that was made
// unasked says so (auto-reflects: "True"); it is deleted when the source goes
// or no longer allows it.
//
// A follower is an object that its own maker annotated with
// reflects: namespace/name, under any name. It is served by the plan of the
// source that it names, wherever the source allows; it has no plan of its own,
// and it is never deleted.
//
// As in the original, a copy is never a source: whoever wants more copies
// follows the source itself.
package reflector

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Prefix is what all annotations of the language begin with.
const Prefix = "reflector.v1.k8s.emberstack.com/"

// What people write on a source.
const (
	allowed           = Prefix + "reflection-allowed"
	allowedNamespaces = Prefix + "reflection-allowed-namespaces"
	allowedSelector   = Prefix + "reflection-allowed-namespaces-selector"
	auto              = Prefix + "reflection-auto-enabled"
	autoNamespaces    = Prefix + "reflection-auto-namespaces"
	autoSelector      = Prefix + "reflection-auto-namespaces-selector"
)

// What copies carry; people write reflects on a follower, and empty
// reflected-version there to have it filled anew.
const (
	reflects         = Prefix + "reflects"
	autoReflects     = Prefix + "auto-reflects"
	reflectedVersion = Prefix + "reflected-version"
	reflectedAt      = Prefix + "reflected-at"
)

// The reasons of events. The original has none.
const (
	reasonReflected = "Reflected"
	reasonFailed    = "ReflectFailed"
)

// fieldManager that copies are written under.
const fieldManager = "tacit/reflector"

// Language is reflector's for one kind of object.
type Language struct{ kind string }

var (
	_ dialect.Deliveries = Language{}
	_ dialect.Marked     = Language{}
)

// New returns the language on objects of the kind, Secret or ConfigMap.
func New(kind string) Language { return Language{kind} }

// Kind implements dialect.Deliveries.
func (l Language) Kind() dialect.Kind { return dialect.AnnotatedKind(l.kind, Prefix) }

// Translate implements dialect.Deliveries. The plan of an object that allows
// nothing, and of a copy or follower, asks for nothing.
func (l Language) Translate(obj client.Object) (delivery.Delivery, error) {
	a := obj.GetAnnotations()
	plan := delivery.Delivery{
		Object: dialect.AnnotatedObject(l.kind, obj),
		Schedule: delivery.Schedule{
			Policy: delivery.Watched,
			Fingerprint: dialect.Fingerprint(a, allowed, allowedNamespaces, allowedSelector,
				auto, autoNamespaces, autoSelector, reflects, autoReflects),
		},
	}
	_, named, err := source(a)
	if named || !truth(a[allowed]) {
		return plan, err
	}
	spread(&plan, a)
	l.source(&plan)
	plan.Destination.Marks = marks(plan.Object)
	return plan, nil
}

// source makes the object itself what is read.
func (l Language) source(plan *delivery.Delivery) {
	from := delivery.Source{
		Field:  "metadata.annotations",
		Object: delivery.ObjectRef{Kind: l.kind, Namespace: plan.Object.Namespace, Name: plan.Object.Name},
		Take:   delivery.TakeObject,
	}
	if l.kind == "Secret" {
		// Helm keeps its releases in Secrets, a new one with every upgrade.
		from.SkipTypes = []string{"helm.sh"}
	}
	plan.Sources = []delivery.Source{from}
	plan.Destination.Kind = l.kind
	plan.Destination.Name = plan.Object.Name
	plan.Destination.Creation = delivery.Marked
	plan.Destination.Deletion = delivery.Delete
	plan.Destination.FieldManager = fieldManager
}

// State implements dialect.Deliveries: there is no status to read.
func (Language) State(client.Object) dialect.State { return dialect.State{} }

// Report implements dialect.Deliveries.
func (Language) Report(_ client.Object, out delivery.Outcome, _ time.Time) []dialect.Event {
	return dialect.CopyEvents(out, reasonReflected, reasonFailed)
}

// OwnerOf implements dialect.Marked: it names the source of a copy that was
// made unasked. A follower is nobody's copy, lest it be deleted as one: see
// Follows.
func (Language) OwnerOf(meta *metav1.ObjectMeta) (types.NamespacedName, bool) {
	owner, named, err := source(meta.Annotations)
	if !named || err != nil || !truth(meta.Annotations[autoReflects]) {
		return types.NamespacedName{}, false
	}
	return owner, true
}

// Follows names the source that an object's own maker asked to have it filled
// from; ok is false if nobody did, or if it is a copy that was made unasked.
func (Language) Follows(meta *metav1.ObjectMeta) (owner types.NamespacedName, ok bool) {
	owner, named, err := source(meta.Annotations)
	if !named || err != nil || truth(meta.Annotations[autoReflects]) {
		return types.NamespacedName{}, false
	}
	return owner, true
}
