package controller

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// memory is what the process knows of an object beyond its status. All of it
// can be lost: a restart reads a little more and writes nothing.
type memory struct {
	uid types.UID
	// done is the fingerprint that the last success was for, and at when it
	// was. They run ahead of the status in the cache.
	done string
	at   time.Time
	// due is when the timer will wake the object for a refresh.
	due      time.Time
	failures int
	// tried is the fingerprint of the last failure, and quietUntil until when
	// events that say nothing new do not have it tried again.
	tried      string
	quietUntil time.Time
	result     delivery.Result
	targets    remembered
	// spared are the versions of what bears the object's mark and was not its to
	// take away.
	spared map[delivery.Place]string
	// spread is where its places are, as of its last look at the namespaces:
	// a namespace that comes later is compared with it, without the manifest.
	spread *delivery.Spread
	// stores are those of the last success, as they were then.
	stores string
	// status is the version of the object with the status that we wrote
	// last.
	status string
	// untold is how often in a row the outcome could not be written there.
	untold  int
	repairs repairs
	// told are the warnings of the last run of an annotated object, and toldAt
	// is when they were told.
	told   []string
	toldAt time.Time
}

// spare notes what was looked at, and left as it is.
func (m *memory) spare(p delivery.Place, version string) {
	if m.spared == nil {
		m.spared = map[delivery.Place]string{}
	}
	m.spared[p] = version
}

// retell is after how long a warning that still holds is told again: where
// there is no status, only events tell, and the API server keeps them an hour.
const retell = 30 * time.Minute

// news drops the warnings that were told already.
func (m *memory) news(events []dialect.Event, now time.Time) []dialect.Event {
	var news []dialect.Event
	var warnings []string
	for _, e := range events {
		if e.Warning {
			warnings = append(warnings, e.Message)
		}
		if !e.Warning || !slices.Contains(m.told, e.Message) || now.Sub(m.toldAt) > retell {
			news = append(news, e)
		}
	}
	if !slices.Equal(warnings, m.told) || now.Sub(m.toldAt) > retell {
		m.told, m.toldAt = warnings, now
	}
	return news
}

// memories are the memory of every object of a kind.
type memories struct {
	mu sync.Mutex
	by map[types.NamespacedName]memory
}

func newMemories() *memories { return &memories{by: map[types.NamespacedName]memory{}} }

// of returns the memory of the object, empty if it is another of that name.
func (m *memories) of(name types.NamespacedName, uid types.UID) memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if got := m.by[name]; got.uid == uid {
		return got
	}
	return memory{uid: uid}
}

func (m *memories) keep(name types.NamespacedName, mem memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.by[name] = mem
}

// uid is that of the object which is remembered under the name.
func (m *memories) uid(name types.NamespacedName) types.UID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.by[name].uid
}

func (m *memories) forget(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.by, name)
}

// failing reports that the object's last run failed.
func (m *memories) failing(name types.NamespacedName) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.by[name].failures > 0
}

// wrote reports that the object itself brought that place to that version.
func (m *memories) wrote(name types.NamespacedName, p delivery.Place, version string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.by[name].targets.of(p).Version == version
}

// left is what the object's last run left in the place.
func (m *memories) left(name types.NamespacedName, p delivery.Place) target.Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.by[name].targets.of(p)
}

// abroad is what each object's last run left in another cluster.
func (m *memories) abroad(cluster string) map[types.NamespacedName]remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[types.NamespacedName]remembered{}
	for name, mem := range m.by {
		for _, t := range mem.targets {
			if t.in.Cluster == cluster {
				all[name] = append(all[name], t)
			}
		}
	}
	return all
}

// wants reports that the place was one of the object's in its last run.
func (m *memories) wants(name types.NamespacedName, p delivery.Place) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	targets := m.by[name].targets
	_, ok := targets.find(p)
	return ok || len(targets) == 0 // it has not run, or is running for the first time
}

// spread is that of the object's last look at the namespaces, nil before.
func (m *memories) spread(name types.NamespacedName) *delivery.Spread {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.by[name].spread
}

// holds reports that the object has something in the namespace.
func (m *memories) holds(name types.NamespacedName, namespace string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.by[name].targets.in(namespace)
}

// count returns how many objects ended their last run how.
func (m *memories) count() map[delivery.Result]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[delivery.Result]int{}
	for _, mem := range m.by {
		if mem.result != "" {
			out[mem.result]++
		}
	}
	return out
}
