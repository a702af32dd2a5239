package delivery

// Destination is a Secret of the cluster and the terms on which it is
// written.
type Destination struct {
	Namespace, Name string
	Creation        CreationPolicy
	Deletion        DeletionPolicy
	Immutable       bool

	// Type of a Secret that is made; empty is Opaque.
	Type string
	// Labels and Annotations that the Secret gets beside those that the
	// template renders.
	Labels, Annotations map[string]string
	Finalizers          []string

	// Marks are how the language tells its Secrets from others.
	Marks Marks
	// Owner is set as the Secret's controller under Owner.
	Owner Object
	// FieldManager that writes appear under; at most 128 bytes.
	FieldManager string
	// Siblings is the prefix that the field managers of all objects of the
	// language have, by which one knows another's writes.
	Siblings string
	// Bound is the Secret that the object's status names.
	Bound Binding
}

// Binding is a Secret as it was when we last wrote it or found it right.
type Binding struct {
	Name string
	// Version is its resourceVersion; empty if it is not known. While the
	// Secret still has it, nobody else has written to it.
	Version string
}

// Marks are the labels and annotations by which a language knows its own
// Secrets. They are written on every Secret, whatever the template says.
type Marks struct {
	Labels map[string]string
	// Stale are annotations of the original tool that speak of the data and
	// would be wrong after a write of ours: they go with it.
	Stale []string
}

// CreationPolicy is who makes and owns the Secret.
type CreationPolicy string

// The creation policies.
const (
	Owner         CreationPolicy = "Owner"         // made, owned, and repaired
	Orphan        CreationPolicy = "Orphan"        // made, not owned
	Merge         CreationPolicy = "Merge"         // never made, keys merged in
	CreateOrMerge CreationPolicy = "CreateOrMerge" // made if missing, else keys merged in
	None          CreationPolicy = "None"          // nothing is written
)

// Merges reports that other writers' keys in the Secret stay.
func (p CreationPolicy) Merges() bool { return p == Merge || p == CreateOrMerge }

// DeletionPolicy is what happens when the store says that a secret does not
// exist.
type DeletionPolicy string

// The deletion policies.
const (
	Retain     DeletionPolicy = "Retain" // an error; the Secret stays
	Delete     DeletionPolicy = "Delete" // the entry is skipped; with none left the Secret goes
	DeleteKeys DeletionPolicy = "Merge"  // the entry is skipped; its keys go
)
