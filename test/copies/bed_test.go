package copies

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// patience is how long anything may take before a test gives up.
const patience = 2 * time.Minute

// kinds are those that both languages copy.
var kinds = []string{"Secret", "ConfigMap"}

// bed is a namespace of a test's own on a plane, and more of them on demand.
type bed struct {
	client.Client
	t     *testing.T
	plane *testkit.Plane
	ns    string
}

func newBed(t *testing.T, plane *testkit.Plane) *bed {
	t.Helper()
	return &bed{testkit.Client(t, plane), t, plane, testkit.Namespace(t, plane)}
}

// both runs a test for Secrets and for ConfigMaps.
func both(t *testing.T, test func(t *testing.T, kind string)) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}

// operate runs an operator until stop or the test's end.
func (b *bed) operate(change func(*operator.Options)) (stop func()) {
	b.t.Helper()
	out := &operatortest.Logs{}
	o := options(b.plane.Config(), out)
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- operator.Run(ctx, o) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("operator: %v\n%s", err, out)
		}
	})
	b.t.Cleanup(stop)
	return stop
}

// namespace makes a further one, with the test's namespace as its prefix.
func (b *bed) namespace(suffix string, labels map[string]string) string {
	b.t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.ns + "-" + suffix, Labels: labels}}
	must(b.t, b.Create(context.Background(), ns))
	b.t.Cleanup(func() { _ = b.Delete(context.Background(), ns) })
	return ns.Name
}

// label sets a label of a namespace; an empty value takes it away.
func (b *bed) label(namespace, key, value string) {
	b.t.Helper()
	ns := &corev1.Namespace{}
	must(b.t, b.Get(b.t.Context(), types.NamespacedName{Name: namespace}, ns))
	patch := client.MergeFrom(ns.DeepCopy())
	if value == "" {
		delete(ns.Labels, key)
	} else {
		metav1.SetMetaDataLabel(&ns.ObjectMeta, key, value)
	}
	must(b.t, b.Patch(b.t.Context(), ns, patch))
}

// object is a Secret or ConfigMap: its data as text, and all that tells
// whether it was touched.
type object struct {
	kind string
	metav1.ObjectMeta
	typ    string
	data   map[string]string
	binary map[string][]byte // of a ConfigMap
}

// annotations and labels, for short.
type pairs = map[string]string

func (b *bed) object(kind, namespace, name string) client.Object {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	if kind == "Secret" {
		return &corev1.Secret{ObjectMeta: meta}
	}
	return &corev1.ConfigMap{ObjectMeta: meta}
}

// make creates an object.
func (b *bed) make(o object, opts ...client.CreateOption) *object {
	b.t.Helper()
	if o.Namespace == "" {
		o.Namespace = b.ns
	}
	var obj client.Object
	if o.kind == "Secret" {
		obj = &corev1.Secret{ObjectMeta: o.ObjectMeta, Type: corev1.SecretType(o.typ), StringData: o.data}
	} else {
		obj = &corev1.ConfigMap{ObjectMeta: o.ObjectMeta, Data: o.data, BinaryData: o.binary}
	}
	must(b.t, b.Create(b.t.Context(), obj, opts...))
	return b.read(o.kind, o.Namespace, o.Name)
}

// source is an object called "app" in the test's namespace that holds v=1.
func (b *bed) source(kind string, annotations pairs) *object {
	b.t.Helper()
	return b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: "app", Annotations: annotations}, data: pairs{"v": "1"}})
}

// read returns an object, nil if it is not there.
func (b *bed) read(kind, namespace, name string) *object {
	b.t.Helper()
	obj := b.object(kind, namespace, name)
	err := b.Get(b.t.Context(), client.ObjectKeyFromObject(obj), obj)
	if apierrors.IsNotFound(err) {
		return nil
	}
	must(b.t, err)
	if s, ok := obj.(*corev1.Secret); ok {
		o := &object{kind: kind, ObjectMeta: s.ObjectMeta, typ: string(s.Type), data: pairs{}}
		for k, v := range s.Data {
			o.data[k] = string(v)
		}
		return o
	}
	cm := obj.(*corev1.ConfigMap)
	return &object{kind: kind, ObjectMeta: cm.ObjectMeta, data: maps.Clone(cm.Data), binary: cm.BinaryData}
}

// set changes what an object holds under a key, by a patch that changes
// nothing else.
func (b *bed) set(o *object, key, value string) *object {
	b.t.Helper()
	field := "data"
	if o.kind == "Secret" {
		field = "stringData"
	}
	return b.patch(o, fmt.Sprintf(`{%q:{%q:%q}}`, field, key, value))
}

// annotate sets an annotation.
func (b *bed) annotate(o *object, key, value string) *object {
	b.t.Helper()
	return b.patch(o, fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, key, value))
}

// strip takes an annotation away.
func (b *bed) strip(o *object, key string) *object {
	b.t.Helper()
	return b.patch(o, fmt.Sprintf(`{"metadata":{"annotations":{%q:null}}}`, key))
}

func (b *bed) patch(o *object, body string) *object {
	b.t.Helper()
	obj := b.object(o.kind, o.Namespace, o.Name)
	must(b.t, b.Patch(b.t.Context(), obj, client.RawPatch(types.MergePatchType, []byte(body))))
	return b.read(o.kind, o.Namespace, o.Name)
}

// remove deletes an object.
func (b *bed) remove(o *object) {
	b.t.Helper()
	must(b.t, b.Delete(b.t.Context(), b.object(o.kind, o.Namespace, o.Name)))
}

func (b *bed) eventually(check func() error) {
	b.t.Helper()
	testkit.Eventually(b.t, patience, check)
}

// holds waits until the object has v=value, and returns it.
func (b *bed) holds(kind, namespace, name, value string) *object {
	b.t.Helper()
	var o *object
	b.eventually(func() error {
		if o = b.read(kind, namespace, name); o == nil {
			return fmt.Errorf("no %s %s/%s", kind, namespace, name)
		}
		if o.data["v"] != value {
			return fmt.Errorf("%s %s/%s holds %v, want v=%s", kind, namespace, name, o.data, value)
		}
		return nil
	})
	return o
}

// gone waits until the object is not there.
func (b *bed) gone(kind, namespace, name string) {
	b.t.Helper()
	b.eventually(func() error {
		if o := b.read(kind, namespace, name); o != nil {
			return fmt.Errorf("%s %s/%s is there still", kind, namespace, name)
		}
		return nil
	})
}

// absent asserts that the object is not there.
func (b *bed) absent(kind, namespace, name string) {
	b.t.Helper()
	if o := b.read(kind, namespace, name); o != nil {
		b.t.Errorf("there is a %s %s/%s that holds %v", kind, namespace, name, o.data)
	}
}

// untouched asserts that the object is as it was.
func (b *bed) untouched(before *object) {
	b.t.Helper()
	now := b.read(before.kind, before.Namespace, before.Name)
	switch {
	case now == nil:
		b.t.Errorf("%s %s/%s is gone", before.kind, before.Namespace, before.Name)
	case now.UID != before.UID || now.ResourceVersion != before.ResourceVersion:
		b.t.Errorf("%s %s/%s was written: it was %+v and is %+v", before.kind, before.Namespace, before.Name, before, now)
	}
}

// pass changes the source until it is certain that whatever happened before
// was dealt with: the second change is only served once a whole run for the
// first has ended. The copy in namespace tells when. It returns the source.
func (b *bed) pass(source *object, namespace string) *object {
	b.t.Helper()
	for _, value := range []string{"passing", "passed"} {
		source = b.set(source, "v", value)
		b.holds(source.kind, namespace, source.Name, value)
	}
	return source
}

// event waits for one about the object, of a reason and with all parts in its
// message.
func (b *bed) event(o *object, reason string, parts ...string) corev1.Event {
	b.t.Helper()
	var found corev1.Event
	b.eventually(func() error {
		var saw []string
		for _, e := range b.events(o) {
			ok := e.Reason == reason
			for _, p := range parts {
				ok = ok && strings.Contains(e.Message, p)
			}
			if ok {
				found = e
				return nil
			}
			saw = append(saw, e.Reason+": "+e.Message)
		}
		return fmt.Errorf("no event %s %q about %s, only %q", reason, parts, o.Name, saw)
	})
	return found
}

func (b *bed) events(o *object) []corev1.Event {
	b.t.Helper()
	list := &corev1.EventList{}
	must(b.t, b.List(b.t.Context(), list, client.InNamespace(o.Namespace)))
	var all []corev1.Event
	for _, e := range list.Items {
		if e.InvolvedObject.Kind == o.kind && e.InvolvedObject.Name == o.Name {
			all = append(all, e)
		}
	}
	return all
}

func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// rename is what another object of the name begins with.
func (o *object) rename(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: o.Namespace, Name: name, Labels: o.Labels, Annotations: o.Annotations}
}

// witness shows that the operator is alive and not held up: a source that has
// nothing to do with the test's is copied, twice.
func (b *bed) witness(kind string) {
	b.t.Helper()
	if b.read(kind, b.ns+"-witness", "witness") == nil {
		b.namespace("witness", nil)
		b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: "witness", Annotations: into(b.ns + "-witness")}, data: pairs{"v": "1"}})
		b.holds(kind, b.ns+"-witness", "witness", "1")
	}
	b.pass(b.read(kind, b.ns, "witness"), b.ns+"-witness")
}
