package rollouts_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// remembered waits until something is kept of the object, or nothing.
func (b *bed) remembered(r *running, kind, name string, want bool) (is string) {
	b.t.Helper()
	b.eventually(func() error {
		var ok bool
		if is, ok = r.Remembered()[delivery.ObjectRef{Kind: kind, Namespace: b.ns, Name: name}]; ok != want {
			return fmt.Errorf("of %s %s is kept %q", kind, name, is)
		}
		return nil
	})
	return is
}

// TestNoValueIsRemembered: `kubectl apply` writes a Secret's data into an
// annotation too.
func TestNoValueIsRemembered(t *testing.T) {
	t.Parallel()
	const value = "Y2FuYXJ5LTV1cDNyLXMzY3IzdA=="
	b := newBed(t)
	for _, kind := range []string{"Secret", "ConfigMap"} {
		b.apply(fmt.Sprintf(`{apiVersion: v1, kind: %s, metadata: {name: app, annotations: {kubectl.kubernetes.io/last-applied-configuration: %q}}}`, kind, value))
	}
	b.apply(workload("Deployment", "web", auto, "Secret/app", "ConfigMap/app"))
	r := b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app", "ConfigMap/app")
	for _, kind := range []string{"Secret", "ConfigMap"} {
		if kept := b.remembered(r, kind, "app", true); strings.Contains(kept, value) {
			t.Errorf("of the %s is kept %s", kind, kept)
		}
	}
}

// TestWhatNobodyUsesIsForgotten: what is remembered is bounded by what is in
// use, however many objects come and go.
func TestWhatNobodyUsesIsForgotten(t *testing.T) {
	t.Parallel()
	const pattern = `secret.reloader.stakater.com/reload: "ap+"`
	noSecret := func(b *bed) {
		b.must(b.Delete(b.t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "app"}}))
	}
	noWorkload := func(b *bed) { b.must(b.Delete(b.t.Context(), b.deployment("web"))) }
	becomes := func(annotations string, uses ...string) func(*bed) {
		return func(b *bed) { b.apply(workload("Deployment", "web", annotations, uses...)) }
	}
	for name, c := range map[string]struct {
		annotations string
		then        func(*bed)
	}{
		"the Secret is gone":               {auto, noSecret},
		"it uses another":                  {auto, becomes(auto, "Secret/app-2")},
		"it asks for nothing any more":     {auto, becomes(`a: b`, "Secret/app")},
		"it is gone":                       {auto, noWorkload},
		"it is gone, and had a pattern":    {pattern, noWorkload},
		"it has another pattern":           {pattern, becomes(`secret.reloader.stakater.com/reload: "x+"`, "Secret/app")},
		"the Secret of a pattern is gone":  {pattern, noSecret},
		"it uses another, and had pattern": {pattern, becomes(auto, "Secret/app-2")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := served(t, c.annotations)
			b.apply(workload("Deployment", "other", auto, "Secret/kept"))
			b.secret("kept", "one")
			r := b.operate(nil)
			b.recorded("Deployment", "web", "Secret/app")
			b.remembered(r, "Secret", "app", true)
			b.remembered(r, "Secret", "kept", true)
			c.then(b)
			b.remembered(r, "Secret", "app", false)
			b.remembered(r, "Secret", "kept", true)
		})
	}
}
