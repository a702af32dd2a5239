package externalsecrets_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
)

func TestMain(m *testing.M) { operatortest.Main(m) }

// bed is a namespace with the things that these tests do to it.
type bed struct{ *operatortest.Bed }

// vaultBed is a bed with the store "vault", which reads KV v2.
func vaultBed(t *testing.T) bed {
	t.Helper()
	b := emptyBed(t)
	b.Apply(operatortest.VaultStore)
	return b
}

// emptyBed is a bed without a store.
func emptyBed(t *testing.T) bed {
	t.Helper()
	t.Parallel()
	return bed{operatortest.WithShared(t)}
}

// es is an ExternalSecret that reads the store "vault", with more of a spec. If
// that does not say how often, it is next in a year at most: a tick may be at
// any time within the interval, and that of an hour would be now, once in a
// while.
func es(name, spec string) string {
	if !strings.Contains(spec, "refreshInterval") {
		spec = "refreshInterval: 8760h\n" + strings.Trim(spec, "\n")
	}
	return "\n---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: " + name + "}\nspec:\n" +
		"  secretStoreRef: {name: vault}\n" + indent(spec, "  ")
}

// one is the entry that makes the key "v" of the property "v" of a secret
// below the test's namespace.
func one(key string) string {
	return "\ndata: [{secretKey: v, remoteRef: {key: $NS/" + key + ", property: v}}]"
}

// bare stops the labels and annotations of an ExternalSecret from being copied
// to its Secret, so that asking for a sync changes nothing there.
const bare = "template: {}"

func indent(text, by string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	base := len(lines[0]) - len(strings.TrimLeft(lines[0], " "))
	for i, l := range lines {
		lines[i] = by + l[min(base, len(l)-len(strings.TrimLeft(l, " "))):]
	}
	return strings.Join(lines, "\n") + "\n"
}

// quoted is a value as JSON, which YAML reads too.
func quoted(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// putOne writes the property "v" of a secret.
func (b bed) putOne(key, value string) { b.T.Helper(); b.Put(key, map[string]any{"v": value}) }

// drop deletes a secret from Vault.
func (b bed) drop(key string) {
	b.T.Helper()
	if err := b.Vault.Delete(b.T.Context(), b.NS+"/"+key); err != nil {
		b.T.Fatal(err)
	}
}

// sync asks for a sync and waits until it has succeeded.
func (b bed) sync(name string) {
	b.T.Helper()
	before := b.ExternalSecret(name).Status.SyncedResourceVersion
	b.Poke(name)
	b.Eventually(func() error {
		if b.ExternalSecret(name).Status.SyncedResourceVersion == before {
			return fmt.Errorf("%s was not synced; %s", name, b.States())
		}
		return nil
	})
}

// holds waits until the Secret's data is exactly the pairs.
func (b bed) holds(name string, pairs ...string) *corev1.Secret {
	b.T.Helper()
	want := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		want[pairs[i]] = pairs[i+1]
	}
	return b.Holds(name, want)
}

// stays fails the test if the Secret is not as it was.
func (b bed) stays(was *corev1.Secret) {
	b.T.Helper()
	got := b.Secret(was.Name)
	if got == nil || got.UID != was.UID || got.ResourceVersion != was.ResourceVersion {
		b.T.Fatalf("Secret %s changed\nfrom %s\nto   %s", was.Name, quoted(was), quoted(got))
	}
}

// make creates a Secret as a user would.
func (b bed) make(s *corev1.Secret) *corev1.Secret {
	b.T.Helper()
	s.Namespace = b.NS
	if err := b.Create(b.T.Context(), s, client.FieldOwner("somebody")); err != nil {
		b.T.Fatal(err)
	}
	return s
}

// change patches an object as a user would.
func (b bed) change(obj client.Object, by func()) {
	b.T.Helper()
	patch := client.MergeFrom(obj.DeepCopyObject().(client.Object))
	by()
	if err := b.Patch(b.T.Context(), obj, patch, client.FieldOwner("somebody")); err != nil {
		b.T.Fatal(err)
	}
}

// remove deletes an object.
func (b bed) remove(obj client.Object) {
	b.T.Helper()
	if err := b.Delete(b.T.Context(), obj); err != nil {
		b.T.Fatal(err)
	}
}

// gone waits until there is no Secret of that name.
func (b bed) gone(name string) {
	b.T.Helper()
	b.Eventually(func() error {
		if s := b.Secret(name); s != nil {
			return fmt.Errorf("Secret %s is still there; %s", name, b.States())
		}
		return nil
	})
}

// controlled reports whether an ExternalSecret of that name is the Secret's
// controller.
func controlled(s *corev1.Secret, name string) bool {
	c := metav1.GetControllerOf(s)
	return c != nil && c.Kind == "ExternalSecret" && c.Name == name
}

// within fails the test if f takes longer.
func within(t *testing.T, limit time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > limit {
		t.Errorf("took %v, more than %v", took, limit)
	}
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// withMeta gives a manifest of one object other metadata.
func withMeta(manifest, meta string) string {
	head, rest, _ := strings.Cut(manifest, "metadata: {")
	_, rest, _ = strings.Cut(rest, "}\n")
	return head + meta + "\n" + rest
}

func rawMerge(body []byte) client.Patch { return client.RawPatch(types.MergePatchType, body) }

// background is for cleaning up, when the test's own context has ended.
func (bed) background() context.Context { return context.Background() }

// atOnce is how soon events are followed: within a second, and much more for a
// machine that is busy with other tests. It is far from the seven minutes after
// which what waits for somebody's change is looked at, and farther from any
// refresh.
const atOnce = time.Minute
