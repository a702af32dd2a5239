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
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
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
	Languages []dialect.Language
	Workloads []dialect.Workloads
	// Namespace limits the rows; empty does not.
	Namespace string
	// Protected are namespaces in which no copy is made, so that none is
	// missing there.
	Protected []string
	matcher   *spread.Matcher
	page      int64
}

// Scheme knows the kinds of the languages.
func Scheme(languages []dialect.Language) *runtime.Scheme {
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
	run := &gathering{Gatherer: g, copies: copies{}, changes: changes{}}
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
	followers []follower
	annotated []*language
	copies    copies
	changes   changes
}

// language is a kind of object in one language. Its address is its identity:
// what is behind the interface may not be comparable.
type language struct {
	dialect.Deliveries
	name string
	kind dialect.Kind
}

func (r *gathering) stores(ctx context.Context, lang dialect.Language) error {
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
				row.From = []End{{Address: address(store.Config)}}
			}
			r.rows = append(r.rows, row)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *gathering) deliveries(ctx context.Context, lang dialect.Language) error {
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
