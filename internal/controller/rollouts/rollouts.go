// Package rollouts watches workloads, and the Secrets and ConfigMaps that they
// use, and has those restarted that ask for it when what they use changes.
//
// It works on what there is, not on events: a workload records what it was
// restarted for, and whatever differs from that record restarts it, once. An
// event only says where to look. So nothing is lost while the operator is
// down, and nothing happens twice.
package rollouts

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/tacit-secrets/tacit/internal/controller/rights"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// Objects is the watch of Secrets, or that of ConfigMaps, as metadata: names,
// versions, and the annotations that the languages look at.
type Objects interface {
	// OnChange calls changed for every change from now on, with the object as
	// it is or was last.
	OnChange(changed func(client.Object))
	// Get returns what is known of an object, nil if it is not there.
	Get(namespace, name string) *metav1.PartialObjectMetadata
	// In lists the names of the objects of a namespace.
	In(namespace string) []string
	// Synced is closed once all that there is has been seen.
	Synced() <-chan struct{}
}

// watches are those of both kinds. One that is missing knows of nothing.
type watches map[string]Objects

func (w watches) get(ref delivery.ObjectRef) *metav1.PartialObjectMetadata {
	if o := w[ref.Kind]; o != nil {
		return o.Get(ref.Namespace, ref.Name)
	}
	return nil
}

func (w watches) in(kind, namespace string) []string {
	if o := w[kind]; o != nil {
		return o.In(namespace)
	}
	return nil
}

// Options of the rollouts. All without a default are required.
type Options struct {
	Languages []dialect.Workloads
	Runner    *rollout.Runner
	// Secrets and ConfigMaps are watched. Without the latter, their changes
	// restart nobody.
	Secrets, ConfigMaps Objects
	// Core reads the data of Secrets and ConfigMaps.
	Core corev1client.CoreV1Interface
	// Rights tell which kinds of workload can be watched.
	Rights *rights.Checker
	// Window is how long a change waits for others to join its rollout, since
	// the last of them, and MaxWindow since the first; default 50ms and 500ms.
	Window, MaxWindow time.Duration
	// OnCreate restarts a workload when an object appears that was missing,
	// OnDelete when one goes.
	OnCreate, OnDelete bool
	// Workers is how many workloads are looked at together; default 16.
	Workers int
	// Patience is how long another operator, with another key, that has recorded
	// last what a workload runs with is left to see to a change; default 1m.
	Patience time.Duration
	// Pause between looks for kinds that cannot be watched yet; default 1m.
	Pause time.Duration
}

func (o Options) withDefaults() Options {
	if o.Window <= 0 {
		o.Window = 50 * time.Millisecond
	}
	if o.MaxWindow < o.Window {
		o.MaxWindow = max(500*time.Millisecond, o.Window)
	}
	if o.Workers <= 0 {
		o.Workers = 16
	}
	if o.Patience <= 0 {
		o.Patience = time.Minute
	}
	if o.Pause <= 0 {
		o.Pause = time.Minute
	}
	return o
}

// Rollouts is the running part, for those who ask about it.
type Rollouts struct{ reconciler *reconciler }

// Reloadable is how many workloads use the object, and ask in the language to
// be restarted when it changes. Failure is why one of them could not be when it
// was tried last, the same one each time; empty if there is none such.
func (r *Rollouts) Reloadable(language string, ref delivery.ObjectRef) (n int, failure string) {
	for _, e := range r.reconciler.store.interested(ref) {
		if _, uses := e.using(ref); uses && e.asks(language) {
			n++
			if f := r.reconciler.memories.of(e.workload).failure; f != "" && (failure == "" || f < failure) {
				failure = f
			}
		}
	}
	return n, failure
}

// Add gives the manager what restarts workloads. The manager's cache must keep
// them as Transform does.
func Add(mgr manager.Manager, o Options) (*Rollouts, error) {
	o = o.withDefaults()
	objects := watches{"Secret": o.Secrets}
	if o.ConfigMaps != nil {
		objects["ConfigMap"] = o.ConfigMaps
	}
	s := newStore(o.Languages)
	r := &reconciler{
		Options: o, store: s, trim: newTrimmer(o.Languages), wakes: newWakes(o.Window, o.MaxWindow), objects: objects,
		digests: newDigests(o.Core, o.Runner, objects, s.wanted), memories: newMemories(),
	}
	options := controller.TypedOptions[delivery.Workload]{Reconciler: r, MaxConcurrentReconciles: o.Workers, Logger: mgr.GetLogger()}
	options.DefaultFromConfig(mgr.GetControllerOptions())
	c, err := controller.NewTypedUnmanaged("rollouts", options)
	if err != nil {
		return nil, fmt.Errorf("set up rollouts: %w", err)
	}
	for kind, objects := range objects {
		if err := c.Watch(&objectSource{reconciler: r, kind: kind, objects: objects}); err != nil {
			return nil, fmt.Errorf("watch %ss: %w", kind, err)
		}
	}
	if err := mgr.Add(c); err != nil {
		return nil, fmt.Errorf("add rollouts: %w", err)
	}
	for _, gvk := range rollout.Kinds() {
		source := &workloadSource{reconciler: r, cache: mgr.GetCache(), kind: gvk.Kind}
		if err := mgr.Add(&later{source, o.Rights, c, mgr.GetLogger().WithName("rollouts"), o.Pause}); err != nil {
			return nil, fmt.Errorf("add the watch of %ss: %w", gvk.Kind, err)
		}
	}
	return &Rollouts{r}, nil
}
