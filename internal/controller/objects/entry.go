package objects

import (
	"strings"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// entry is what is kept of an object.
type entry struct {
	version string
	// more is there only if somebody controls the object, it cannot simply
	// go, or a language looks at it: what a write of ours has to know.
	more *metav1.ObjectMeta
}

func (e entry) object(kind string, key types.NamespacedName) *metav1.PartialObjectMetadata {
	obj := Partial(kind)
	if e.more != nil {
		e.more.DeepCopyInto(&obj.ObjectMeta)
	}
	obj.Namespace, obj.Name, obj.ResourceVersion = key.Namespace, key.Name, e.version
	return obj
}

// keep is what stays of an object's metadata.
func (w *Watch) keep(m *metav1.ObjectMeta) entry {
	e := entry{version: m.ResourceVersion}
	owner := metav1.GetControllerOfNoCopy(m)
	labels, annotations := w.kept.of(m.Labels), w.kept.of(m.Annotations)
	marked := len(labels)+len(annotations) > 0
	if owner == nil && len(m.Finalizers) == 0 && m.DeletionTimestamp == nil && !marked {
		return e
	}
	e.more = &metav1.ObjectMeta{Finalizers: m.Finalizers, DeletionTimestamp: m.DeletionTimestamp, Labels: labels, Annotations: annotations}
	if marked {
		e.more.UID = m.UID
	}
	if owner != nil {
		ref := *owner
		ref.APIVersion, ref.Kind = shared(ref.APIVersion), shared(ref.Kind)
		e.more.OwnerReferences = []metav1.OwnerReference{ref}
	}
	return e
}

// shared returns the one copy of a string that many objects have.
func shared(s string) string { return unique.Make(s).Value() }

// keptKeys are label and annotation keys, and prefixes of such.
type keptKeys struct {
	whole    map[string]string // to itself, so that objects share one copy
	prefixes []string
}

func newKeptKeys(keys []string) keptKeys {
	k := keptKeys{whole: map[string]string{}}
	for _, key := range keys {
		if strings.HasSuffix(key, "/") {
			k.prefixes = append(k.prefixes, key)
		} else {
			k.whole[key] = key
		}
	}
	return k
}

// of returns the entries of m that are kept, nil if there are none.
func (k keptKeys) of(m map[string]string) map[string]string {
	var out map[string]string
	for key, value := range m {
		name, ok := k.whole[key]
		for i := 0; !ok && i < len(k.prefixes); i++ {
			if ok = strings.HasPrefix(key, k.prefixes[i]); ok {
				name = shared(key)
			}
		}
		if !ok {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = value
	}
	return out
}
