package doppler_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/doppler/dopplertest"
)

const (
	managed = "doppler-test-secret"
	server  = "hello-server"
	// update is the original's mark of a restart.
	update = "secrets.doppler.com/secretsupdate." + managed
)

// TestAValueChangedInDopplerRestartsTheDeployment is the whole story of the
// manifests in examples/doppler, applied by kubectl with nothing changed but
// Doppler's address and the token.
func TestAValueChangedInDopplerRestartsTheDeployment(t *testing.T) {
	b := newBed(t, map[string]string{"DB_URL": "psql://elon@localhost/modelX"})
	b.kubectl("apply", "-f", b.example(".", "dp.st.dev.sandbox", 4))
	b.CarriesIn("default", managed, "DB_URL", "psql://elon@localhost/modelX")
	b.SaysIn(dopplertest.Home, "doppler-secret-test", dopplertest.SyncReady, metav1.ConditionTrue, "OK", dopplertest.Syncing)
	first := b.replicaSets(1)[0]
	b.recorded()
	if d := b.deployment(); d.Annotations[update] != "" || d.Spec.Template.Annotations[update] != "" {
		t.Errorf("it was restarted before anything had changed: %v", d.Annotations)
	}

	// Nobody is to wait for the minute that is usual.
	ds := b.DopplerSecretIn(dopplertest.Home, "doppler-secret-test")
	if got := ds.Spec.ResyncSeconds; got == nil || *got != 60 {
		t.Errorf("resyncSeconds is %v, want the original's default", got)
	}
	every := int64(1)
	b.Change(ds, func() { ds.Spec.ResyncSeconds = &every })
	b.Set("DB_URL", "psql://me@127.0.0.1/reload")
	b.CarriesIn("default", managed, "DB_URL", "psql://me@127.0.0.1/reload")
	sets := b.replicaSets(2)
	if sets[0].UID != first.UID {
		t.Errorf("the first ReplicaSet was %s and is %s", first.Name, sets[0].Name)
	}
	d := b.deployment()
	mark := d.Spec.Template.Annotations[update]
	if mark == "" || d.Annotations[update] != mark || sets[1].Spec.Template.Annotations[update] != mark {
		t.Errorf("the marks of the restart are %q, %q and %q", mark, d.Annotations[update], sets[1].Spec.Template.Annotations[update])
	}
	b.eventIn("default", server, "Reloaded", managed)
	b.SaysIn(dopplertest.Home, ds.Name, dopplertest.ReloadReady, metav1.ConditionTrue, "OK", "Controller is ready to reload deployments. 1 found.")

	// Peace restarts nobody.
	b.Polled(2)
	if sets := b.replicaSets(2); len(sets) != 2 {
		t.Errorf("%d ReplicaSets", len(sets))
	}
	b.Must(b.Delete(t.Context(), ds))
	b.GoneIn("default", managed)
	b.production()
}

// production applies what is another cluster's, where the token's namespace is
// said and the DopplerSecret is called like the token.
func (b bed) production() {
	b.T.Helper()
	b.kubectl("apply", "-f", b.example("production", "dp.st.production.sandbox", 2))
	b.CarriesIn("default", "doppler-secret", "DB_URL", "psql://me@127.0.0.1/reload")
	b.SaysIn(dopplertest.Home, "doppler-token-secret", dopplertest.SyncReady, metav1.ConditionTrue, "OK", dopplertest.Syncing)
	b.Must(b.Delete(b.T.Context(), b.DopplerSecretIn(dopplertest.Home, "doppler-token-secret")))
	b.GoneIn("default", "doppler-secret")
}

// example copies the manifests of a folder, with this Doppler and this token in
// the place of theirs.
func (b bed) example(folder, theirs string, want int) (dir string) {
	b.T.Helper()
	root, err := testkit.Root()
	b.Must(err)
	files, err := filepath.Glob(filepath.Join(root, "examples", "doppler", folder, "*.yaml"))
	b.Must(err)
	dir = b.T.TempDir()
	replaced := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		b.Must(err)
		for old, now := range map[string]string{"http://127.0.0.1:8300": b.Doppler.Addr, theirs: b.Token} {
			replaced += bytes.Count(text, []byte(old))
			text = bytes.ReplaceAll(text, []byte(old), []byte(now))
		}
		b.Must(os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600))
	}
	if replaced != 2 || len(files) != want {
		b.T.Fatalf("%d files with %d words to replace: the example is another one", len(files), replaced)
	}
	return dir
}

func (b bed) kubectl(args ...string) string {
	b.T.Helper()
	out, err := b.Plane.Kubectl(b.T.Context(), args...).CombinedOutput()
	if err != nil {
		b.T.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (b bed) deployment() *appsv1.Deployment {
	b.T.Helper()
	d := &appsv1.Deployment{}
	b.Must(b.Get(b.T.Context(), types.NamespacedName{Namespace: "default", Name: server}, d))
	return d
}

// recorded waits until the Deployment says that it runs with the Secret as it
// is, and not without.
func (b bed) recorded() {
	b.T.Helper()
	b.Eventually(func() error {
		r, _ := rollout.ReadRecord(b.deployment().Annotations)
		if digest := r["Secret/"+managed]; digest == "" || strings.HasSuffix(digest, ".-") {
			return fmt.Errorf("its record is %v", r)
		}
		return nil
	})
}

// replicaSets waits until the Deployment has had so many, the oldest first.
func (b bed) replicaSets(want int) []appsv1.ReplicaSet {
	b.T.Helper()
	list := &appsv1.ReplicaSetList{}
	b.Eventually(func() error {
		b.Must(b.List(b.T.Context(), list, client.InNamespace("default"), client.MatchingLabels{"app": server}))
		if len(list.Items) != want {
			return fmt.Errorf("%d ReplicaSets, want %d", len(list.Items), want)
		}
		return nil
	})
	revision := func(s *appsv1.ReplicaSet) string { return s.Annotations["deployment.kubernetes.io/revision"] }
	if want == 2 && revision(&list.Items[0]) > revision(&list.Items[1]) {
		list.Items[0], list.Items[1] = list.Items[1], list.Items[0]
	}
	return list.Items
}

// eventIn waits for an event about an object.
func (b bed) eventIn(namespace, name, reason string, parts ...string) {
	b.T.Helper()
	b.Eventually(func() error {
		list := &corev1.EventList{}
		b.Must(b.List(b.T.Context(), list, client.InNamespace(namespace)))
		var saw []string
		for _, e := range list.Items {
			if e.InvolvedObject.Name != name {
				continue
			}
			ok := e.Reason == reason
			for _, p := range parts {
				ok = ok && strings.Contains(e.Message, p)
			}
			if ok {
				return nil
			}
			saw = append(saw, e.Reason+": "+e.Message)
		}
		return fmt.Errorf("no event %s %q about %s, only %q", reason, parts, name, saw)
	})
}
