package rollouts

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// memory is what the process knows of a workload beyond its record. All of it
// can be lost.
type memory struct {
	uid types.UID
	// version that our last write brought the workload to.
	version string
	// since is when the change came that is not rolled out yet.
	since    time.Time
	failures int // in a row
	// failure is what the last of them says; empty once it went well.
	failure string
	// told: an event says that the workload waits.
	told bool
	// troubled: the last event says that something is still to be done.
	troubled bool
	// held are the causes of the restart that a pause puts off.
	held []string
	// invalid is what was last said about its annotations.
	invalid string
	rival   rival
}

type memories struct {
	mu sync.Mutex
	by map[delivery.Workload]memory
}

func newMemories() *memories { return &memories{by: map[delivery.Workload]memory{}} }

// of returns the memory of the workload, empty if it is another of that name.
func (m *memories) of(w *workload) memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if got := m.by[w.id()]; got.uid == w.UID {
		return got
	}
	return memory{uid: w.UID}
}

func (m *memories) keep(name delivery.Workload, mem memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.by[name] = mem
}

func (m *memories) forget(name delivery.Workload) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.by, name)
}
