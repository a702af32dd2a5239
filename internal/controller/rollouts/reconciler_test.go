package rollouts

import (
	"sync"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// TestAWorkloadThatIsMadeAnewStaysKnown: only the watch says that one is gone.
// A look at what was there before must not take away what came since.
func TestAWorkloadThatIsMadeAnewStaysKnown(t *testing.T) {
	t.Parallel()
	w := &workload{kind: "Deployment"}
	w.Namespace, w.Name = "ns", "web"
	w.Annotations = map[string]string{"reloader.stakater.com/auto": "true"}
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
