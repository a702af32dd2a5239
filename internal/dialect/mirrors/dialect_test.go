package mirrors

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

func TestKind(t *testing.T) {
	t.Parallel()
	k := SecretMirrors(Options{}).Kind()
	if got := k.GVK.String(); got != "mirrors.kts.studio/v1alpha2, Kind=SecretMirror" || !k.Namespaced {
		t.Errorf("the kind is %s, namespaced %v", got, k.Namespaced)
	}
	if _, ok := k.New().(*v1alpha2.SecretMirror); !ok {
		t.Errorf("an empty object is a %T", k.New())
	}
	if _, ok := k.NewList().(*v1alpha2.SecretMirrorList); !ok {
		t.Errorf("an empty list is a %T", k.NewList())
	}
	// What is written on copies has to be seen on them.
	plan, _ := SecretMirrors(Options{}).Translate(mirror())
	for key := range plan.Destination.Marks.Annotations {
		if len(k.Kept) != 1 || !strings.HasPrefix(key, k.Kept[0]) {
			t.Errorf("%s is not kept by %q", key, k.Kept)
		}
	}
}

func TestStrangers(t *testing.T) {
	t.Parallel()
	sm, secret := mirror(), &corev1.Secret{}
	d := SecretMirrors(Options{})
	if _, err := d.Translate(secret); delivery.KindOf(err) != delivery.Invalid {
		t.Errorf("a Secret translates with %v", err)
	}
	if got := d.State(secret); got != (dialect.State{}) {
		t.Errorf("state of a Secret: %+v", got)
	}
	if got := d.Report(secret, delivery.Outcome{Result: delivery.Synced}, day(0)); got != nil {
		t.Errorf("events of a Secret: %v", got)
	}
	if got := d.State(sm); got != (dialect.State{}) {
		t.Errorf("state of what was never reported: %+v", got)
	}
}

func TestStateOfTheOriginal(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]dialect.State{
		statusActive:  {Known: true, Ready: true, At: day(0).Truncate(1e9)},
		statusError:   {Known: true, At: day(0).Truncate(1e9)},
		statusPending: {},
	} {
		sm := mirror()
		sm.Status = v1alpha2.SecretMirrorStatus{MirrorStatus: status, LastSyncTime: "2026-08-01T12:00:00Z"}
		if got := SecretMirrors(Options{}).State(sm); got != want {
			t.Errorf("%s is %+v, want %+v", status, got, want)
		}
	}
	sm := mirror()
	sm.Status = v1alpha2.SecretMirrorStatus{MirrorStatus: statusActive, ObservedGeneration: 2}
	if got := SecretMirrors(Options{}).State(sm); got.Known {
		t.Errorf("a status about an earlier generation is %+v", got)
	}
}

func TestOwnerOf(t *testing.T) {
	t.Parallel()
	marked, ok := SecretMirrors(Options{}).(dialect.Marked)
	if !ok {
		t.Fatal("the language does not know its copies")
	}
	plan, _ := SecretMirrors(Options{}).Translate(mirror())
	owner, ok := marked.OwnerOf(&metav1.ObjectMeta{Annotations: plan.Destination.Marks.Annotations})
	if want := (types.NamespacedName{Namespace: "team", Name: "app-mirror"}); !ok || owner != want {
		t.Errorf("a copy is owned by %s, %v", owner, ok)
	}
	for _, value := range []string{"", "/", "team", "team/", "/app", "a/b/c"} {
		if owner, ok := marked.OwnerOf(&metav1.ObjectMeta{Annotations: map[string]string{ownedBy: value}}); ok {
			t.Errorf("%q is owned by %s", value, owner)
		}
	}
}

// TestStoresAreShared: one session for all that reach the same address with
// the same credentials in one namespace, and none across namespaces.
func TestStoresAreShared(t *testing.T) {
	t.Parallel()
	store := func(d dialect.Deliveries, change func(*v1alpha2.SecretMirror)) delivery.StoreRef {
		sm := ofVaultMirror()
		change(sm)
		plan, err := d.Translate(sm)
		if err != nil || len(plan.Inline) != 1 {
			t.Fatalf("%d stores, error %v", len(plan.Inline), err)
		}
		if plan.Inline[0].Object.UID != "" {
			t.Errorf("a store inline has the UID %s", plan.Inline[0].Object.UID)
		}
		return plan.Inline[0].Ref
	}
	open := SecretMirrors(Options{CredentialNamespaces: []string{"logins"}})
	elsewhere := func(sm *v1alpha2.SecretMirror) { sm.Spec.Source.Vault.Auth.Token.SecretRef.Namespace = "logins" }
	first := store(open, func(*v1alpha2.SecretMirror) {})
	for name, c := range map[string]struct {
		change func(*v1alpha2.SecretMirror)
		same   bool
	}{
		"another name, path and generation": {func(sm *v1alpha2.SecretMirror) {
			sm.Name, sm.Generation, sm.UID, sm.Spec.Source.Vault.Path = "other", 9, "u", "a/b"
		}, true},
		"the defaults said": {func(sm *v1alpha2.SecretMirror) {
			sm.Spec.Source.Vault.Auth.Token.TokenKey = "token"
			sm.Spec.Source.Vault.Auth.Token.SecretRef.Namespace = "team"
		}, true},
		"another namespace": {func(sm *v1alpha2.SecretMirror) { sm.Namespace = "other" }, false},
		"another address":   {func(sm *v1alpha2.SecretMirror) { sm.Spec.Source.Vault.Addr = "http://other" }, false},
		"another key":       {func(sm *v1alpha2.SecretMirror) { sm.Spec.Source.Vault.Auth.Token.TokenKey = "t" }, false},
		"elsewhere":         {elsewhere, false},
	} {
		if got := store(open, c.change); (got == first) != c.same {
			t.Errorf("%s: %+v beside %+v", name, got, first)
		}
	}
	// Credentials that two namespaces may both use are two sessions.
	a := store(open, elsewhere)
	b := store(open, func(sm *v1alpha2.SecretMirror) { elsewhere(sm); sm.Namespace = "other" })
	if a == b || a.Namespace != "" {
		t.Errorf("two namespaces share %+v and %+v", a, b)
	}
}
