package delivery

// Destination is a Secret of the cluster, or the same one in many places, and
// the terms on which it is written; or a secret in a store.
type Destination struct {
	// Kind that is written: Secret if empty, or ConfigMap.
	Kind            string
	Namespace, Name string
	// Spread makes the same object in many namespaces, in place of Namespace.
	Spread *Spread
	// Store is where the result goes in place of the cluster, under Key.
	Store     StoreRef
	Key       string
	Creation  CreationPolicy
	Deletion  DeletionPolicy
	Immutable bool
	// Keep: what was made stays when the object goes or no longer wants it.
	// What is in a store always does.
	Keep bool

	// Type of a Secret that is made; empty is Opaque.
	Type string
	// Privileged lets the Secret be of a type that the cluster itself acts on:
	// for manifests of those who run the operator.
	Privileged bool
	// Labels and Annotations that the Secret gets beside those that the
	// template renders.
	Labels, Annotations map[string]string
	Finalizers          []string

	// Marks are how the language tells its Secrets from others.
	Marks Marks
	// Yield: what is there already and is not the object's is left alone, unless
	// it says otherwise. Nil is what the policy says. It is for Owner and Orphan,
	// and what is made under it is kept as it should be, owned or not.
	Yield *Yield
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
	Labels, Annotations map[string]string
	// Owner is the annotation whose value tells whose target an object is,
	// under Marked. It is one of Annotations.
	Owner string
	// Legacy are labels that the original wrote before it named owners: with
	// all of them, and without Owner, an object counts as this one's.
	Legacy map[string]string
	// Makers are the field managers by which the original writes Owner. What
	// neither they nor we marked is never deleted: a backup, a clone or a
	// person's own copy bears the marks too.
	Makers []string
	// Follow replaces Annotations on followers (Spread.Followers). They are
	// written, and never deleted.
	Follow map[string]string
	// Stamps are annotations that tell what happened, by key. They never
	// cause a write, except where they are missing or were emptied.
	Stamps map[string]Stamp
	// Stale are annotations of the original tool that speak of the data and
	// would be wrong after a write of ours: they go with it.
	Stale []string
}

// Follows reports that an object with these annotations is there because its
// maker wants it filled: it does not carry what a copy has and a follower has
// not.
func (m *Marks) Follows(annotations map[string]string) bool {
	if len(m.Follow) == 0 {
		return false
	}
	for k, v := range m.Annotations {
		if f, ok := m.Follow[k]; ok && f != v && annotations[k] == v {
			return false
		}
	}
	return true
}

// Yield are the annotations that count on a Secret which is there already, each
// with the value "true".
type Yield struct {
	// Managed gives the Secret up: all of it is replaced, and it is the object's
	// from then on.
	Managed string
	// Patch has the Secret added to: what is in it beside what the object has
	// stays, and so does its owner, unless Managed gives it up too.
	Patch string
	// Unowned tells, without an owner reference, that it is the object's, if it
	// was written by us or by one of Marks.Makers.
	Unowned string
}

// Stamp is a fact of a write that an annotation shows.
type Stamp string

// The stamps.
const (
	StampTime          Stamp = "Time"          // of the write, RFC 3339, UTC
	StampVersion       Stamp = "Version"       // of the source: resourceVersion, ETag
	StampLink          Stamp = "Link"          // where people look at the source
	StampLease         Stamp = "Lease"         // its ID
	StampLeaseDuration Stamp = "LeaseDuration" // in whole seconds
)

// Adopt is the annotation by which the owner of an object that is there
// already gives it to the manifest "namespace/name", and to nobody else, under
// Marked. Where objects of two languages have that name, the domain of the
// language's own annotations stands before it, as in
// "kubed.appscode.com/namespace/name".
const Adopt = "tacit.dev/adopt"

// Spread says where a destination is made. The source itself is never one of
// the places.
type Spread struct {
	// Into admits namespaces: one rule must.
	Into []NamespaceRule
	// Within limits them further: one rule must admit. Nil does not limit.
	Within []NamespaceRule
	// Followers are objects of the Kind whose Marks.Owner annotation their
	// own makers set to this source. They are written too, Within.
	Followers bool
	// Clusters are contexts of the operator's kubeconfig for other clusters.
	Clusters []string
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
	// Marked: made, known again by Marks, and repaired. What has no such mark
	// is not touched, unless its Adopt annotation gives it away.
	Marked CreationPolicy = "Marked"
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
