package kubed

import (
	"slices"
	"strings"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// maxContexts bounds the clusters of one source.
const maxContexts = 64

// spread says where the annotations want copies; nil if they ask for none. A
// malformed selector stays in the rule: whoever matches it refuses the plan.
func (l Language) spread(a map[string]string) (*delivery.Spread, error) {
	s := &delivery.Spread{}
	sync, asked := a[syncKey]
	sync = strings.TrimSpace(sync)
	switch {
	case !asked:
	case sync != "" && sync != "true":
		s.Into = []delivery.NamespaceRule{{Field: syncKey, Selector: sync, HasSelector: true}}
	case l.opts.AllNamespaces:
		s.Into = []delivery.NamespaceRule{{Field: syncKey, Regexes: []string{".*"}}}
	default:
		return nil, dialect.Invalid(syncKey, `copies to all namespaces are switched off; name a label selector of namespaces, `+
			`such as "team=a", or have the operator started with --kubed-all-namespaces`)
	}
	for context := range strings.SplitSeq(a[contextsKey], ",") {
		if context = strings.TrimSpace(context); context != "" && !slices.Contains(s.Clusters, context) {
			s.Clusters = append(s.Clusters, context)
		}
		if len(s.Clusters) > maxContexts {
			return nil, dialect.Invalid(contextsKey, "more than %d contexts", maxContexts)
		}
	}
	if len(s.Clusters) > 0 && l.opts.Cluster == "" {
		return nil, dialect.Invalid(contextsKey, "copies to context %s need a name for this cluster, which tells them from "+
			"the copies of others there; have the operator started with --kubed-cluster-name", dialect.Quote(s.Clusters[0]))
	}
	if s.Into == nil && s.Clusters == nil {
		return nil, nil
	}
	return s, nil
}
