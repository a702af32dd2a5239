package target_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/target"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

const prefix = "externalsecrets.external-secrets.io/"

// bed is a namespace with a writer whose requests are listed.
type bed struct {
	corev1client.SecretInterface
	t      *testing.T
	ns     string
	writer *target.Writer

	mu   sync.Mutex
	made []string // methods
}

func newBed(t *testing.T) *bed {
	t.Helper()
	plane := testkit.SharedPlane(t)
	b := &bed{t: t, ns: testkit.Namespace(t, plane)}
	plain, err := kubernetes.NewForConfig(plane.Config())
	must(t, err)
	b.SecretInterface = plain.CoreV1().Secrets(b.ns)
	cfg := plane.Config()
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return counting{b, next} })
	b.writer = &target.Writer{Core: core(t, cfg), Key: secret.Key{1},
		Rival: func(context.Context, *delivery.Destination, string) bool { return true }}
	return b
}

func core(t *testing.T, cfg *rest.Config) corev1client.CoreV1Interface {
	t.Helper()
	c, err := corev1client.NewForConfig(cfg)
	must(t, err)
	return c
}

type counting struct {
	b    *bed
	next http.RoundTripper
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.b.mu.Lock()
	c.b.made = append(c.b.made, r.Method)
	c.b.mu.Unlock()
	return c.next.RoundTrip(r)
}

// requests returns the methods used since it was last called.
func (b *bed) requests() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := strings.Join(b.made, " ")
	b.made = nil
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dest is a destination of object "app" that owns Secret "s".
func (b *bed) dest(change ...func(*delivery.Destination)) *delivery.Destination {
	d := &delivery.Destination{
		Namespace: b.ns, Name: "s", Creation: delivery.Owner,
		Owner:        delivery.Object{APIVersion: "external-secrets.io/v1", Kind: "ExternalSecret", Namespace: b.ns, Name: "app", UID: "uid-app"},
		FieldManager: prefix + "app", Siblings: prefix,
		Marks: delivery.Marks{Stale: []string{"stale"}},
	}
	for _, f := range change {
		f(d)
	}
	return d
}

func policy(p delivery.CreationPolicy) func(*delivery.Destination) {
	return func(d *delivery.Destination) { d.Creation = p }
}

// want is a desired payload of k=v pairs.
func want(pairs ...string) target.Desired {
	d := target.Desired{Data: secret.Data{}, Labels: map[string]string{"managed": "true"}}
	for _, p := range pairs {
		k, v, _ := strings.Cut(p, "=")
		d.Data[k] = secret.NewString(v)
	}
	return d
}

// apply applies with what a watch that lags not would have seen.
func (b *bed) apply(d *delivery.Destination, w target.Desired, mem target.Memory) (target.Result, error) {
	b.t.Helper()
	return b.with(d, w, b.seen(d.Name), mem)
}

// with applies with what the watch has seen.
func (b *bed) with(d *delivery.Destination, w target.Desired, seen *metav1.PartialObjectMetadata, mem target.Memory) (target.Result, error) {
	b.t.Helper()
	w.Type = d.Type
	return b.writer.Apply(b.t.Context(), &target.Target{Destination: d, Seen: seen, Memory: mem}, w)
}

// seen is the Secret's metadata as the operator keeps it; nil if there is
// none.
func (b *bed) seen(name string) *metav1.PartialObjectMetadata {
	b.t.Helper()
	s, err := b.Get(b.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		return nil
	}
	out := &metav1.PartialObjectMetadata{}
	out.Namespace, out.Name, out.UID, out.ResourceVersion = s.Namespace, s.Name, s.UID, s.ResourceVersion
	out.OwnerReferences, out.DeletionTimestamp, out.Finalizers = s.OwnerReferences, s.DeletionTimestamp, s.Finalizers
	return out
}

func (b *bed) create(s *corev1.Secret) *corev1.Secret {
	b.t.Helper()
	s.Name = "s"
	got, err := b.Create(b.t.Context(), s, metav1.CreateOptions{FieldManager: "hand"})
	must(b.t, err)
	return got
}

// holds asserts the Secret's data.
func (b *bed) holds(pairs ...string) *corev1.Secret {
	b.t.Helper()
	s, err := b.Get(b.t.Context(), "s", metav1.GetOptions{})
	must(b.t, err)
	var got []string
	for k, v := range s.Data {
		got = append(got, k+"="+string(v))
	}
	slices.Sort(got)
	slices.Sort(pairs)
	if !slices.Equal(got, pairs) {
		b.t.Errorf("the Secret holds %v, want %v", got, pairs)
	}
	return s
}

// did asserts a change and the requests that it took.
func (b *bed) did(res target.Result, err error, change delivery.Change, requests string) target.Memory {
	b.t.Helper()
	if err != nil || res.Change != change {
		b.t.Errorf("change %q, error %v; want %q", res.Change, err, change)
	}
	if got := b.requests(); got != requests {
		b.t.Errorf("it took %q, want %q", got, requests)
	}
	return res.Memory
}

// refused asserts an error's kind and words.
func (b *bed) refused(err error, kind delivery.ErrorKind, words ...string) {
	b.t.Helper()
	if delivery.KindOf(err) != kind {
		b.t.Fatalf("got %v (%s), want %s", err, delivery.KindOf(err), kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			b.t.Errorf("%q does not mention %q", err, w)
		}
	}
}

// TestALifeTakesTheFewestRequests: one write to make it, none while nothing
// changes, one write a change, and after a restart one look.
func TestALifeTakesTheFewestRequests(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.dest()
	res, err := b.apply(d, want("k=1", "old=x"), target.Memory{})
	mem := b.did(res, err, delivery.Created, "POST")
	s := b.holds("k=1", "old=x")
	if c := metav1.GetControllerOf(s); c == nil || c.UID != "uid-app" || s.Labels["managed"] != "true" {
		t.Errorf("made with %v and %v", s.OwnerReferences, s.Labels)
	}

	res, err = b.apply(d, want("k=1", "old=x"), mem)
	mem = b.did(res, err, delivery.NoChange, "")
	// The watch lags behind our own write.
	older := b.seen("s")
	older.ResourceVersion = "1"
	res, err = b.with(d, want("k=1", "old=x"), older, mem)
	mem = b.did(res, err, delivery.NoChange, "")

	res, err = b.apply(d, want("k=2"), mem)
	b.did(res, err, delivery.Updated, "PATCH")
	b.holds("k=2")

	res, err = b.apply(d, want("k=2"), target.Memory{}) // restarted
	mem = b.did(res, err, delivery.NoChange, "GET")
	res, err = b.apply(d, want("k=2"), mem)
	mem = b.did(res, err, delivery.NoChange, "")

	s = b.holds("k=2")
	s.Data["k"] = []byte("drift")
	_, err = b.Update(t.Context(), s, metav1.UpdateOptions{FieldManager: "hand"})
	must(t, err)
	res, err = b.apply(d, want("k=2"), mem)
	mem = b.did(res, err, delivery.Updated, "GET PATCH")
	b.holds("k=2")

	// Deleted, and the watch does not say so yet: not a second try at once,
	// but neither a wrong word.
	gone := b.seen("s")
	must(t, b.Delete(t.Context(), "s", metav1.DeleteOptions{}))
	_, err = b.with(d, want("k=3"), gone, mem)
	b.refused(err, delivery.Conflict)
	b.requests()
	res, err = b.apply(d, want("k=3"), mem)
	b.did(res, err, delivery.Created, "GET POST")

	// Made by somebody, and the watch does not say so yet.
	res, err = b.with(d, want("k=3"), nil, target.Memory{})
	b.did(res, err, delivery.NoChange, "POST GET")
}

func TestAWriteAfterSomebodyElsesIsAConflict(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.dest()
	res, err := b.apply(d, want("k=1"), target.Memory{})
	must(t, err)
	before := b.seen("s")
	s := b.holds("k=1")
	s.Data["k"] = []byte("theirs")
	_, err = b.Update(t.Context(), s, metav1.UpdateOptions{})
	must(t, err)
	b.requests()
	_, err = b.with(d, want("k=2"), before, res.Memory)
	b.refused(err, delivery.Conflict)
	b.holds("k=theirs")

	// Another Secret of the same name is not the one that was seen.
	must(t, b.Delete(t.Context(), "s", metav1.DeleteOptions{}))
	b.create(&corev1.Secret{Data: map[string][]byte{"k": []byte("other")}})
	_, err = b.with(d, want("k=2"), before, res.Memory)
	b.refused(err, delivery.Conflict)
	b.holds("k=other")
}

func TestAdoption(t *testing.T) {
	t.Parallel()
	yes := true
	// Of kinds that are not served, lest the garbage collector look for them.
	controlled := func(apiVersion, kind, name string, uid types.UID) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: name, UID: uid, Controller: &yes}}
	}
	for name, c := range map[string]struct {
		policy delivery.CreationPolicy
		refs   []metav1.OwnerReference
		change delivery.Change
		fails  delivery.ErrorKind
		holds  []string
	}{
		"nobody's, Owner":          {delivery.Owner, nil, delivery.Adopted, "", []string{"k=new"}},
		"nobody's, Orphan":         {delivery.Orphan, nil, delivery.Updated, "", []string{"k=new"}},
		"nobody's, Merge":          {delivery.Merge, nil, delivery.Updated, "", []string{"k=new", "other=x"}},
		"nobody's, CreateOrMerge":  {delivery.CreateOrMerge, nil, delivery.Updated, "", []string{"k=new", "other=x"}},
		"others', Owner":           {delivery.Owner, controlled("example.com/v1", "Widget", "web", "1"), "", delivery.TargetControlled, []string{"k=old", "other=x"}},
		"others', Merge":           {delivery.Merge, controlled("example.com/v1", "Widget", "web", "1"), delivery.Updated, "", []string{"k=new", "other=x"}},
		"others' of the same kind": {delivery.Owner, controlled("example.com/v1", "ExternalSecret", "app", "1"), "", delivery.TargetControlled, []string{"k=old", "other=x"}},
		"a sibling's, Owner":       {delivery.Owner, controlled("external-secrets.io/v1", "ExternalSecret", "b", "1"), "", delivery.TargetOwned, []string{"k=old", "other=x"}},
		"a sibling's, Merge":       {delivery.Merge, controlled("external-secrets.io/v1", "ExternalSecret", "b", "1"), "", delivery.TargetOwned, []string{"k=old", "other=x"}},
		"ours, restored":           {delivery.Owner, controlled("external-secrets.io/v1beta1", "ExternalSecret", "app", "1"), delivery.Updated, "", []string{"k=new"}},
		"ours, then Orphan":        {delivery.Orphan, controlled("external-secrets.io/v1", "ExternalSecret", "app", "uid-app"), delivery.Updated, "", []string{"k=new"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			made := b.create(&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{OwnerReferences: c.refs, Labels: map[string]string{"theirs": "x"}, Annotations: map[string]string{"stale": "x", "kept": "y"}},
				Data:       map[string][]byte{"k": []byte("old"), "other": []byte("x")},
			})
			res, err := b.apply(b.dest(policy(c.policy)), want("k=new"), target.Memory{})
			s := b.holds(c.holds...)
			if c.fails != "" {
				b.refused(err, c.fails, "Secret s", c.refs[0].Name)
				if s.ResourceVersion != made.ResourceVersion {
					t.Error("it was written")
				}
				return
			}
			b.did(res, err, c.change, "GET PATCH")
			if s.Labels["theirs"] != "x" || s.Labels["managed"] != "true" || s.Annotations["kept"] != "y" || s.Annotations["stale"] != "" {
				t.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
			}
			controller := metav1.GetControllerOf(s)
			if owned := controller != nil && controller.UID == "uid-app"; owned != (c.policy == delivery.Owner) {
				t.Errorf("controlled by %v", controller)
			}
		})
	}
}

// TestASecretWithoutDataIsFilled: in its object there is no data to replace.
func TestASecretWithoutDataIsFilled(t *testing.T) {
	t.Parallel()
	for _, p := range []delivery.CreationPolicy{delivery.Owner, delivery.Orphan, delivery.Merge, delivery.CreateOrMerge} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.create(&corev1.Secret{})
			res, err := b.apply(b.dest(policy(p)), want("k=1"), target.Memory{})
			must(t, err)
			b.holds("k=1")
			// And emptied, and filled again.
			res, err = b.apply(b.dest(policy(p)), want(), res.Memory)
			must(t, err)
			b.holds()
			_, err = b.apply(b.dest(policy(p)), want("k=2"), res.Memory)
			must(t, err)
			b.holds("k=2")
		})
	}
}

// TestWhatWasOursGoes, and what is others' stays.
func TestWhatWasOursGoes(t *testing.T) {
	t.Parallel()
	for _, p := range []delivery.CreationPolicy{delivery.Owner, delivery.Merge, delivery.CreateOrMerge, delivery.Orphan} {
		for _, forgets := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s forgetting %v", p, forgets), func(t *testing.T) {
				t.Parallel()
				b := newBed(t)
				b.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"theirs": "x"}}, Data: map[string][]byte{"other": []byte("x")}})
				first := want("k=1", "gone=1")
				first.Labels["gone"], first.Annotations = "x", map[string]string{"gone": "x"}
				res, err := b.apply(b.dest(policy(p)), first, target.Memory{})
				must(t, err)
				mem := res.Memory
				if forgets {
					mem = target.Memory{}
				}
				_, err = b.apply(b.dest(policy(p)), want("k=2"), mem)
				must(t, err)
				keys := []string{"k=2"}
				if p.Merges() {
					keys = append(keys, "other=x")
				}
				s := b.holds(keys...)
				if !maps.Equal(s.Labels, map[string]string{"theirs": "x", "managed": "true"}) || len(s.Annotations) != 0 {
					t.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
				}
			})
		}
	}
}

func TestSiblingsDoNotWriteEachOthersKeys(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.create(&corev1.Secret{})
	merge := func(d *delivery.Destination) { d.Creation = delivery.Merge }
	second := func(d *delivery.Destination) {
		d.FieldManager, d.Owner.Name, d.Owner.UID = prefix+"second", "second", "uid-second"
	}
	_, err := b.apply(b.dest(merge), want("a=1", "shared=1"), target.Memory{})
	must(t, err)
	_, err = b.apply(b.dest(merge, second), want("b=2", "shared=2"), target.Memory{})
	b.refused(err, delivery.TargetOwned, `"shared"`, prefix+"app")
	b.holds("a=1", "shared=1")
	_, err = b.apply(b.dest(merge, second), want("b=2"), target.Memory{})
	must(t, err)
	b.holds("a=1", "shared=1", "b=2")
	// One that wants all of it must not take it from them.
	_, err = b.apply(b.dest(func(d *delivery.Destination) { d.FieldManager = prefix + "third" }), want("c=3"), target.Memory{})
	b.refused(err, delivery.TargetOwned)
	// A name whose object is gone shuts nobody out.
	b.writer.Rival = func(_ context.Context, _ *delivery.Destination, manager string) bool { return manager != prefix+"app" }
	_, err = b.apply(b.dest(merge, second), want("b=2", "shared=2"), target.Memory{})
	must(t, err)
	b.holds("a=1", "shared=2", "b=2")
}

func TestImmutable(t *testing.T) {
	t.Parallel()
	yes := true
	immutable := func(d *delivery.Destination) { d.Immutable = true }
	t.Run("ours", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		res, err := b.apply(b.dest(immutable), want("k=1"), target.Memory{})
		mem := b.did(res, err, delivery.Created, "POST")
		if s := b.holds("k=1"); s.Immutable == nil || !*s.Immutable {
			t.Error("it is not immutable")
		}
		res, err = b.apply(b.dest(immutable), want("k=2"), mem)
		if mem = b.did(res, err, delivery.NoChange, ""); !mem.Frozen {
			t.Error("nothing says that it holds something else")
		}
		res, err = b.apply(b.dest(immutable), want("k=2"), target.Memory{})
		if mem = b.did(res, err, delivery.NoChange, "GET"); !mem.Frozen {
			t.Error("after a restart nothing says that it holds something else")
		}
		res, err = b.apply(b.dest(immutable), want("k=1"), target.Memory{})
		if mem = b.did(res, err, delivery.NoChange, "GET"); mem.Frozen {
			t.Error("it holds what it should and is called frozen")
		}
	})
	t.Run("others'", func(t *testing.T) {
		t.Parallel()
		for _, p := range []delivery.CreationPolicy{delivery.Owner, delivery.Merge, delivery.Orphan} {
			b := newBed(t)
			b.create(&corev1.Secret{Immutable: &yes, Data: map[string][]byte{"k": []byte("old")}})
			_, err := b.apply(b.dest(policy(p)), want("k=new"), target.Memory{})
			b.refused(err, delivery.TargetImmutable, "delete it")
			b.holds("k=old")
		}
	})
	t.Run("made immutable later", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		_, err := b.apply(b.dest(), want("k=1"), target.Memory{})
		must(t, err)
		res, err := b.apply(b.dest(immutable), want("k=1"), target.Memory{})
		if err != nil || res.Change != delivery.Updated {
			t.Errorf("%v, %v", res.Change, err)
		}
		if s := b.holds("k=1"); s.Immutable == nil || !*s.Immutable {
			t.Error("it is not immutable")
		}
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	t.Run("missing, Merge", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		res, err := b.apply(b.dest(policy(delivery.Merge)), want("k=1"), target.Memory{})
		b.did(res, err, delivery.NoChange, "")
		if !res.Missing {
			t.Error("not called missing")
		}
	})
	t.Run("too large", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		_, err := b.apply(b.dest(), want("k="+strings.Repeat("x", corev1.MaxSecretSize+1)), target.Memory{})
		b.refused(err, delivery.WriteFailed, "1048577", "1048576")
		if got := b.requests(); got != "" {
			t.Errorf("tried with %s", got)
		}
		res, err := b.apply(b.dest(), want("k="+strings.Repeat("x", corev1.MaxSecretSize)), target.Memory{})
		b.did(res, err, delivery.Created, "POST")
	})
	t.Run("another type", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		b.create(&corev1.Secret{Type: corev1.SecretTypeOpaque, Data: map[string][]byte{"k": []byte("old")}})
		_, err := b.apply(b.dest(func(d *delivery.Destination) { d.Type = "example.com/x" }), want("k=new"), target.Memory{})
		b.refused(err, delivery.WriteFailed, "type", "immutable")
		b.holds("k=old")
	})
	t.Run("a value that the type forbids", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		_, err := b.apply(b.dest(func(d *delivery.Destination) { d.Type = string(corev1.SecretTypeDockerConfigJson) }),
			want(".dockerconfigjson=Zulu"), target.Memory{})
		b.refused(err, delivery.WriteFailed, "data[.dockerconfigjson]", "Invalid value")
		if strings.Contains(err.Error(), "Z") {
			t.Errorf("%q shows a character of the value", err)
		}
	})
	t.Run("held by a finalizer", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		b.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Finalizers: []string{"example.com/hold"}}})
		must(t, b.Delete(t.Context(), "s", metav1.DeleteOptions{}))
		_, err := b.apply(b.dest(), want("k=1"), target.Memory{})
		b.refused(err, delivery.WriteFailed, "being deleted", "example.com/hold")
	})
	t.Run("no namespace", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		_, err := b.with(b.dest(func(d *delivery.Destination) { d.Namespace = "nowhere" }), want("k=1"), nil, target.Memory{})
		b.refused(err, delivery.WriteFailed, "namespace nowhere does not exist")
	})
	for _, kind := range []corev1.SecretType{corev1.SecretTypeServiceAccountToken, corev1.SecretTypeBootstrapToken} {
		t.Run("a Secret that the cluster acts on "+string(kind), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			clients, err := kubernetes.NewForConfig(testkit.SharedPlane(t).Config())
			must(t, err)
			account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "weak"}}
			_, err = clients.CoreV1().ServiceAccounts(b.ns).Create(t.Context(), account, metav1.CreateOptions{})
			must(t, err)
			b.create(&corev1.Secret{Type: kind, ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.ServiceAccountNameKey: "weak"}}})
			for _, p := range []delivery.CreationPolicy{delivery.Owner, delivery.Merge, delivery.Orphan, delivery.CreateOrMerge} {
				w := want("token=")
				w.Annotations = map[string]string{corev1.ServiceAccountNameKey: "admin"}
				_, err := b.apply(b.dest(policy(p)), w, target.Memory{})
				b.refused(err, delivery.TargetControlled, string(kind))
			}
		})
	}
	t.Run("the API server is gone", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		b.writer.Core = core(t, &rest.Config{Host: "http://127.0.0.1:1"})
		_, err := b.with(b.dest(), want("k=1"), nil, target.Memory{})
		b.refused(err, delivery.WriteFailed, "did not answer")
		if errors.Unwrap(err) == nil {
			t.Error("the cause is gone")
		}
	})
}

func TestDeleteTakesOnlyWhatIsOurs(t *testing.T) {
	t.Parallel()
	yes := true
	for name, c := range map[string]struct {
		refs []metav1.OwnerReference
		gone bool
	}{
		"ours":        {[]metav1.OwnerReference{{APIVersion: "external-secrets.io/v1", Kind: "ExternalSecret", Name: "app", UID: "uid-app", Controller: &yes}}, true},
		"nobody's":    {nil, false},
		"others'":     {[]metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: "Widget", Name: "x", UID: "1", Controller: &yes}}, false},
		"not quite":   {[]metav1.OwnerReference{{APIVersion: "external-secrets.io/v1", Kind: "ExternalSecret", Name: "app", UID: "uid-app"}}, false},
		"a sibling's": {[]metav1.OwnerReference{{APIVersion: "external-secrets.io/v1", Kind: "ExternalSecret", Name: "b", UID: "2", Controller: &yes}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{OwnerReferences: c.refs}})
			gone, err := b.writer.Delete(t.Context(), &target.Target{Destination: b.dest()})
			if err != nil || gone != c.gone || (b.seen("s") == nil) != c.gone {
				t.Errorf("gone %v, error %v", gone, err)
			}
			if gone, err := b.writer.Delete(t.Context(), &target.Target{Destination: b.dest(func(d *delivery.Destination) { d.Name = "nothing" })}); gone || err != nil {
				t.Errorf("of nothing: gone %v, error %v", gone, err)
			}
		})
	}
}
