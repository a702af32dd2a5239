package target_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

const (
	managed = "example.com/managed"
	patch   = "example.com/patch"
	unowned = "example.com/unowned"
)

// yielding is a destination of the widget "s" that leaves alone what is not its
// own.
func (b *bed) yielding(change ...func(*delivery.Destination)) *delivery.Destination {
	return b.dest(append([]func(*delivery.Destination){func(d *delivery.Destination) {
		d.Yield = &delivery.Yield{Managed: managed, Patch: patch, Unowned: unowned}
		d.Owner = delivery.Object{APIVersion: "example.com/v1", Kind: "Gadget", Namespace: b.ns, Name: "s", UID: "uid-s"}
		d.FieldManager, d.Siblings = "us", ""
		d.Marks = delivery.Marks{Makers: []string{"original"}}
	}}, change...)...)
}

// look is what the watch has seen where it keeps the annotations that count.
func (b *bed) look() *metav1.PartialObjectMetadata {
	b.t.Helper()
	seen := b.seen("s")
	if seen == nil {
		return nil
	}
	s, err := b.Get(b.t.Context(), "s", metav1.GetOptions{})
	must(b.t, err)
	seen.Annotations = s.Annotations
	return seen
}

// yield applies under Yield.
func (b *bed) yield(d *delivery.Destination, w target.Desired, mem target.Memory) (target.Result, error) {
	b.t.Helper()
	return b.with(d, w, b.look(), mem)
}

func controlledBy(kind, name string, uid types.UID) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: kind, Name: name, UID: uid, Controller: &yes}}
}

func TestWhatIsThereYieldsOnlyIfItSaysSo(t *testing.T) {
	t.Parallel()
	const words = `Resource "s" already exists and is not managed by Gadget`
	type notes = map[string]string
	owner := []string{"k=new"}
	added := []string{"k=new", "other=x"}
	for name, c := range map[string]struct {
		policy delivery.CreationPolicy
		notes  notes
		refs   []metav1.OwnerReference
		change delivery.Change // empty: refused
		holds  []string
		owner  types.UID // afterwards
		theirs bool      // their labels and annotations stay
	}{
		"nothing said":              {delivery.Owner, nil, nil, "", nil, "", true},
		"nothing said, Orphan":      {delivery.Orphan, nil, nil, "", nil, "", true},
		"other words":               {delivery.Owner, notes{managed: "yes", patch: "True"}, nil, "", nil, "", true},
		"managed":                   {delivery.Owner, notes{managed: "true"}, nil, delivery.Adopted, owner, "uid-s", false},
		"managed, Orphan":           {delivery.Orphan, notes{managed: "true"}, nil, delivery.Adopted, owner, "", false},
		"managed, another's":        {delivery.Owner, notes{managed: "true"}, controlledBy("Widget", "w", "1"), "", nil, "1", true},
		"managed, another Gadget's": {delivery.Owner, notes{managed: "true"}, controlledBy("Gadget", "w", "1"), "", nil, "1", true},
		"patch":                     {delivery.Owner, notes{patch: "true"}, nil, delivery.Updated, added, "", true},
		"patch, another's":          {delivery.Owner, notes{patch: "true"}, controlledBy("Widget", "w", "1"), delivery.Updated, added, "1", true},
		"patch, ours":               {delivery.Owner, notes{patch: "true"}, controlledBy("Gadget", "s", "uid-s"), delivery.Updated, added, "uid-s", true},
		"patch, ours, Orphan":       {delivery.Orphan, notes{patch: "true"}, controlledBy("Gadget", "s", "uid-s"), delivery.Updated, added, "uid-s", true},
		"both":                      {delivery.Owner, notes{patch: "true", managed: "true"}, nil, delivery.Adopted, added, "uid-s", true},
		"both, another's":           {delivery.Owner, notes{patch: "true", managed: "true"}, controlledBy("Widget", "w", "1"), "", nil, "1", true},
		"ours":                      {delivery.Owner, nil, controlledBy("Gadget", "s", "uid-s"), delivery.Updated, owner, "uid-s", true},
		"ours, restored":            {delivery.Owner, nil, controlledBy("Gadget", "s", "uid-old"), delivery.Updated, owner, "uid-s", true},
		"ours, then Orphan":         {delivery.Orphan, nil, controlledBy("Gadget", "s", "uid-s"), delivery.Updated, owner, "", true},
		"unowned, of a hand":        {delivery.Orphan, notes{unowned: "true"}, nil, "", nil, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			annotations := notes{"kept": "y"}
			for k, v := range c.notes {
				annotations[k] = v
			}
			made := b.create(&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{OwnerReferences: c.refs, Labels: notes{"theirs": "x"}, Annotations: annotations},
				Data:       map[string][]byte{"k": []byte("old"), "other": []byte("x")},
			})
			d := b.yielding(policy(c.policy))
			res, err := b.yield(d, want("k=new"), target.Memory{})
			if c.change == "" {
				b.refused(err, delivery.TargetControlled, words, patch+"=true")
				if s := b.holds("k=old", "other=x"); s.ResourceVersion != made.ResourceVersion {
					t.Error("it was written")
				}
				return
			}
			mem := b.did(res, err, c.change, "GET PATCH")
			s := b.holds(c.holds...)
			if stay := s.Labels["theirs"] == "x" && s.Annotations["kept"] == "y"; stay != c.theirs || s.Labels["managed"] != "true" {
				t.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
			}
			controller := metav1.GetControllerOf(s)
			if controller == nil && c.owner != "" || controller != nil && controller.UID != c.owner {
				t.Errorf("controlled by %v, want %q", controller, c.owner)
			}
			res, err = b.yield(d, want("k=new"), mem)
			b.did(res, err, delivery.NoChange, "")
			if c.policy == delivery.Orphan && c.notes[patch] == "" {
				return // see TestWhatIsUnownedIsKeptRight
			}
			res, err = b.yield(d, want("k=new"), target.Memory{})
			b.did(res, err, delivery.NoChange, "GET")
		})
	}
}

// TestWhatIsUnownedIsKeptRight: without an owner reference, the annotation and
// who wrote the Secret tell whose it is.
func TestWhatIsUnownedIsKeptRight(t *testing.T) {
	t.Parallel()
	marked := func(pairs ...string) target.Desired {
		w := want(pairs...)
		w.Annotations = map[string]string{unowned: "true"}
		return w
	}
	for _, maker := range []string{"us", "original"} {
		t.Run("made by "+maker, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			d := b.yielding(policy(delivery.Orphan))
			_, err := b.Create(t.Context(), &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "s", Annotations: map[string]string{unowned: "true"}, Labels: map[string]string{"managed": "true"}},
				Data:       map[string][]byte{"k": []byte("old")},
			}, metav1.CreateOptions{FieldManager: maker})
			must(t, err)
			res, err := b.yield(d, marked("k=old"), target.Memory{})
			b.did(res, err, delivery.NoChange, "GET")
			res, err = b.yield(d, marked("k=new"), target.Memory{})
			b.did(res, err, delivery.Updated, "GET PATCH")
			if s := b.holds("k=new"); metav1.GetControllerOf(s) != nil {
				t.Errorf("it is owned: %v", s.OwnerReferences)
			}
			// Turned into one that is owned.
			res, err = b.yield(b.yielding(), want("k=new"), target.Memory{})
			b.did(res, err, delivery.Updated, "GET PATCH")
			if c := metav1.GetControllerOf(b.holds("k=new")); c == nil || c.UID != "uid-s" {
				t.Errorf("controlled by %v", c)
			}
		})
	}
}

// TestPatchedSecretsLoseOnlyWhatWasOurs, and are neither frozen nor given a
// type or a finalizer.
func TestPatchedSecretsLoseOnlyWhatWasOurs(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{patch: "true"}, Labels: map[string]string{"theirs": "x"}},
		Type:       "example.com/any", Data: map[string][]byte{"other": []byte("x")},
	})
	d := b.yielding(func(d *delivery.Destination) { d.Immutable, d.Finalizers = true, []string{"example.com/keep"} })
	first := want("k=1", "gone=1")
	first.Labels["gone"] = "1"
	res, err := b.yield(d, first, target.Memory{})
	mem := b.did(res, err, delivery.Updated, "GET PATCH")
	if s := b.holds("k=1", "gone=1", "other=x"); s.Immutable != nil || len(s.Finalizers) > 0 || s.Type != "example.com/any" {
		t.Errorf("immutable %v, finalizers %v, type %s", s.Immutable, s.Finalizers, s.Type)
	}
	res, err = b.yield(d, want("k=2"), mem)
	b.did(res, err, delivery.Updated, "GET PATCH")
	if s := b.holds("k=2", "other=x"); s.Labels["theirs"] != "x" || s.Labels["gone"] != "" {
		t.Errorf("labels %v", s.Labels)
	}
}

// TestTheOriginalsLabelsGoWhenTheyAreNotWanted: what it wrote on its own Secret
// counts as ours.
func TestTheOriginalsLabelsGoWhenTheyAreNotWanted(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, err := b.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "s", OwnerReferences: controlledBy("Gadget", "s", "uid-s"),
			Labels: map[string]string{"managed": "true", "gone": "x"}, Annotations: map[string]string{"gone": "x"}},
		Data: map[string][]byte{"k": []byte("v")},
	}, metav1.CreateOptions{FieldManager: "original"})
	must(t, err)
	_, err = b.Patch(t.Context(), "s", types.MergePatchType, []byte(`{"metadata":{"labels":{"theirs":"x"}}}`), metav1.PatchOptions{FieldManager: "hand"})
	must(t, err)
	res, err := b.yield(b.yielding(), want("k=v"), target.Memory{})
	b.did(res, err, delivery.Updated, "GET PATCH")
	if s := b.holds("k=v"); s.Labels["gone"] != "" || s.Annotations["gone"] != "" || s.Labels["theirs"] != "x" {
		t.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
	}
}

// TestWhatCannotChangeIsRefused: what holds something else than it should is no
// success, though it was frozen as asked.
func TestWhatCannotChangeIsRefused(t *testing.T) {
	t.Parallel()
	frozen := func(d *delivery.Destination) { d.Immutable = true }
	b := newBed(t)
	res, err := b.yield(b.yielding(frozen), want("k=1"), target.Memory{})
	mem := b.did(res, err, delivery.Created, "POST")
	_, err = b.yield(b.yielding(frozen), want("k=2"), mem)
	b.refused(err, delivery.TargetImmutable, "Secret s", "delete it")
	_, err = b.yield(b.yielding(), want("k=2"), mem)
	b.refused(err, delivery.TargetImmutable, "Secret s", "delete it")
	b.requests()

	labelled := want("k=1")
	labelled.Labels["more"] = "x"
	res, err = b.yield(b.yielding(frozen), labelled, mem)
	mem = b.did(res, err, delivery.Updated, "GET PATCH")
	if s := b.holds("k=1"); s.Labels["more"] != "x" || s.Immutable == nil || !*s.Immutable {
		t.Errorf("labels %v, immutable %v", s.Labels, s.Immutable)
	}

	typed := func(d *delivery.Destination) { d.Type = "example.com/other" }
	_, err = b.yield(b.yielding(frozen, typed), labelled, mem)
	b.refused(err, delivery.TargetType, "Secret s is of type Opaque and should be example.com/other", "delete it")
	b.holds("k=1")
}
