package status

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Place is where something comes from or goes to: a key in a store, an object
// of the cluster, or the same object in many namespaces.
type Place struct {
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
func (p Place) String() string {
	if p.Key == "" {
		return p.holder()
	}
	return p.holder() + ": " + p.Key
}

// near is the place without the namespace that its row is in.
func (p Place) near(namespace string) Place {
	if p.Namespace == namespace {
		p.Namespace = ""
	}
	return p
}

// holder is the place without the key in it.
func (p Place) holder() string {
	switch {
	case p.Address != "":
		return p.Address
	case p.Key != "":
		return p.Kind + "/" + p.Name
	case p.Copies != nil || len(p.Clusters) > 0:
		return p.Kind + " " + p.Name + p.spread()
	case p.Name == "":
		return p.Kind + "s in use"
	case p.Namespace != "":
		return p.Kind + " " + p.Namespace + "/" + p.Name
	default:
		return p.Kind + " " + p.Name
	}
}

func (p Place) spread() string {
	var text string
	switch {
	case p.Copies == nil:
	case p.Wanted != nil && *p.Wanted != *p.Copies:
		text = fmt.Sprintf(" in %d of %s", *p.Copies, plural(*p.Wanted, "namespace"))
	default:
		text = " in " + plural(*p.Copies, "namespace")
	}
	if len(p.Clusters) > 0 {
		text += ", " + plural(len(p.Clusters), "cluster")
	}
	if p.Followers > 0 {
		text += ", " + plural(p.Followers, "follower")
	}
	return text
}

// from lists what a plan reads.
func from(plan *delivery.Delivery) []Place {
	var all []Place
	for i := range plan.Sources {
		s := &plan.Sources[i]
		p := Place{Kind: s.Object.Kind, Namespace: s.Object.Namespace, Name: s.Object.Name}
		switch s.Take {
		case delivery.TakeObject:
		case delivery.TakeSealed:
			p = Place{Address: "sealed values"}
		default:
			p = stored(plan, s.Store)
			if asked := wanted(s); asked != "" {
				p.Key = asked
			}
		}
		if !slices.ContainsFunc(all, func(other Place) bool { return other.String() == p.String() }) {
			all = append(all, p)
		}
	}
	return all
}

// stored is a store, without a key unless the store has just one.
func stored(plan *delivery.Delivery, ref delivery.StoreRef) Place {
	for i := range plan.Inline {
		if cfg := plan.Inline[i].Config; plan.Inline[i].Ref == ref && cfg != nil {
			p := Place{Address: address(cfg)}
			if d, ok := cfg.(delivery.DopplerConfig); ok && d.Project != "" {
				p.Key = d.Project + "/" + d.Config
			}
			return p
		}
	}
	if ref.Kind == plan.Object.Kind {
		// The manifest's own or the operator's, and nobody here knows where.
		return Place{Address: ref.Name}
	}
	return Place{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}
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
func to(plan *delivery.Delivery) []Place {
	var all []Place
	d := &plan.Destination
	switch {
	case d.Store != delivery.StoreRef{}:
		p := stored(plan, d.Store)
		p.Key = d.Key
		all = append(all, p)
	case d.Name != "" && d.Creation != delivery.None:
		p := Place{Kind: d.Kind, Namespace: d.Namespace, Name: d.Name}
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
		all = append(all, Place{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name})
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
