package dialect

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// AnnotatedKind is the Kind of a language in annotations on Secrets or
// ConfigMaps, as kind says, of which it looks at the kept keys.
func AnnotatedKind(kind string, kept ...string) Kind {
	gvk := corev1.SchemeGroupVersion.WithKind(kind)
	return Kind{
		GVK:        gvk,
		Namespaced: true,
		New: func() client.Object {
			obj := &metav1.PartialObjectMetadata{}
			obj.SetGroupVersionKind(gvk)
			return obj
		},
		NewList: func() client.ObjectList {
			list := &metav1.PartialObjectMetadataList{}
			list.SetGroupVersionKind(gvk.GroupVersion().WithKind(kind + "List"))
			return list
		},
		Annotated: true,
		Kept:      kept,
	}
}

// AnnotatedObject identifies a Secret or ConfigMap that is its own manifest.
func AnnotatedObject(kind string, obj client.Object) delivery.Object {
	return Object(corev1.SchemeGroupVersion.WithKind(kind), obj)
}

// Fingerprint tells the annotations under keys, as they are, from any others.
func Fingerprint(annotations map[string]string, keys ...string) string {
	asked := map[string]string{}
	for _, key := range keys {
		if v, ok := annotations[key]; ok {
			asked[key] = v
		}
	}
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(asked)) {
		fmt.Fprintf(h, "%q=%q\n", key, asked[key])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// CopyEvents are the events of a language that copies one object to many
// places and has no status to tell of it: one of reason done where copies were
// written or removed, a warning of that reason where there is something to say
// about a success, and a warning of reason failed where some could not be.
func CopyEvents(out delivery.Outcome, done, failed string) []Event {
	var events []Event
	switch out.Destination.Change {
	case delivery.NoChange:
	case delivery.Removed:
		events = append(events, Event{Reason: done, Message: fmt.Sprintf("copies removed; %d left in place", out.Destination.Places)})
	case delivery.Created, delivery.Updated, delivery.Adopted:
		events = append(events, Event{Reason: done, Message: fmt.Sprintf("%s written; %d in place", copies(out.Destination.Written), out.Destination.Places)})
	}
	if out.Note != "" {
		events = append(events, Event{Warning: true, Reason: done, Message: Cut(out.Note, MaxEventMessage)})
	}
	if out.Result == delivery.Failed {
		events = append(events, Event{Warning: true, Reason: failed, Message: Cut(refusals(out), MaxEventMessage)})
	}
	return events
}

func copies(n int) string {
	if n == 1 {
		return "1 copy"
	}
	return fmt.Sprintf("%d copies", n)
}

// maxNamed is how many refused places a message names.
const maxNamed = 5

// refusals names the places that were refused, or what failed before any
// place was tried.
func refusals(out delivery.Outcome) string {
	if len(out.Destination.Refused) == 0 {
		return out.Err.Message
	}
	named := make([]string, 0, maxNamed+1)
	for i := range out.Destination.Refused {
		r := &out.Destination.Refused[i]
		if i == maxNamed {
			named = append(named, fmt.Sprintf("and %d more", len(out.Destination.Refused)-maxNamed))
			break
		}
		why := "refused"
		if r.Err != nil {
			why = r.Err.Message
		}
		// Room for each, lest the first one's words hide the others' names.
		named = append(named, Cut(fmt.Sprintf("%s: %s", r.Place, why), MaxEventMessage/(min(len(out.Destination.Refused), maxNamed)+1)))
	}
	return fmt.Sprintf("%d of %d copies could not be made: %s",
		len(out.Destination.Refused), len(out.Destination.Refused)+out.Destination.Places, strings.Join(named, "; "))
}
