package externalsecrets

import (
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// The original's marks on the Secrets that it writes.
const (
	managedLabel   = "reconcile.external-secrets.io/managed"
	createdByLabel = "reconcile.external-secrets.io/created-by"
	hashAnnotation = "reconcile.external-secrets.io/data-hash"
	managerPrefix  = "externalsecrets.external-secrets.io/"
)

func destination(p *dialect.Problems, es *esv1.ExternalSecret, owner delivery.Object) delivery.Destination {
	t := es.Spec.Target
	d := delivery.Destination{
		Namespace: es.Namespace,
		Name:      t.Name,
		Creation: choose(p, "spec.target.creationPolicy", t.CreationPolicy, delivery.Owner,
			delivery.Orphan, delivery.Merge, delivery.CreateOrMerge, delivery.None),
		Deletion: choose(p, "spec.target.deletionPolicy", t.DeletionPolicy,
			delivery.Retain, delivery.Delete, delivery.DeleteKeys),
		Immutable: t.Immutable,
		Marks: delivery.Marks{
			Labels: map[string]string{managedLabel: "true"},
			// An unkeyed digest of the data: values of low entropy can be
			// guessed from it.
			Stale: []string{hashAnnotation},
		},
		Owner:        owner,
		FieldManager: fieldManager(es.Name),
		Siblings:     managerPrefix,
	}
	if d.Name == "" {
		d.Name = es.Name
	}
	if d.Creation == delivery.Owner {
		d.Marks.Labels[createdByLabel] = hash(es.Namespace + "/" + es.Name)
	}
	if b := es.Status.Binding; b != nil {
		d.Bound = delivery.Binding{Name: b.Name, Version: b.ResourceVersion}
	}
	if t.Template == nil {
		d.Labels, d.Annotations = inherited(es)
	} else {
		d.Type = t.Template.Type
		d.Finalizers = t.Template.Metadata.Finalizers
	}
	checkPolicies(p, d)
	if t.Manifest != nil {
		p.Unsupported("spec.target.manifest", "only Secrets are written yet, not %s; remove it to get a Secret",
			dialect.Quote(t.Manifest.Kind))
	}
	return d
}

// inherited are the labels and annotations that a Secret without a template
// takes from its ExternalSecret: all but the one in which kubectl keeps the
// ExternalSecret's own manifest, which it would take for the Secret's.
func inherited(es *esv1.ExternalSecret) (labels, annotations map[string]string) {
	annotations = maps.Clone(es.Annotations)
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	return maps.Clone(es.Labels), annotations
}

// checkPolicies refuses what the original refuses on admission. Delete with
// Orphan it admits, and fails when there is something to delete.
func checkPolicies(p *dialect.Problems, d delivery.Destination) {
	const field = "spec.target.deletionPolicy"
	ours := d.Creation == delivery.Owner || d.Creation == delivery.Orphan
	if d.Deletion == delivery.Delete && !ours {
		p.Invalid(field, "Delete needs a Secret that this object owns, not creationPolicy %s; set creationPolicy to Owner", d.Creation)
	}
	if d.Deletion == delivery.DeleteKeys && d.Creation == delivery.None {
		p.Invalid(field, "Merge with creationPolicy None has no Secret whose keys could go; set creationPolicy to Merge")
	}
}

// fieldManager is the name under which the original writes, so that the
// fields that it wrote are ours after a move. Names that would make it longer
// than 63 bytes are hashed.
func fieldManager(name string) string {
	if full := managerPrefix + name; len(full) <= 63 {
		return full
	}
	return managerPrefix + strings.Join([]string{"sha3", hash(name)}, "/")
}
