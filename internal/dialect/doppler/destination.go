package doppler

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// The original's marks on the Secrets that it writes.
const (
	markPrefix = "secrets.doppler.com/"

	subtypeLabel = markPrefix + "subtype"
	subtype      = "dopplerSecret"

	managedBy        = markPrefix + "managed-by"
	version          = markPrefix + "version"
	processorVersion = markPrefix + "processor-version"
	format           = markPrefix + "format"
	dashboardLink    = markPrefix + "dashboard-link"
	lastUpdated      = markPrefix + "last-updated"
)

func (r *reading) destination(owner delivery.Object) delivery.Destination {
	to := &r.Spec.ManagedSecret
	r.name("spec.managedSecret.name", to.Name)
	d := delivery.Destination{
		Namespace:    r.reach("spec.managedSecret.namespace", to.Namespace, "write to another namespace"),
		Name:         to.Name,
		Creation:     delivery.Marked,
		Deletion:     delivery.Retain,
		Type:         r.secretType(),
		Marks:        marks(owner, processorsVersion(r.Spec.Processors), r.Spec.Format),
		Owner:        owner,
		FieldManager: fieldManager(owner),
	}
	r.refuseToken(d)
	d.Privileged = r.privileged(d.Type)
	d.Labels = r.own("spec.managedSecret.labels", to.Labels, []string{subtypeLabel})
	d.Annotations = r.own("spec.managedSecret.annotations", to.Annotations,
		[]string{managedBy, version, processorVersion, format, dashboardLink, lastUpdated})
	for _, k := range slices.Sorted(maps.Keys(d.Labels)) {
		if faults := validation.IsValidLabelValue(d.Labels[k]); len(faults) > 0 {
			r.Invalid("spec.managedSecret.labels", "%s is no value that a label can have: %s", dialect.Quote(d.Labels[k]), fault(faults[0]))
		}
	}
	if s := r.Status.ManagedSecret; s != nil && s.Namespace == d.Namespace {
		d.Bound = delivery.Binding{Name: s.Name, Version: s.ResourceVersion}
	}
	return d
}

func marks(owner delivery.Object, processors, fileFormat string) delivery.Marks {
	m := delivery.Marks{
		Labels:      map[string]string{subtypeLabel: subtype},
		Annotations: map[string]string{managedBy: owner.Namespace + "/" + owner.Name},
		Owner:       managedBy,
		Makers:      []string{"manager"},
		Legacy:      map[string]string{subtypeLabel: subtype},
		Stamps: map[string]delivery.Stamp{
			version: delivery.StampVersion, lastUpdated: delivery.StampTime, dashboardLink: delivery.StampLink,
		},
	}
	for _, mark := range []struct{ key, value string }{{processorVersion, processors}, {format, fileFormat}} {
		if mark.value != "" {
			m.Annotations[mark.key] = mark.value
		} else {
			// The original left it on a Secret that had one.
			m.Stale = append(m.Stale, mark.key)
		}
	}
	return m
}

// own is what the manifest puts on its Secret beside our marks, which it
// cannot change.
func (r *reading) own(field string, given map[string]string, reserved []string) map[string]string {
	var out map[string]string
	for _, k := range slices.Sorted(maps.Keys(given)) {
		if slices.Contains(reserved, k) {
			r.warnings = append(r.warnings, fmt.Sprintf("%s: %s has no effect, for the operator sets it itself", field, k))
			continue
		}
		if faults := validation.IsQualifiedName(k); len(faults) > 0 {
			r.Invalid(field, "%s is no key that it can have: %s", dialect.Quote(k), fault(faults[0]))
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = given[k]
	}
	return out
}

// reach is the namespace that a field means. Beyond its own only an object in
// one of the operator's namespaces gets: anybody else could read others'
// tokens or replace others' Secrets.
func (r *reading) reach(field, named, what string) string {
	if named == "" || named == r.Namespace {
		return r.Namespace
	}
	if !r.home {
		r.Invalid(field, "%s is not the namespace of this DopplerSecret, %s, and only those in the operator's own namespaces %q may %s; "+
			"remove the field, move the object there, or start the operator with --doppler-namespace=%s too",
			dialect.Quote(named), dialect.Quote(r.Namespace), r.opts.HomeNamespaces, what, r.Namespace)
	}
	r.namespace(field, named)
	return named
}

func (r *reading) secretType() string {
	if t := r.Spec.ManagedSecret.Type; t != "" {
		return t
	}
	return string(corev1.SecretTypeOpaque)
}

// privileged checks the type, and reports one that Kubernetes itself acts on.
// Those are for who runs the operator: one of a service account would be filled
// in with its token for whoever can read the Secret, and with a bootstrap token
// nodes join.
func (r *reading) privileged(got string) bool {
	const field = "spec.managedSecret.type"
	plain := []string{
		string(corev1.SecretTypeOpaque), string(corev1.SecretTypeTLS),
		string(corev1.SecretTypeDockercfg), string(corev1.SecretTypeDockerConfigJson),
		string(corev1.SecretTypeBasicAuth), string(corev1.SecretTypeSSHAuth),
	}
	privileged := []string{string(corev1.SecretTypeServiceAccountToken), string(corev1.SecretTypeBootstrapToken)}
	if !slices.Contains(privileged, got) {
		r.OneOf(field, got, slices.Concat(plain, privileged)...)
		return false
	}
	if !r.home {
		r.Invalid(field, "the cluster itself acts on a Secret of type %s, so only a DopplerSecret in one of the operator's own namespaces %q may write one",
			dialect.Quote(got), r.opts.HomeNamespaces)
	}
	return r.home
}

// refuseToken keeps the credentials from being overwritten by what they open.
func (r *reading) refuseToken(d delivery.Destination) {
	t := r.Spec.TokenSecret
	if t == nil || t.Name == "" || t.Name != d.Name {
		return
	}
	if t.Namespace == d.Namespace || t.Namespace == "" && r.Namespace == d.Namespace {
		r.Invalid("spec.managedSecret.name", "%s is the tokenSecret itself, which is never written; choose another name", dialect.Quote(d.Name))
	}
}

// fieldManager is who writes, at most 128 bytes.
func fieldManager(o delivery.Object) string {
	who := o.Namespace + "/" + o.Name
	if len(markPrefix+who) > 128 {
		sum := sha256.Sum256([]byte(who))
		who = hex.EncodeToString(sum[:])
	}
	return markPrefix + who
}

// OwnerOf implements dialect.Marked. Older originals named no owner.
func (dopplerSecrets) OwnerOf(meta *metav1.ObjectMeta) (owner types.NamespacedName, ok bool) {
	if meta.Labels[subtypeLabel] != subtype {
		return owner, false
	}
	ns, name, ok := strings.Cut(meta.Annotations[managedBy], "/")
	if !ok || ns == "" || name == "" || strings.Contains(name, "/") {
		return owner, false
	}
	return types.NamespacedName{Namespace: ns, Name: name}, true
}
