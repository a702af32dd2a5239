package delivery

import "cmp"

// Place is where one object of a destination is.
type Place struct {
	// Cluster is the name of another one; empty is this.
	Cluster         string
	Namespace, Name string
}

// Compare orders places by cluster, namespace and name.
func (p Place) Compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Cluster, q.Cluster), cmp.Compare(p.Namespace, q.Namespace), cmp.Compare(p.Name, q.Name))
}

// Where is how messages name the place.
func (p Place) Where() string {
	if p.Cluster != "" {
		return "cluster " + p.Cluster + ", namespace " + p.Namespace
	}
	return "namespace " + p.Namespace
}
