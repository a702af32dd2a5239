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

// String is how messages name the place.
func (p Place) String() string {
	s := p.Namespace + "/" + p.Name
	if p.Cluster != "" {
		s = "cluster " + p.Cluster + ": " + s
	}
	return s
}
