package copies

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// language is how a test has an object copied to namespaces with the label
// team.
type language struct {
	ask  func(b *bed) pairs
	fail string // the reason of events
}

var languages = map[string]language{
	"reflector": {func(b *bed) pairs {
		return pairs{allowed: "true", auto: "true", autoSelector: "team=" + b.ns}
	}, "ReflectFailed"},
	"kubed": {(*bed).syncing, "SyncFailed"},
}

// each runs a test for both languages and both kinds.
func each(t *testing.T, test func(t *testing.T, l language, kind string)) {
	for name, l := range languages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, kind string) { test(t, l, kind) })
		})
	}
}

func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l language, kind string) {
		b := withShared(t)
		good := b.namespace("good", b.team())
		text, err := json.Marshal(map[string]string{"kind": kind, "namespace": b.ns, "name": "app"})
		must(t, err)
		marks := map[string]struct{ labels, annotations pairs }{
			"none":      {},
			"any":       {annotations: pairs{"some": "thing"}},
			"auto":      {annotations: pairs{autoReflects: "True"}},
			"version":   {annotations: pairs{reflectedVersion: "1"}},
			"following": {annotations: pairs{reflects: "elsewhere/app"}},
			"origin":    {annotations: pairs{origin: string(text)}},
			"labels":    {labels: pairs{originName: "app", originNamespace: b.ns, originCluster: here}},
			"cluster":   {labels: pairs{originName: "app", originNamespace: b.ns, originCluster: "there"}, annotations: pairs{origin: string(text)}},
			"source":    {annotations: pairs{allowed: "true"}},
		}
		var theirs []*object
		for name, m := range marks {
			ns := b.namespace(name, b.team())
			theirs = append(theirs, b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "app",
				Labels: m.labels, Annotations: m.annotations}, data: pairs{"v": "theirs"}}))
		}
		src := b.source(kind, l.ask(b))
		b.holds(kind, good, "app", "1")
		b.event(src, l.fail, "is there already", "9 of 10")
		src = b.pass(src, good)
		later := b.namespace("later", b.team()) // a namespace event runs all places again
		b.holds(kind, later, "app", "passed")
		src = b.pass(src, good)
		for _, o := range theirs {
			b.untouched(o)
		}
		// Neither does the end of the source touch them.
		b.remove(src)
		b.gone(kind, good, "app")
		b.gone(kind, later, "app")
		b.witness(kind)
		for _, o := range theirs {
			b.untouched(o)
		}
	})
}

func TestWhatMakesRoomIsFilled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l language, kind string) {
		b := withShared(t)
		one, two := b.namespace("one", b.team()), b.namespace("two", b.team())
		theirs := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: one, Name: "app"}, data: pairs{"v": "theirs"}})
		given := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: two, Name: "app",
			Annotations: pairs{"tacit.dev/adopt": b.ns + "/app"}}, data: pairs{"v": "theirs"}})
		src := b.source(kind, l.ask(b))
		if got := b.holds(kind, two, "app", "1"); got.UID != given.UID {
			t.Error("what was given away was made anew")
		}
		b.event(src, l.fail, one)
		b.remove(theirs)
		b.holds(kind, one, "app", "1")
	})
}

// Two sources of one name want each other's place, and a third's.
func TestSourcesOfOneNameDoNotTouchEachOther(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l language, kind string) {
		b := withShared(t)
		one, two, third := b.namespace("one", b.team()), b.namespace("two", b.team()), b.namespace("third", b.team())
		first := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: one, Name: "app", Annotations: l.ask(b)}, data: pairs{"v": "1"}})
		b.holds(kind, third, "app", "1")
		b.remove(b.holds(kind, two, "app", "1"))
		b.holds(kind, two, "app", "1")
		second := b.source(kind, l.ask(b))
		b.event(second, l.fail, third)
		b.set(first, "v", "2")
		b.holds(kind, third, "app", "2")
		b.untouched(second)
		// Where the one leaves, the other moves in.
		b.remove(first)
		b.holds(kind, third, "app", "1")
		b.holds(kind, one, "app", "1")
		b.untouched(second)
	})
}

// What the cluster itself acts on is not made for whoever can annotate an
// object.
func TestNobodyGetsRightsByCopies(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	one := b.namespace("one", b.team())
	for name, l := range languages {
		// Made in kube-system, a token of a bootstrapping node lets in whoever
		// knows it.
		annotations := l.ask(b)
		if name == "reflector" {
			annotations[autoNamespaces] = "kube-system"
		} else {
			annotations[syncTo] = "kubernetes.io/metadata.name in (kube-system," + one + ")"
		}
		id := name[:1] + b.ns[len(b.ns)-5:]
		boot := b.make(object{kind: "Secret", typ: string(corev1.SecretTypeBootstrapToken), ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-" + id, Annotations: annotations},
			data: pairs{"token-id": id, "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true"}})
		b.event(boot, l.fail, one, "acted on by the cluster itself")
		b.absent("Secret", "kube-system", boot.Name)
		b.absent("Secret", one, boot.Name)

		// The token of a service account of another namespace.
		annotations = l.ask(b)
		annotations[corev1.ServiceAccountNameKey] = "default"
		_ = b.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "default"}})
		token := b.make(object{kind: "Secret", typ: string(corev1.SecretTypeServiceAccountToken), ObjectMeta: metav1.ObjectMeta{Name: "token-" + name, Annotations: annotations}})
		b.event(token, l.fail, one, "acted on by the cluster itself")
		b.absent("Secret", one, token.Name)
	}
}

func TestWhomAClusterTrustsIsNotCopied(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	for name, l := range languages {
		one := b.namespace("one-"+name[:1], b.team())
		src := b.make(object{kind: "ConfigMap", ObjectMeta: metav1.ObjectMeta{Name: "openshift-service-ca.crt", Annotations: l.ask(b)}, data: pairs{"ca.crt": "evil"}})
		b.event(src, l.fail, "only the cluster itself")
		b.absent("ConfigMap", one, src.Name)
		b.remove(src)
		// The cluster makes this one, sooner or later than we could.
		theirs := b.holds("ConfigMap", one, "kube-root-ca.crt", "")
		src = b.patch(b.holds("ConfigMap", b.ns, "kube-root-ca.crt", ""), `{"data":{"ca.crt":"evil"}}`)
		for key, value := range l.ask(b) {
			src = b.annotate(src, key, value)
		}
		b.event(src, l.fail, one, "only the cluster itself")
		b.untouched(theirs)
	}
	src := b.make(object{kind: "ConfigMap", ObjectMeta: metav1.ObjectMeta{Name: "cluster-info", Annotations: into("kube-public")}, data: pairs{"kubeconfig": "evil"}})
	b.event(src, "ReflectFailed", "kube-public", "only the cluster itself")
	b.absent("ConfigMap", "kube-public", "cluster-info")
}

// A source is never deleted as a copy, not even of itself.
func TestASourceThatBearsMarksStays(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		text, err := json.Marshal(map[string]string{"kind": kind, "namespace": b.ns, "name": "app", "cluster": here})
		must(t, err)
		annotations := into(b.ns + ".*")
		annotations[reflects], annotations[autoReflects], annotations[origin] = b.ns+"/app", "True", string(text)
		src := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: "app", Annotations: annotations,
			Labels: pairs{originName: "app", originNamespace: b.ns, originCluster: here}}, data: pairs{"v": "1"}}, client.FieldOwner("unknown"))
		b.witness(kind)
		b.untouched(src)
		src = b.annotate(src, syncTo, "nobody=here")
		b.witness(kind)
		src = b.strip(src, syncTo)
		b.witness(kind)
		b.untouched(src)
	})
}
