package copies

import (
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// example has kubectl apply a folder of examples as it is, to namespaces that
// are no other test's.
func (b *bed) example(folder string) {
	b.t.Helper()
	root, err := testkit.Root()
	must(b.t, err)
	if out, err := b.plane.Kubectl(b.t.Context(), "apply", "-f", filepath.Join(root, "examples", folder)).CombinedOutput(); err != nil {
		b.t.Fatalf("kubectl apply: %v\n%s", err, out)
	}
}

// has waits until the object holds a value under a key, and returns it.
func (b *bed) has(kind, namespace, name, key, value string) *object {
	b.t.Helper()
	var o *object
	b.eventually(func() error {
		if o = b.read(kind, namespace, name); o == nil || o.data[key] != value {
			return errorf("%s %s/%s is %+v, want %s=%s", kind, namespace, name, o, key, value)
		}
		return nil
	})
	return o
}

// named makes a namespace of the name.
func (b *bed) named(name string) {
	b.t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	must(b.t, b.Create(b.t.Context(), ns))
}

func TestTheExampleOfReflector(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	b.example("reflector")
	const (
		key     = "tls.key"
		value   = "an example, no key"
		main    = "project-a-1120-main-23hf"
		dev     = "project-a-1120-dev-4hg5"
		feature = "project-a-1120-feature-1-aafd"
	)
	src := b.has("Secret", main, "project-a-tls", key, value)
	for _, ns := range []string{dev, feature} {
		b.has("Secret", ns, "project-a-tls", key, value)
	}
	b.has("Secret", dev, "ingress-tls", key, value)
	// "the ones to come included"
	later := "project-a-1120-" + b.ns
	b.named(later)
	b.has("Secret", later, "project-a-tls", key, value)
	b.untouched(src)

	// A pattern that was meant as a glob, as in the article that it is from: it
	// allows none of the branches.
	glob := b.read("Secret", main, "source-secret")
	ask := b.make(object{kind: "Secret", ObjectMeta: metav1.ObjectMeta{Namespace: dev, Name: b.ns,
		Annotations: pairs{reflects: main + "/source-secret"}}})
	b.event(ask, "ReflectFailed", "does not allow this namespace by its annotation "+allowedNamespaces)
	if got := b.read("Secret", dev, b.ns); len(got.data) > 0 {
		t.Errorf("a namespace that is not allowed was given %d keys", len(got.data))
	}
	// And as it is, nothing is copied unasked.
	b.pass(b.make(object{kind: "Secret", ObjectMeta: metav1.ObjectMeta{Namespace: main, Name: b.ns + "-witness",
		Annotations: into(dev)}, data: pairs{"v": "1"}}), dev)
	for _, ns := range []string{dev, feature, later} {
		b.absent("Secret", ns, "source-secret")
	}
	// With .NET's pattern it is one.
	b.annotate(glob, allowedNamespaces, "project-a-1120-.*")
	b.has("Secret", dev, b.ns, "username", "hellothere")
}

func TestTheExampleOfKubed(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	b.example("kubed")
	copied := b.has("ConfigMap", "team-a", "settings", "colour", "blue")
	if copied.data["size"] != "3" || copied.Labels["app"] != "settings" || copied.Labels[originNamespace] != "demo" {
		t.Errorf("the copy is %+v", copied)
	}
	b.has("Secret", "team-a", "registry", "password", "an example")
	b.has("ConfigMap", b.namespace("b", pairs{"app": "kubed"}), "settings", "colour", "blue")
	// Nowhere without the label; and "" is taken only if the operator was told so.
	b.absent("ConfigMap", b.ns, "settings")
	src := b.annotate(b.read("ConfigMap", "demo", "settings"), syncTo, "")
	b.event(src, "SyncFailed", "--kubed-all-namespaces")
	b.absent("ConfigMap", b.ns, "settings")
}
