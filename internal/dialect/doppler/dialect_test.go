package doppler

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	dopplerv1alpha1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

func planOf(t *testing.T, opts Options, change func(*dopplerv1alpha1.DopplerSecret)) (delivery.Delivery, error) {
	t.Helper()
	ds := app()
	if change != nil {
		change(ds)
	}
	return DopplerSecrets(opts).Translate(ds)
}

func TestHomeNamespacesAreConfigured(t *testing.T) {
	t.Parallel()
	reach := func(ds *dopplerv1alpha1.DopplerSecret) { ds.Spec.ManagedSecret.Namespace = "other" }
	if _, err := planOf(t, Options{}, reach); delivery.KindOf(err) != delivery.Invalid {
		t.Errorf("reaching out of %s: %v", app().Namespace, err)
	}
	if _, err := planOf(t, Options{HomeNamespaces: []string{"ops", "team"}}, reach); err != nil {
		t.Errorf("reaching out of a home: %v", err)
	}
	atHome := func(ds *dopplerv1alpha1.DopplerSecret) { ds.Namespace = defaultHome; reach(ds) }
	if _, err := planOf(t, Options{HomeNamespaces: []string{}}, atHome); err == nil {
		t.Error("without any home, one is left")
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		opts Options
		want types.NamespacedName
	}{
		{Options{}, types.NamespacedName{Namespace: "doppler-operator-system", Name: "doppler-operator-controller-manager"}},
		{Options{HomeNamespaces: []string{"ops"}}, types.NamespacedName{Namespace: "ops", Name: "doppler-operator-controller-manager"}},
		{Options{HomeNamespaces: []string{}}, types.NamespacedName{Namespace: "doppler-operator-system", Name: "doppler-operator-controller-manager"}},
		{Options{Account: types.NamespacedName{Namespace: "a", Name: "b"}}, types.NamespacedName{Namespace: "a", Name: "b"}},
	} {
		plan, err := planOf(t, c.opts, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := plan.Inline[0].Config.(delivery.DopplerConfig).Auth.Account
		if got.Namespace != c.want.Namespace || got.Name != c.want.Name {
			t.Errorf("%+v: logs in as %s/%s", c.opts, got.Namespace, got.Name)
		}
	}
}

// TestSessions is about who shares a session: who reads the same with the same
// credentials, and nobody else.
func TestSessions(t *testing.T) {
	t.Parallel()
	ref := func(change func(*dopplerv1alpha1.DopplerSecret)) delivery.StoreRef {
		plan, err := planOf(t, Options{HomeNamespaces: []string{"home"}}, change)
		if err != nil {
			t.Fatal(err)
		}
		if plan.Inline[0].Ref != plan.Sources[0].Store {
			t.Errorf("%s is described, and %s is read", plan.Inline[0].Ref, plan.Sources[0].Store)
		}
		return plan.Inline[0].Ref
	}
	type ds = dopplerv1alpha1.DopplerSecret
	first := ref(nil)
	for name, change := range map[string]func(*ds){
		"another object": func(d *ds) { d.Name, d.UID = "other", "2" },
		"another Secret": func(d *ds) {
			d.Spec.ManagedSecret.Name = "other"
			d.Spec.Processors = map[string]dopplerv1alpha1.SecretProcessor{"A": {AsName: "b"}}
		},
		"later":     func(d *ds) { d.Generation++ },
		"from home": func(d *ds) { d.Namespace = "home"; d.Spec.TokenSecret.Namespace = "team" },
	} {
		if got := ref(change); got != first {
			t.Errorf("%s reads through %s, not %s", name, got, first)
		}
	}
	no := false
	for name, change := range map[string]func(*ds){
		"another namespace": func(d *ds) { d.Namespace = "other" },
		"another token":     func(d *ds) { d.Spec.TokenSecret.Name = "other" },
		"another project":   func(d *ds) { d.Spec.Project = "other" },
		"another config":    func(d *ds) { d.Spec.Config = "other" },
		"fewer secrets":     func(d *ds) { d.Spec.Secrets = []string{"A"} },
		"another format":    func(d *ds) { d.Spec.Format = "env" },
		"other names":       func(d *ds) { d.Spec.NameTransformer = "camel" },
		"another host":      func(d *ds) { d.Spec.Host = "https://doppler.example.com" },
		"no verification":   func(d *ds) { d.Spec.VerifyTLS = &no },
	} {
		if got := ref(change); got == first {
			t.Errorf("%s reads through the same session", name)
		}
	}
	identity := func(name string) func(*ds) {
		return func(d *ds) { d.Name, d.Spec.TokenSecret, d.Spec.Identity = name, nil, "id" }
	}
	if ref(identity("a")) == ref(identity("b")) {
		t.Error("two objects share the login of an identity, though Doppler may trust one of them alone")
	}
}

func TestWrongKind(t *testing.T) {
	t.Parallel()
	if _, err := DopplerSecrets(Options{}).Translate(&corev1.Secret{}); delivery.KindOf(err) != delivery.Invalid {
		t.Errorf("a Secret is translated: %v", err)
	}
}
