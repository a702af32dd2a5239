// Package kubed is the language of kubed, later called config-syncer:
// annotations on a Secret or ConfigMap that have it copied to namespaces and
// to other clusters, with its labels and annotations.
//
// Whose a copy is: the annotation kubed.appscode.com/origin names the source,
// and the labels origin.name, origin.namespace and origin.cluster must say the
// same. Both are what the original writes, so its copies count as ours; the
// annotation alone or the labels alone are somebody's leftovers, and so is a
// name other than the source's, for copies have their source's name. The
// cluster must be this operator's own, so that copies that another cluster
// sends here stay that cluster's. What this cannot tell is a copy of a copy
// that somebody made by hand in another namespace, under the same name and
// with all marks; that one is told by who manages the annotation, before
// anything is deleted.
//
// As in the original, a copy that its own maker annotates is a source too.
// That harms nobody: it takes over no copy of another source.
package kubed

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Prefix is what all labels and annotations of the language begin with.
const Prefix = "kubed.appscode.com/"

// What people write on a source.
const (
	syncKey     = Prefix + "sync"
	contextsKey = Prefix + "sync-contexts"
)

// What copies carry: the annotation origin, and the labels.
const (
	originKey       = Prefix + "origin"
	originName      = Prefix + "origin.name"
	originNamespace = Prefix + "origin.namespace"
	originCluster   = Prefix + "origin.cluster"
)

// The reasons of events; the original's only one is OriginConflict, on an
// overwriting that does not happen here.
const (
	reasonSynced = "Synced"
	reasonFailed = "SyncFailed"
)

// fieldManager that copies are written under.
const fieldManager = "tacit/kubed"

// Options of the language.
type Options struct {
	// AllNamespaces lets a source be copied to every namespace. Otherwise it
	// must select them by label.
	AllNamespaces bool
	// Cluster is this cluster's name, as the original's flag --cluster-name
	// had it. Copies in other clusters need it: there it tells whose they are.
	Cluster string
}

// Language is kubed's for one kind of object.
type Language struct {
	kind string
	opts Options
}

var (
	_ dialect.Deliveries = Language{}
	_ dialect.Marked     = Language{}
	_ dialect.Abroad     = Language{}
)

// New returns the language on objects of the kind, Secret or ConfigMap.
func New(kind string, opts Options) Language { return Language{kind, opts} }

// Kind implements dialect.Deliveries.
func (l Language) Kind() dialect.Kind { return dialect.AnnotatedKind(l.kind, Prefix) }

// Translate implements dialect.Deliveries. The plan of an object with neither
// annotation asks for nothing; it has the marks all the same, by which copies
// that were made before are found and taken back.
func (l Language) Translate(obj client.Object) (delivery.Delivery, error) {
	a := obj.GetAnnotations()
	self := dialect.AnnotatedObject(l.kind, obj)
	plan := delivery.Delivery{
		Object: self,
		Destination: delivery.Destination{
			Kind:         l.kind,
			Creation:     delivery.Marked,
			Deletion:     delivery.Delete,
			Marks:        l.origin(self.Namespace, self.Name).marks(),
			Owner:        self,
			FieldManager: fieldManager,
		},
		Schedule: delivery.Schedule{
			Policy:      delivery.Watched,
			Fingerprint: dialect.Fingerprint(a, syncKey, contextsKey),
		},
	}
	spread, err := l.spread(a)
	if err != nil || spread == nil {
		return plan, err
	}
	plan.Sources = []delivery.Source{{
		Field:  "metadata.annotations",
		Object: delivery.ObjectRef{Kind: l.kind, Namespace: self.Namespace, Name: self.Name},
		Take:   delivery.TakeObject,
	}}
	plan.Shape.Carry = delivery.Carry{Labels: true, Annotations: true, Without: dialect.StaysBehind()}
	plan.Destination.Name = self.Name
	plan.Destination.Spread = spread
	return plan, nil
}

// State implements dialect.Deliveries: there is no status to read.
func (Language) State(client.Object) dialect.State { return dialect.State{} }

// Report implements dialect.Deliveries.
func (Language) Report(_ client.Object, out delivery.Outcome, _ time.Time) []dialect.Event {
	return dialect.CopyEvents(out, reasonSynced, reasonFailed)
}

// AbroadLabels implements dialect.Abroad.
func (l Language) AbroadLabels() map[string]string {
	if l.opts.Cluster == "" {
		return nil
	}
	return map[string]string{originCluster: l.opts.Cluster}
}

// OwnerOf implements dialect.Marked by the rule that the package states. The
// name is compared where meta has one.
func (l Language) OwnerOf(meta *metav1.ObjectMeta) (types.NamespacedName, bool) {
	o, ok := readOrigin(meta.Annotations[originKey])
	if !ok || o.Kind != "" && o.Kind != l.kind || meta.Name != "" && meta.Name != o.Name {
		return types.NamespacedName{}, false
	}
	if cluster, labelled := meta.Labels[originCluster]; labelled {
		// The original tells the cluster in the label alone.
		if o.Cluster != "" && o.Cluster != cluster {
			return types.NamespacedName{}, false
		}
		o.Cluster = cluster
	}
	if o.Cluster != l.opts.Cluster {
		return types.NamespacedName{}, false
	}
	for key, value := range o.labels() {
		if got, labelled := meta.Labels[key]; !labelled || got != value {
			return types.NamespacedName{}, false
		}
	}
	return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}, true
}
