package restarts_test

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	mirrorsv1 "github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/test/mirrors/mirrortest"
)

// manager is who the API server says that the original is: its binary.
const manager = "manager"

// left brings a SecretMirror to what the original leaves behind: its finalizer
// and its status, which knows no generation and no conditions.
func (b bed) left(name string, lease *mirrorsv1.VaultSourceStatus) {
	b.T.Helper()
	sm := b.Mirror(name)
	patch := client.MergeFrom(sm.DeepCopy())
	sm.Finalizers = []string{"mirrors.kts.studio/finalizer"}
	b.Must(b.Patch(b.T.Context(), sm, patch, client.FieldOwner(manager)))
	patch = client.MergeFrom(sm.DeepCopy())
	sm.Status = mirrorsv1.SecretMirrorStatus{
		MirrorStatus: "Active", LastSyncTime: time.Now().UTC().Format(time.RFC3339), VaultSource: lease,
	}
	b.Must(b.Status().Patch(b.T.Context(), sm, patch, client.FieldOwner(manager)))
}

// made is a copy as the original makes it.
func (b bed) made(namespace, name, owner string, data map[string][]byte, annotations map[string]string) *corev1.Secret {
	b.T.Helper()
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: map[string]string{
			"mirrors.kts.studio/owned-by":       b.NS + "/" + owner,
			"mirrors.kts.studio/last-sync-at":   time.Now().Add(-time.Hour).String(),
			"mirrors.kts.studio/parent-version": "",
			"mirrors.kts.studio/source-type":    "secret",
		}},
		Type: corev1.SecretTypeOpaque, Data: data,
	}
	for k, v := range annotations {
		s.Annotations[k] = v
	}
	b.Must(b.Create(b.T.Context(), s, client.FieldOwner(manager)))
	return s
}

func TestTakingOverRewritesNothing(t *testing.T) {
	b := newBed(t)
	source := b.Make(b.NS, "app", "password", "first")
	b.Change(source, func() {
		source.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "note": "kept"}
		source.Labels = map[string]string{"app": "web"}
	})
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	b.left("app", nil)
	var copies []*corev1.Secret
	for _, ns := range []string{b.one, b.two} {
		s := b.made(ns, "app", "app", source.Data, map[string]string{
			"mirrors.kts.studio/parent-version": source.ResourceVersion, corev1.LastAppliedConfigAnnotation: "{}", "note": "kept",
		})
		b.Change(s, func() { s.Labels = map[string]string{"app": "web"} })
		copies = append(copies, s)
	}
	r := b.operate()
	b.Active("app", "in 2 namespaces")
	for _, s := range copies {
		b.Untouched(s)
	}
	if w := b.copyWrites(r); len(w) != 0 {
		t.Errorf("taking over asks for %v", w)
	}
	// They are ours from now on, to follow and to take back.
	b.Set(b.NS, "app", "password", "second")
	got := b.Has(b.one, "app", "password", "second")
	if _, stale := got.Annotations[corev1.LastAppliedConfigAnnotation]; stale {
		t.Error("a former value is left in an annotation")
	}
	b.Remove(b.Mirror("app"))
	b.Gone(b.one, "app")
	b.Gone(b.two, "app")
	b.Left("app")
}

// tracked are the marks by which tools that deploy know their own.
func tracked() (labels, annotations map[string]string) {
	return map[string]string{
			"argocd.argoproj.io/instance": "web", "app.kubernetes.io/instance": "web", "app.kubernetes.io/managed-by": "Helm",
			"helm.sh/chart": "web-1.0.0", "kustomize.toolkit.fluxcd.io/name": "web", "kustomize.toolkit.fluxcd.io/namespace": "flux",
		}, map[string]string{
			"argocd.argoproj.io/tracking-id": "web:/Secret:a/app", "meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "a",
		}
}

// With them a copy would be the tool's own, which it may prune. Those that the
// original copied along are no reason for a write.
func TestNoCopyIsForATool(t *testing.T) {
	b := newBed(t)
	source := b.Make(b.NS, "app", "password", "first")
	b.Change(source, func() {
		source.Labels, source.Annotations = tracked()
		source.Labels["app"], source.Annotations["note"] = "web", "kept"
	})
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	b.left("app", nil)
	was := b.made(b.one, "app", "app", source.Data, source.Annotations)
	b.Change(was, func() {
		was.Labels, was.Annotations["mirrors.kts.studio/parent-version"] = source.Labels, source.ResourceVersion
	})
	b.operate()
	got := b.Has(b.two, "app", "password", "first")
	labels, annotations := tracked()
	for k := range labels {
		if v, there := got.Labels[k]; there {
			t.Errorf("a copy has the label %s=%s", k, v)
		}
	}
	for k := range annotations {
		if v, there := got.Annotations[k]; there {
			t.Errorf("a copy has the annotation %s=%s", k, v)
		}
	}
	if got.Labels["app"] != "web" || got.Annotations["note"] != "kept" {
		t.Errorf("a copy has the labels %v and the annotations %v", got.Labels, got.Annotations)
	}
	b.Active("app", "in 2 namespaces")
	b.Untouched(was)
}

func TestTakingOverALeaseTakesOutNoOther(t *testing.T) {
	b := newBed(t)
	l := b.Lending("24s", "1h") // in which the operator has to start
	lent, err := b.Vault.Admin.Logical().ReadWithContext(t.Context(), l.Path)
	b.Must(err)
	data := map[string][]byte{}
	for k, v := range lent.Data {
		data[k] = []byte(fmt.Sprint(v))
	}
	b.Apply(mirrortest.Lends("lent", l.Path, daily, "^$NS-one$"))
	b.left("lent", &mirrorsv1.VaultSourceStatus{LeaseID: lent.LeaseID, LeaseDuration: int64(lent.LeaseDuration)})
	was := b.made(b.one, "lent", "lent", data, map[string]string{
		"mirrors.kts.studio/source-type": "vault", "mirrors.kts.studio/vault-path": l.Path,
		"mirrors.kts.studio/vault-lease-id": lent.LeaseID, "mirrors.kts.studio/vault-lease-duration": fmt.Sprint(lent.LeaseDuration),
	})
	r := b.operate()
	l.Renewed(3)
	b.Active("lent", "in 1 namespace")
	// It is annotated once with what tells that nobody changed it since.
	if w := b.copyWrites(r); len(w) > 1 {
		t.Errorf("taking over asks for %v", w)
	}
	b.Has(b.one, "lent", "username", mirrortest.User(was), "password", string(was.Data["password"]))
	// The original would never have served another one.
	b.Apply(mirrortest.Lends("lent", l.Path, daily, "^$NS-"))
	b.Has(b.two, "lent", "username", mirrortest.User(was), "password", string(was.Data["password"]))
	if err := l.Works(was); err != nil || l.Takeouts() != 0 {
		t.Errorf("taken out %d times; %v", l.Takeouts(), err)
	}
	b.Remove(b.Mirror("lent"))
	b.Left("lent")
	l.LentNow(0)
}

func TestTakingOverFromVaultRewritesNothing(t *testing.T) {
	b := newBed(t)
	b.Login("approle", `path "secret/data/`+b.NS+`/*" { capabilities = ["read"] }`)
	b.Put("app", map[string]any{"password": "first"})
	b.Apply(mirrortest.Lends("app", "/secret/data/$NS/app", "pollPeriodSeconds: 1", "^$NS-one$"))
	b.left("app", nil)
	was := b.made(b.one, "app", "app", map[string][]byte{"password": []byte("first")}, map[string]string{
		"mirrors.kts.studio/source-type": "vault", "mirrors.kts.studio/vault-path": "/secret/data/" + b.NS + "/app",
	})
	r := b.operate()
	b.Active("app", "in 1 namespace")
	b.Untouched(was)
	if w := b.copyWrites(r); len(w) != 0 {
		t.Errorf("taking over asks for %v", w)
	}
}

// What the original leaves behind when it is restarted before the object goes.
func TestWhatTheOriginalMadeGoesWithTheObject(t *testing.T) {
	b := newBed(t)
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-one$"))
	b.left("app", nil)
	b.made(b.one, "app", "app", map[string][]byte{"password": []byte("first")}, nil)
	b.made(b.two, "app", "app", map[string][]byte{"password": []byte("first")}, nil) // a pattern that was narrowed
	others := b.made(b.two, "other", "another", map[string][]byte{"password": []byte("x")}, nil)
	b.Remove(b.Mirror("app"))
	b.operate()
	b.Gone(b.one, "app")
	b.Gone(b.two, "app")
	b.Left("app")
	b.Untouched(others)
}
