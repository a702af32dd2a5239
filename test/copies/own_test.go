package copies

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// The tests here run operators that are limited to namespaces of the test, on
// the plane that no operator serves whole.

// ownBed is a bed with two further namespaces.
func ownBed(t *testing.T) (b *bed, one, two string) {
	t.Helper()
	b = newBed(t, otherPlane(t))
	return b, b.namespace("one", nil), b.namespace("two", nil)
}

// within limits an operator, and lets kubed copy to all that it serves.
func within(namespaces ...string) func(*operator.Options) {
	return func(o *operator.Options) {
		o.Namespaces = namespaces
		o.Languages.KubedEverywhere = true
	}
}

// everywhere are annotations that ask for copies in all namespaces.
func everywhere() map[string]pairs {
	return map[string]pairs{"reflector": {allowed: "true", auto: "true"}, "kubed": {syncTo: ""}}
}

// originals makes what the originals made of a source: the data and marks as
// theirs, under the names that they write as.
func (b *bed) originals(src *object, namespace string) map[string]*object {
	b.t.Helper()
	ref, err := json.Marshal(map[string]string{"kind": src.kind, "namespace": src.Namespace, "name": src.Name,
		"uid": string(src.UID), "apiVersion": "v1", "resourceVersion": src.ResourceVersion})
	must(b.t, err)
	meta := src.rename(src.Name)
	meta.Namespace = namespace
	manager := "kubed"
	if src.Annotations[allowed] != "" {
		manager = "unknown"
		meta.Labels, meta.Annotations = nil, pairs{reflects: src.Namespace + "/" + src.Name, autoReflects: "True",
			reflectedVersion: src.ResourceVersion, reflectedAt: `"2024-01-02T03:04:05.6789012+00:00"`}
	} else {
		meta.Labels = pairs{originName: src.Name, originNamespace: src.Namespace, originCluster: here}
		meta.Annotations = pairs{origin: string(ref), "kubectl.kubernetes.io/last-applied-configuration": "{}"}
	}
	return map[string]*object{namespace: b.make(object{kind: src.kind, ObjectMeta: meta, typ: src.typ, data: src.data}, client.FieldOwner(manager))}
}

func TestWhatTheOriginalsMadeIsOursAndNotWritten(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b, one, two := ownBed(t)
		sources, made := map[string]*object{}, []*object{}
		for name, annotations := range everywhere() {
			src := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}, data: pairs{"v": "1"}})
			sources[name] = src
			for _, o := range b.originals(src, one) {
				made = append(made, o)
			}
		}
		follower := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: one, Name: "follower", Annotations: pairs{reflects: b.ns + "/reflector",
			autoReflects: "False", reflectedVersion: sources["reflector"].ResourceVersion, reflectedAt: `"2024-01-02T03:04:05+00:00"`}}, data: pairs{"v": "1"}})
		// Of a source that is no more.
		lost := object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "lost", Annotations: pairs{allowed: "true"}}, data: pairs{"v": "1"}}
		b.originals(&lost, one)
		stop := b.operate(within(b.ns, one, two))
		b.gone(kind, one, "lost")
		for name := range sources {
			b.holds(kind, two, name, "1") // made by the run that looked at the others
		}
		stop()
		for _, o := range append(made, follower) {
			b.untouched(o)
		}
		b.operate(within(b.ns, one, two))
		for name, src := range sources {
			b.set(src, "v", "2")
			b.holds(kind, one, name, "2")
			b.holds(kind, two, name, "2")
			b.remove(src)
			b.gone(kind, one, name)
			b.gone(kind, two, name)
		}
		b.holds(kind, one, "follower", "2")
	})
}

func TestALimitedOperatorTouchesNothingElsewhere(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b, one, two := ownBed(t)
		var outside []*object
		inside := map[string]*object{}
		for name, annotations := range everywhere() {
			src := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}, data: pairs{"v": "1"}})
			inside[name] = src
			for _, ns := range []string{one, two} {
				for _, o := range b.originals(src, ns) {
					if ns == two {
						outside = append(outside, o)
					}
				}
			}
			// A copy inside of a source outside, which nobody sees: it may well be.
			unseen := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: two, Name: name + "-unseen", Annotations: annotations}, data: pairs{"v": "1"}})
			for _, o := range b.originals(unseen, one) {
				outside = append(outside, o)
			}
		}
		b.operate(within(b.ns, one))
		for name, src := range inside {
			b.set(src, "v", "2")
			b.holds(kind, one, name, "2")
			b.remove(src)
			b.gone(kind, one, name)
		}
		for _, o := range outside {
			b.untouched(o)
		}
	})
}

func TestLanguagesCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	b, one, _ := ownBed(t)
	sources := map[string]*object{}
	for name, annotations := range everywhere() {
		sources[name] = b.make(object{kind: "Secret", ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}, data: pairs{"v": "1"}})
	}
	without := func(names ...string) func(*operator.Options) {
		return func(o *operator.Options) {
			within(b.ns, one)(o)
			o.Languages.Without = append(o.Languages.Without, names...)
		}
	}
	stop := b.operate(without("reflector"))
	kept := b.holds("Secret", one, "kubed", "1")
	b.event(sources["kubed"], "Synced", "1 copy written; 1 in place")
	b.pass(sources["kubed"], one)
	b.absent("Secret", one, "reflector")
	stop()
	kept = b.read("Secret", one, kept.Name)
	stop = b.operate(without("kubed"))
	b.holds("Secret", one, "reflector", "1")
	b.pass(sources["reflector"], one)
	b.remove(sources["kubed"])
	b.pass(sources["reflector"], one)
	b.untouched(kept)
	stop()
	b.operate(without())
	b.gone("Secret", one, "kubed")
}

// What cannot be written in one namespace, or for a while, keeps nothing else
// waiting, and is made up for.
func TestARefusedPlaceHurtsNoOther(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b, one, two := ownBed(t)
		resource := strings.ToLower(kind) + "s"
		refuse := func(r *http.Request) error {
			if r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/"+one+"/"+resource) {
				return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "app", nil)
			}
			return nil
		}
		tap := &testkit.Tap{}
		tap.Set(refuse, nil)
		b.operate(func(o *operator.Options) {
			within(b.ns, one, two)(o)
			o.Config = tap.Config(o.Config)
		})
		sources := map[string]*object{}
		for name, annotations := range everywhere() {
			sources[name] = b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}, data: pairs{"v": "1"}})
			b.holds(kind, two, name, "1")
		}
		for name, src := range sources {
			sources[name] = b.pass(src, two)
			b.absent(kind, one, name)
		}
		tap.Set(nil, nil)
		for name := range sources {
			b.holds(kind, one, name, "passed")
		}
	})
}
