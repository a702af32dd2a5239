package status

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Row is one object. Its JSON is a promise to scripts.
type Row struct {
	Language  string `json:"language"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// From is what it takes from where, To where that goes or what restarts.
	From []End `json:"from,omitempty"`
	To   []End `json:"to,omitempty"`
	// Ready is True, False or Unknown.
	Ready string `json:"ready"`
	// LastSuccess, LastChange and Restarted are nil where it never was, or nothing
	// tells. A success finds that all is as it should be; a change wrote what is delivered.
	LastSuccess *time.Time `json:"lastSuccess,omitempty"`
	LastChange  *time.Time `json:"lastChange,omitempty"`
	Restarted   *time.Time `json:"restarted,omitempty"`
	// Message is why it is not ready, or what one should know though it is.
	Message string `json:"message,omitempty"`

	// annotated: the kind is the cluster's own, so that it takes the language
	// to tell what the row is about.
	annotated bool
}

// The words of Row.Ready.
const (
	True    = "True"
	False   = "False"
	Unknown = "Unknown"
)

func newRow(language string, kind dialect.Kind, obj client.Object) Row {
	return Row{
		Language: language, Kind: kind.GVK.Kind, Namespace: obj.GetNamespace(), Name: obj.GetName(),
		Ready: Unknown, annotated: kind.Annotated,
	}
}

// tell fills in what a status says.
func (r *Row) tell(s dialect.State) {
	switch {
	case !s.Known:
		r.Message = "the operator has not reported on it as it is now"
		return
	case s.Ready:
		r.Ready = True
	default:
		r.Ready = False
	}
	r.Message = s.Message
	r.LastSuccess, r.Restarted = when(s.At), when(s.Restarted)
}

// when is nil for the zero time.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
