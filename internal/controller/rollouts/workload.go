package rollouts

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unique"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// workload is what is kept of a workload, however large its manifest: what its
// languages look at, and which Secrets and ConfigMaps its pods use.
type workload struct {
	metav1.PartialObjectMetadata
	kind     string
	template map[string]string // annotations of the pod template
	uses     []use
	// first is the name of the first container.
	first string
	// paused is a Deployment's.
	paused bool
	// refers: an Argo Rollout that has its pod template from another workload.
	refers bool
}

// use is one Secret or ConfigMap that the pods use, and the container that a
// mark for it goes to.
type use struct{ kind, name, container string }

// DeepCopyObject implements runtime.Object. What is kept is never changed.
func (w *workload) DeepCopyObject() runtime.Object {
	c := *w
	w.DeepCopyInto(&c.PartialObjectMetadata)
	return &c
}

func (w *workload) id() delivery.Workload {
	return delivery.Workload{Kind: w.kind, Namespace: w.Namespace, Name: w.Name}
}

// seen is the workload as languages see it.
func (w *workload) seen() dialect.Workload {
	return dialect.Workload{Workload: w.id(), Annotations: w.Annotations, Template: w.template}
}

// same reports that nothing differs that a language or the record is about.
func (w *workload) same(other *workload) bool {
	return w.UID == other.UID && w.paused == other.paused && w.refers == other.refers && w.first == other.first &&
		w.DeletionTimestamp.IsZero() == other.DeletionTimestamp.IsZero() &&
		maps.Equal(w.Annotations, other.Annotations) && maps.Equal(w.template, other.template) &&
		slices.Equal(w.uses, other.uses)
}

// using returns the container that a mark for the object goes to; ok is false
// if the pods do not use it.
func (w *workload) using(ref delivery.ObjectRef) (container string, ok bool) {
	for _, u := range w.uses {
		if u.kind == ref.Kind && u.name == ref.Name {
			return u.container, true
		}
	}
	return w.first, false
}

// trimmer turns objects of the cluster into workloads.
type trimmer struct {
	keys, prefixes []string
	// all keeps what workloads use even if they ask for nothing.
	all bool
}

func newTrimmer(languages []dialect.Workloads) trimmer {
	t := trimmer{keys: []string{rollout.Recorded, rollout.Switch}}
	for _, l := range languages {
		for _, key := range l.Kept().Workload {
			if strings.HasSuffix(key, "/") || strings.HasSuffix(key, ".") {
				t.prefixes = append(t.prefixes, key)
			} else {
				t.keys = append(t.keys, key)
			}
		}
		// A language that restarts even those who say nothing.
		plan, _ := l.Translate(dialect.Workload{Workload: delivery.Workload{Kind: "Deployment"}})
		t.all = t.all || plan.Asks()
	}
	return t
}

// Transform returns what keeps workloads in the manager's cache: as little of
// each as the languages need, so that nobody else can read them from there.
// Other objects go to otherwise. (A transform by kind would need every kind to
// be served at the start.)
func Transform(languages []dialect.Workloads, otherwise toolscache.TransformFunc) toolscache.TransformFunc {
	t := newTrimmer(languages)
	return func(obj any) (any, error) {
		if w := t.trim(obj); w != nil {
			return w, nil
		}
		return otherwise(obj)
	}
}

// empty returns an empty object of the kind, as it is watched.
func empty(kind string) client.Object {
	switch kind {
	case "Deployment":
		return &appsv1.Deployment{}
	case "StatefulSet":
		return &appsv1.StatefulSet{}
	case "DaemonSet":
		return &appsv1.DaemonSet{}
	case "CronJob":
		return &batchv1.CronJob{}
	}
	u := &unstructured.Unstructured{}
	gvk, _ := rollout.KindOf(kind)
	u.SetGroupVersionKind(gvk)
	return u
}

// trim returns what is kept of an object, nil if it is no workload.
func (t trimmer) trim(obj any) *workload {
	switch o := obj.(type) {
	case *workload:
		return o
	case *appsv1.Deployment:
		w := t.keep("Deployment", &o.ObjectMeta, &o.Spec.Template)
		w.paused = o.Spec.Paused
		return w
	case *appsv1.StatefulSet:
		return t.keep("StatefulSet", &o.ObjectMeta, &o.Spec.Template)
	case *appsv1.DaemonSet:
		return t.keep("DaemonSet", &o.ObjectMeta, &o.Spec.Template)
	case *batchv1.CronJob:
		return t.keep("CronJob", &o.ObjectMeta, &o.Spec.JobTemplate.Spec.Template)
	case *unstructured.Unstructured:
		if gvk, _ := rollout.KindOf("Rollout"); o.GroupVersionKind() == gvk {
			return t.keepRollout(o)
		}
	}
	return nil
}

// argoRollout is the part of an Argo Rollout that says what its pods use.
type argoRollout struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		Template    corev1.PodTemplateSpec `json:"template"`
		WorkloadRef *struct{}              `json:"workloadRef"`
	} `json:"spec"`
}

func (t trimmer) keepRollout(u *unstructured.Unstructured) *workload {
	var r argoRollout
	text, err := json.Marshal(u.Object)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		// Nobody else could run it either; its metadata are all there is.
		r = argoRollout{}
		r.Metadata.Namespace, r.Metadata.Name, r.Metadata.UID = u.GetNamespace(), u.GetName(), u.GetUID()
		r.Metadata.ResourceVersion, r.Metadata.Annotations = u.GetResourceVersion(), u.GetAnnotations()
	}
	w := t.keep("Rollout", &r.Metadata, &r.Spec.Template)
	w.refers = r.Spec.WorkloadRef != nil
	return w
}

func (t trimmer) keep(kind string, meta *metav1.ObjectMeta, template *corev1.PodTemplateSpec) *workload {
	w := &workload{kind: kind, template: t.some(template.Annotations)}
	w.Namespace, w.Name, w.UID = unique.Make(meta.Namespace).Value(), meta.Name, meta.UID
	w.ResourceVersion, w.DeletionTimestamp = meta.ResourceVersion, meta.DeletionTimestamp
	w.Annotations = t.some(meta.Annotations)
	if t.all || len(w.Annotations)+len(w.template) > 0 {
		w.uses, w.first = uses(&template.Spec)
	}
	return w
}

// some returns the annotations that languages look at, nil if there are none.
func (t trimmer) some(annotations map[string]string) map[string]string {
	var out map[string]string
	for k, v := range annotations {
		if !slices.Contains(t.keys, k) && !slices.ContainsFunc(t.prefixes, func(p string) bool { return strings.HasPrefix(k, p) }) {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[unique.Make(k).Value()] = v
	}
	return out
}

// String names the workload in logs.
func (w *workload) String() string { return fmt.Sprint(w.id()) }
