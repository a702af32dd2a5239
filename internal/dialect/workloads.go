package dialect

import (
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Workloads is a language in which a workload's own annotations ask for
// restarts.
type Workloads interface {
	// Name of the language, as operators switch it on.
	Name() string
	// Kept is what Translate and Mark look at.
	Kept() WorkloadKeys
	// Translate turns the annotations into what they ask for. It is pure and
	// cheap. The error, a *delivery.Error of kind Invalid, names the
	// annotation; the plan beside it holds what could be understood, and is
	// followed.
	Translate(w Workload) (delivery.Reload, error)
	// Mark says what the language writes on a workload that is restarted
	// because these objects changed. They are sorted, and there is at least
	// one.
	Mark(w Workload, changed []delivery.Reloaded, now time.Time) delivery.ReloadMarks
}

// WorkloadKeys are the annotation keys that a language looks at. One that
// ends in "/" or "." stands for all with the prefix.
type WorkloadKeys struct {
	// Workload are those of workloads and their pod templates, Object those of
	// Secrets and ConfigMaps.
	Workload, Object []string
}

// Workload is what a language sees of one: the Kept annotations.
type Workload struct {
	delivery.Workload
	// Annotations are the workload's own, Template its pod template's.
	Annotations, Template map[string]string
}
