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
// nothing, and of a copy or follower, asks for nothing; it has the marks all the
// same, by which copies that were made before are found and taken back, and
// followers told from them.
func (l Language) Translate(obj client.Object) (delivery.Delivery, error) {
	a := obj.GetAnnotations()
	self := dialect.AnnotatedObject(l.kind, obj)
	plan := delivery.Delivery{
		Object: self,
		Destination: delivery.Destination{
			Kind:         l.kind,
			Creation:     delivery.Marked,
			Deletion:     delivery.Delete,
			Marks:        marks(self),
			Owner:        self,
			FieldManager: fieldManager,
		},
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
	plan.Destination.Name = self.Name
	spread(&plan, a)
	plan.Sources = []delivery.Source{l.read(self)}
	return plan, nil
}

// read makes the object itself what is read.
func (l Language) read(self delivery.Object) delivery.Source {
	s := delivery.Source{
		Field:  "metadata.annotations",
		Object: delivery.ObjectRef{Kind: l.kind, Namespace: self.Namespace, Name: self.Name},
		Take:   delivery.TakeObject,
	}
	if l.kind == "Secret" {
		// Helm keeps its releases in Secrets, a new one with every upgrade.
		s.SkipTypes = []string{"helm.sh"}
	}
	return s
}

// State implements dialect.Deliveries: there is no status to read.
func (Language) State(client.Object) dialect.State { return dialect.State{} }

// Report implements dialect.Deliveries.
func (Language) Report(_ client.Object, out delivery.Outcome, _ time.Time) []dialect.Event {
	return dialect.CopyEvents(out, reasonReflected, reasonFailed)
}

// OwnerOf implements dialect.Marked: it names the source of a copy, and the one
// that a follower asks to be filled from. Marks.Follow tells the two apart:
// what does not say auto-reflects: "True" is a follower and not ours to delete.
// What says so under another name than the source's is no copy: somebody took
// it over from one. The name is compared where meta has one.
func (Language) OwnerOf(meta *metav1.ObjectMeta) (types.NamespacedName, bool) {
	owner, named, err := source(meta.Annotations)
	if truth(meta.Annotations[autoReflects]) && meta.Name != "" && meta.Name != owner.Name {
		return types.NamespacedName{}, false
	}
	return owner, named && err == nil
}
