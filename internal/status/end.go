package status

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// End is one end of a road: where something comes from or goes to: a key in a store, an object
// of the cluster, or the same object in many namespaces.
type End struct {
	// Kind of the object: a store, a Secret, a ConfigMap, a workload. Without a
	// Name it is every one that the workload uses.
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Address of a store that the manifest itself describes.
	Address string `json:"address,omitempty"`
	// Key in the store.
	Key string `json:"key,omitempty"`
	// Copies that there are, of those that are Wanted; nil where that was not
	// counted.
	Copies *int `json:"copies,omitempty"`
	Wanted *int `json:"wanted,omitempty"`
	// Followers are objects that were made by hand and are filled as well.
	Followers int `json:"followers,omitempty"`
	// Clusters that have copies too.
	Clusters []string `json:"clusters,omitempty"`
}

// String is how the table shows it, in full.
func (e End) String() string {
	if e.Key == "" {
		return e.holder()
	}
	return e.holder() + ": " + e.Key
}

// near is the end without the namespace that its row is in.
func (e End) near(namespace string) End {
	if e.Namespace == namespace {
		e.Namespace = ""
	}
	return e
}

// holder is the end without the key in it.
func (e End) holder() string {
	switch {
	case e.Address != "":
		return e.Address
	case e.Key != "":
		return e.Kind + "/" + e.Name
	case e.Copies != nil || len(e.Clusters) > 0:
		return e.Kind + " " + e.Name + e.spread()
	case e.Name == "":
		return e.Kind + "s in use"
	case e.Namespace != "":
		return e.Kind + " " + e.Namespace + "/" + e.Name
	default:
		return e.Kind + " " + e.Name
	}
}

func (e End) spread() string {
	var text string
	switch {
	case e.Copies == nil:
	case e.Wanted != nil && *e.Wanted != *e.Copies:
		text = fmt.Sprintf(" in %d of %s", *e.Copies, plural(*e.Wanted, "namespace"))
	default:
		text = " in " + plural(*e.Copies, "namespace")
	}
	if len(e.Clusters) > 0 {
		text += ", " + plural(len(e.Clusters), "cluster")
	}
	if e.Followers > 0 {
		text += ", " + plural(e.Followers, "follower")
	}
	return text
}

// from lists what a plan reads.
func from(plan *delivery.Delivery) []End {
	var all []End
	for i := range plan.Sources {
		s := &plan.Sources[i]
		p := End{Kind: s.Object.Kind, Namespace: s.Object.Namespace, Name: s.Object.Name}
		switch s.Take {
		case delivery.TakeObject:
		case delivery.TakeSealed:
			p = End{Address: "sealed values"}
		default:
			p = stored(plan, s.Store)
			if asked := wanted(s); asked != "" {
				p.Key = asked
			}
		}
		if !slices.ContainsFunc(all, func(other End) bool { return other.String() == p.String() }) {
			all = append(all, p)
		}
	}
	return all
}

// stored is a store, without a key unless the store has just one.
func stored(plan *delivery.Delivery, ref delivery.StoreRef) End {
	for i := range plan.Inline {
		if cfg := plan.Inline[i].Config; plan.Inline[i].Ref == ref && cfg != nil {
			p := End{Address: address(cfg)}
			if d, ok := cfg.(delivery.DopplerConfig); ok && d.Project != "" {
				p.Key = d.Project + "/" + d.Config
			}
			return p
		}
	}
	if ref.Kind == plan.Object.Kind {
		// The manifest's own or the operator's, and nobody here knows where.
		return End{Address: ref.Name}
	}
	return End{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}
}

// wanted is what a source asks a store for.
func wanted(s *delivery.Source) string {
	switch {
	case s.Take == delivery.TakeFound:
		return strings.TrimSpace("find " + s.Search.Path + " " + s.Search.Name)
	case s.Remote.Property != "":
		return s.Remote.Key + "#" + s.Remote.Property
	}
	return s.Remote.Key
}

// to lists where a plan puts what it reads, and what it restarts.
func to(plan *delivery.Delivery) []End {
	var all []End
	d := &plan.Destination
	switch {
	case d.Store != delivery.StoreRef{}:
		p := stored(plan, d.Store)
		p.Key = d.Key
		all = append(all, p)
	case d.Name != "" && d.Creation != delivery.None:
		p := End{Kind: d.Kind, Namespace: d.Namespace, Name: d.Name}
		if p.Kind == "" {
			p.Kind = "Secret"
		}
		if d.Spread != nil {
			p.Namespace, p.Clusters = "", d.Spread.Clusters
		}
		all = append(all, p)
	}
	if plan.Rollout != nil {
		w := plan.Rollout.Workload
		all = append(all, End{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name})
	}
	return all
}

// address is the host of a store. Of a URL, nothing else is shown: it may hold
// a password.
func address(cfg delivery.Config) string {
	server := ""
	switch c := cfg.(type) {
	case delivery.VaultConfig:
		server = c.Server
	case delivery.KubernetesConfig:
		server = c.Server
	case delivery.DopplerConfig:
		server = c.Host
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return cfg.Backend()
	}
	return u.Host
}

// plural is "1 namespace", "2 namespaces".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
