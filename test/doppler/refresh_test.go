package doppler_test

import (
	"fmt"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/test/doppler/dopplertest"
)

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// sent is how often Doppler sent a config.
func (b bed) sent() int { return b.Requests(dopplertest.Download, http.StatusOK) }

func TestASteadyRefreshTransfersNothing(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("app")
	s := b.Carries("app", "K", "one")
	b.InSync("app")
	first := b.DopplerSecret("app").Status.LastSync
	b.Polled(2)
	if n := b.sent(); n != 1 {
		t.Errorf("the config was sent %d times", n)
	}
	b.Stays(s)
	b.Eventually(func() error {
		now := b.DopplerSecret("app").Status.LastSync
		return check(first.Before(now), "lastSync is still %v", now)
	})

	b.Set("K", "two")
	now := b.Carries("app", "K", "two")
	if now.UID != s.UID || now.Annotations["secrets.doppler.com/version"] == s.Annotations["secrets.doppler.com/version"] {
		t.Errorf("its version was and is %s", s.Annotations["secrets.doppler.com/version"])
	}
	b.Polled(1)
	if n := b.sent(); n != 2 {
		t.Errorf("the config was sent %d times", n)
	}
	b.Must(b.Doppler.Delete(t.Context(), b.NS, "prd", "K"))
	b.Carries("app")
}

func TestManyObjectsOfOneConfigAreOneDownload(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	for i := range 10 {
		b.DS(fmt.Sprintf("app-%d", i), "resyncSeconds: 3600")
	}
	for i := range 10 {
		b.Carries(fmt.Sprintf("app-%d", i), "K", "one")
	}
	// Those that came together share one; who came later asks if it changed.
	if n := b.sent(); n != 1 {
		t.Errorf("the config was sent %d times", n)
	}
}

func TestDriftIsRepairedThoughTheETagIsAsItWas(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one", "L": "other"})
	b.DS("app", "resyncSeconds: 3600", "managedSecret: {name: app, labels: {team: a}}")
	first := b.Carries("app", "K", "one", "L", "other")
	b.InSync("app")
	for what, by := range map[string]func(*corev1.Secret){
		"a value":      func(s *corev1.Secret) { s.Data["K"] = []byte("wrong") },
		"a key":        func(s *corev1.Secret) { delete(s.Data, "L") },
		"a stray":      func(s *corev1.Secret) { s.Data["M"] = []byte("stray") },
		"a label":      func(s *corev1.Secret) { delete(s.Labels, "team") },
		"the version":  func(s *corev1.Secret) { s.Annotations["secrets.doppler.com/version"] = "" },
		"all the data": func(s *corev1.Secret) { s.Data = nil },
	} {
		s := b.Secret("app")
		b.Change(s, func() { by(s) })
		b.Eventually(func() error {
			now := b.Secret("app")
			ok := len(now.Data) == 5 && string(now.Data["K"]) == "one" && string(now.Data["L"]) == "other" &&
				now.Labels["team"] == "a" && now.Annotations["secrets.doppler.com/version"] == first.Annotations["secrets.doppler.com/version"]
			return check(ok, "%s was not repaired: %v %v", what, now.Labels, now.Annotations)
		})
	}
	if n := b.sent(); n != 1 {
		t.Errorf("the config was sent %d times", n)
	}
	if now := b.Secret("app"); now.UID != first.UID {
		t.Error("the Secret was made anew")
	}
}

func TestASecretDeletedByHandComesBack(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("app", "resyncSeconds: 3600")
	first := b.Carries("app", "K", "one")
	b.Must(b.Delete(t.Context(), first))
	b.Eventually(func() error {
		s := b.Secret("app")
		return check(s != nil && s.UID != first.UID, "there is no other Secret")
	})
	b.Carries("app", "K", "one")
	b.InSync("app")
}

func TestResyncSeconds(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("app", "resyncSeconds: 0")
	b.Carries("app", "K", "one")
	b.InSync("app")
	b.DS("app", "resyncSeconds: none")
	b.Eventually(func() error {
		s := b.DopplerSecret("app").Spec.ResyncSeconds
		return check(s != nil && *s == 60, "the default is %v", s)
	})
	b.Set("K", "two")
	b.DS("app", "resyncSeconds: 1")
	b.Carries("app", "K", "two")
}

func TestReloadableWorkloadsAreCounted(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("app")
	b.Says("app", dopplertest.ReloadReady, metav1.ConditionTrue, "OK", "Controller is ready to reload deployments. 0 found.")
	for name, annotation := range map[string]string{"one": "true", "two": "true", "not": "false"} {
		b.Apply(fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, annotations: {secrets.doppler.com/reload: %[2]q}}
spec:
  replicas: 0
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      initContainers: [{name: init, image: x, env: [{name: K, valueFrom: {secretKeyRef: {name: app, key: K}}}]}]
      containers: [{name: main, image: x}]
`, name, annotation))
	}
	b.Says("app", dopplertest.ReloadReady, metav1.ConditionTrue, "OK", "Controller is ready to reload deployments. 2 found.")
}
