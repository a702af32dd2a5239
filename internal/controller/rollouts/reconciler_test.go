package rollouts

import (
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// TestAWorkloadThatIsMadeAnewStaysKnown: only the watch says that one is gone.
// A look at what was there before must not take away what came since.
func TestAWorkloadThatIsMadeAnewStaysKnown(t *testing.T) {
	t.Parallel()
	w := &workload{kind: "Deployment"}
	w.Namespace, w.Name = "ns", "web"
	w.Annotations = map[string]string{"reloader.stakater.com/auto": "true", rollout.Recorded: "{}"}
	for range 20_000 {
		r := &reconciler{
			Options: Options{Runner: &rollout.Runner{Now: time.Now}}, store: newStore(languages()),
			wakes: newWakes(0, 0), memories: newMemories(),
		}
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := r.Reconcile(t.Context(), w.id()); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() { r.store.put(w) })
		both.Wait()
		if r.store.get(w.id()) == nil {
			t.Fatal("it is forgotten")
		}
	}
}

// TestVersionsThatCannotBeOrdered: a workload is not waited for because of them,
// and no digest is taken for newer than it may be.
func TestVersionsThatCannotBeOrdered(t *testing.T) {
	t.Parallel()
	r := &reconciler{
		Options: Options{Runner: &rollout.Runner{Now: time.Now}}, store: newStore(languages()),
		wakes: newWakes(0, 0), memories: newMemories(),
	}
	w := &workload{kind: "Deployment"}
	w.Namespace, w.Name, w.ResourceVersion = "ns", "web", "b"
	w.Annotations = map[string]string{"reloader.stakater.com/auto": "true", rollout.Recorded: "{}"}
	r.store.put(w)
	r.memories.keep(w.id(), memory{version: "a"})
	if got, err := r.Reconcile(t.Context(), w.id()); err != nil || got.RequeueAfter > 0 {
		t.Errorf("it waits %v (%v)", got.RequeueAfter, err)
	}
	ref := delivery.ObjectRef{Kind: "Secret", Namespace: "ns", Name: "app"}
	d := newDigests(nil, nil, watches{"Secret": known{}}, func(delivery.ObjectRef) bool { return true })
	for _, version := range []string{"a", "b"} {
		d.remember(ref, content{version: version, digest: version})
		if got := d.by[ref]; got.version != version {
			t.Errorf("of %s is kept %+v", version, got)
		}
		if _, fresh := d.recall(ref, version); !fresh {
			t.Errorf("%s is not known", version)
		}
		if got, fresh := d.recall(ref, version+"'"); fresh {
			t.Errorf("%+v is taken for it at version %s'", got, version)
		}
	}
	d.remember(ref, content{version: "12"})
	d.remember(ref, content{version: "11"})
	if got, fresh := d.recall(ref, "11"); !fresh || got.version != "12" {
		t.Errorf("an older answer that comes late left %+v", got)
	}
}

// known is a watch to which everything is there.
type known struct{ Objects }

func (known) Get(string, string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{}
}
