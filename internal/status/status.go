// Package status gathers one table of everything that Tacit serves in a
// cluster: what each object takes from where and to where, whether it is ready,
// and why not.
//
// It reads what everybody with the right to see the objects can see: their
// manifests and statuses, and of Secrets and ConfigMaps the metadata alone. It
// asks neither the stores nor the operator.
package status

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
)

// Language is a manifest language, as internal/operator lists it.
type Language struct {
	Name       string
	Stores     []dialect.Stores
	Deliveries []dialect.Deliveries
}

// Row is one object. Its JSON is a promise to scripts.
type Row struct {
	Language  string `json:"language"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// From is what it takes from where, To where that goes or what restarts.
	From []Place `json:"from,omitempty"`
	To   []Place `json:"to,omitempty"`
	// Ready is True, False or Unknown.
	Ready string `json:"ready"`
	// LastSuccess and Restarted are nil where it never was, or nothing tells.
	LastSuccess *time.Time `json:"lastSuccess,omitempty"`
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

// Table is what was gathered.
type Table struct {
	Rows []Row
	// Notes tell what is missing from the rows, and why.
	Notes []string
}

// Gatherer gathers tables.
type Gatherer struct {
	// Client reads from the API server; see Scheme.
	Client    client.Reader
	Languages []Language
	Workloads []dialect.Workloads
	// Namespace limits the rows; empty does not.
	Namespace string
	matcher   *spread.Matcher
	page      int64
}

// Scheme knows the kinds of the languages.
func Scheme(languages []Language) *runtime.Scheme {
	s := runtime.NewScheme()
	add := func(kind dialect.Kind) {
		if kind.Annotated {
			return
		}
		gv := kind.GVK.GroupVersion()
		s.AddKnownTypeWithName(kind.GVK, kind.New())
		s.AddKnownTypeWithName(gv.WithKind(kind.GVK.Kind+"List"), kind.NewList())
		metav1.AddToGroupVersion(s, gv)
	}
	for _, lang := range languages {
		for _, st := range lang.Stores {
			add(st.Kind())
		}
		for _, d := range lang.Deliveries {
			add(d.Kind())
		}
	}
	return s
}

// Gather reads the cluster. Kinds that it does not serve are passed over, and
// those that the user may not list are noted.
func (g *Gatherer) Gather(ctx context.Context) (Table, error) {
	if g.matcher == nil {
		g.matcher = spread.New()
	}
	if g.page == 0 {
		g.page = defaultPage
	}
	run := &gathering{Gatherer: g, copies: copies{}}
	for _, lang := range g.Languages {
		if err := run.stores(ctx, lang); err != nil {
			return Table{}, err
		}
		if err := run.deliveries(ctx, lang); err != nil {
			return Table{}, err
		}
	}
	if err := run.places(ctx); err != nil {
		return Table{}, err
	}
	if err := run.workloads(ctx); err != nil {
		return Table{}, err
	}
	slices.SortStableFunc(run.rows, func(a, b Row) int {
		return slices.Compare([]string{a.Namespace, a.Kind, a.Name, a.Language}, []string{b.Namespace, b.Kind, b.Name, b.Language})
	})
	return Table{Rows: run.rows, Notes: run.notes}, nil
}

// gathering is one run of a Gatherer.
type gathering struct {
	*Gatherer
	rows  []Row
	notes []string
	// spreading are rows whose copies are still to be counted.
	spreading []spreading
	annotated []*language
	copies    copies
}

// language is a kind of object in one language. Its address is its identity:
// what is behind the interface may not be comparable.
type language struct {
	dialect.Deliveries
	name string
	kind dialect.Kind
}

func (r *gathering) stores(ctx context.Context, lang Language) error {
	for _, d := range lang.Stores {
		kind := d.Kind()
		if !kind.Namespaced && r.Namespace != "" {
			continue
		}
		err := r.list(ctx, kind.GVK.Kind, kind.NewList, r.Namespace, func(obj runtime.Object) {
			o, ok := obj.(client.Object)
			if !ok {
				return
			}
			store, _ := d.Translate(o)
			row := newRow(lang.Name, kind, o)
			row.tell(d.State(o))
			if store.Config != nil {
				row.From = []Place{{Address: address(store.Config)}}
			}
			r.rows = append(r.rows, row)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *gathering) deliveries(ctx context.Context, lang Language) error {
	for _, d := range lang.Deliveries {
		kind := d.Kind()
		served := &language{d, lang.Name, kind}
		if kind.Annotated {
			r.annotated = append(r.annotated, served)
			continue
		}
		err := r.list(ctx, kind.GVK.Kind, kind.NewList, r.Namespace, func(obj runtime.Object) {
			o, ok := obj.(client.Object)
			if !ok {
				return
			}
			// What is wrong with the manifest the status says, in the words of
			// the operator that serves it; its options are not ours.
			plan, _ := d.Translate(o)
			row := newRow(lang.Name, kind, o)
			row.tell(d.State(o))
			row.From, row.To = from(&plan), to(&plan)
			if plan.Destination.Spread != nil {
				r.spreading = append(r.spreading, spreading{len(r.rows), served, plan})
			}
			r.rows = append(r.rows, row)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

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

// defaultPage is how many objects are asked for at once.
const defaultPage = 500

// list calls each for all objects of a kind, a page at a time. A kind that is
// not served has none.
func (r *gathering) list(ctx context.Context, what string, newList func() client.ObjectList, namespace string, each func(runtime.Object)) error {
	for next := ""; ; {
		list := newList()
		err := r.Client.List(ctx, list, client.InNamespace(namespace), client.Limit(r.page), client.Continue(next))
		switch {
		case unserved(err):
			return nil
		case forbidden(err):
			r.note("you may not list %s%s, so they are not shown", what, in(namespace))
			return nil
		case err != nil:
			return fmt.Errorf("list %s: %w", what, err)
		}
		if err := meta.EachListItem(list, func(obj runtime.Object) error { each(obj); return nil }); err != nil {
			return fmt.Errorf("list %s: %w", what, err)
		}
		if next = list.GetContinue(); next == "" {
			return nil
		}
	}
}

func (r *gathering) note(format string, args ...any) {
	if note := fmt.Sprintf(format, args...); !slices.Contains(r.notes, note) {
		r.notes = append(r.notes, note)
	}
}

func in(namespace string) string {
	if namespace == "" {
		return " in all namespaces"
	}
	return " in namespace " + namespace
}

// key is the name of the object that a plan was made of.
func key(o delivery.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
}

// plural is "1 namespace", "2 namespaces".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
