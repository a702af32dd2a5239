package operatortest

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/status"
)

// Table is what `tacit status` shows of the namespaces, by default the bed's,
// to whom speaks the languages as an operator with these options does.
func (b *Bed) Table(spoken operator.LanguageOptions, namespaces ...string) []status.Row {
	b.T.Helper()
	langs := operator.Languages(spoken)
	c, err := client.New(b.Plane.Config(), client.Options{Scheme: status.Scheme(langs)})
	if err != nil {
		b.T.Fatal(err)
	}
	if len(namespaces) == 0 {
		namespaces = []string{b.NS}
	}
	var rows []status.Row
	for _, ns := range namespaces {
		g := &status.Gatherer{Client: c, Languages: langs, Workloads: operator.Workloads(spoken), Namespace: ns}
		table, err := g.Gather(b.T.Context())
		if err != nil {
			b.T.Fatal(err)
		}
		rows = append(rows, table.Rows...)
	}
	return rows
}
