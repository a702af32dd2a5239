package externalsecrets

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

func TestStoreReport(t *testing.T) {
	t.Parallel()
	vault := esv1.SecretStoreProvider{Vault: &esv1.VaultProvider{}}
	doppler := esv1.SecretStoreProvider{Doppler: &esv1.DopplerProvider{}}
	for name, c := range map[string]struct {
		provider     esv1.SecretStoreProvider
		out          delivery.StoreOutcome
		condition    esv1.Condition
		capabilities string
		event        dialect.Event
	}{
		"valid": {
			vault, delivery.StoreOutcome{},
			esv1.Condition{Status: "True", Reason: "Valid", Message: "store validated"}, "ReadWrite",
			dialect.Event{Reason: "Valid", Message: "store validated"},
		},
		"read only, noted": {
			doppler, delivery.StoreOutcome{Note: "take care"},
			esv1.Condition{Status: "True", Reason: "Valid", Message: "store validated; take care"}, "ReadOnly",
			dialect.Event{Reason: "Valid", Message: "store validated; take care"},
		},
		"undecided": {
			vault, delivery.StoreOutcome{Undecided: true},
			esv1.Condition{Status: "True", Reason: "ValidationUnknown", Message: "could not determine validation status"}, "ReadWrite",
			dialect.Event{Warning: true, Reason: "ValidationUnknown", Message: "could not determine validation status"},
		},
		"manifest": {
			esv1.SecretStoreProvider{}, delivery.StoreOutcome{Err: &delivery.Error{Kind: delivery.Unsupported, Message: "spec.provider.aws"}},
			esv1.Condition{Status: "False", Reason: "InvalidProviderConfig", Message: "unable to create client: spec.provider.aws"}, "",
			dialect.Event{Warning: true, Reason: "InvalidProviderConfig", Message: "spec.provider.aws"},
		},
		"backend": {
			vault, delivery.StoreOutcome{Err: &delivery.Error{Kind: delivery.Refused, Message: "permission denied"}},
			esv1.Condition{Status: "False", Reason: "InvalidProviderConfig", Message: "unable to validate store: permission denied"}, "",
			dialect.Event{Warning: true, Reason: "InvalidProviderConfig", Message: "permission denied"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			meta := metav1.ObjectMeta{Name: "vault", Generation: 2}
			spec := esv1.SecretStoreSpec{Provider: c.provider}
			ss, css := &esv1.SecretStore{ObjectMeta: meta, Spec: spec}, &esv1.ClusterSecretStore{ObjectMeta: meta, Spec: spec}
			c.condition.Type, c.condition.ObservedGeneration = "Ready", 2
			c.condition.LastTransitionTime = metav1.NewTime(day(0).Truncate(time.Second))
			want := esv1.SecretStoreStatus{
				Conditions: []esv1.Condition{c.condition}, Capabilities: c.capabilities, ObservedGeneration: 2,
			}
			for kind, obj := range map[dialect.Stores]client.Object{SecretStores(): ss, ClusterSecretStores(): css} {
				if diff := cmp.Diff([]dialect.Event{c.event}, kind.Report(obj, c.out, day(0))); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if again := kind.Report(obj, c.out, day(time.Hour)); len(again) != 0 {
					t.Errorf("events without news: %v", again)
				}
				state := kind.State(obj)
				if ok := c.out.Err == nil; !state.Known || state.Ready != ok || (state.Message == "") != ok {
					t.Errorf("reads back as %+v", state)
				}
			}
			if diff := cmp.Diff(want, ss.Status); diff != "" {
				t.Errorf("SecretStore (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, css.Status); diff != "" {
				t.Errorf("ClusterSecretStore (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStoreState(t *testing.T) {
	t.Parallel()
	ready := func(status corev1.ConditionStatus, generation int64) []esv1.Condition {
		return []esv1.Condition{{Type: "Ready", Status: status, Message: "why", ObservedGeneration: generation}}
	}
	for name, c := range map[string]struct {
		conditions []esv1.Condition
		want       dialect.State
	}{
		"never":           {nil, dialect.State{}},
		"ready":           {ready("True", 2), dialect.State{Known: true, Ready: true}},
		"not ready":       {ready("False", 2), dialect.State{Known: true, Message: "why"}},
		"ready before":    {ready("True", 1), dialect.State{}},
		"by the original": {ready("True", 0), dialect.State{Known: true, Ready: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ss := &esv1.SecretStore{ObjectMeta: metav1.ObjectMeta{Generation: 2}}
			ss.Status.Conditions = c.conditions
			if got := SecretStores().State(ss); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestWrongKinds(t *testing.T) {
	t.Parallel()
	ss, css, es := &esv1.SecretStore{}, &esv1.ClusterSecretStore{}, &esv1.ExternalSecret{}
	check := func(name string, err error) {
		if delivery.KindOf(err) != delivery.Invalid {
			t.Errorf("%s: error %v", name, err)
		}
	}
	_, err := ExternalSecrets().Translate(ss)
	check("ExternalSecret", err)
	_, err = SecretStores().Translate(css)
	check("SecretStore", err)
	_, err = ClusterSecretStores().Translate(ss)
	check("ClusterSecretStore", err)
	if got := SecretStores().State(es); got != (dialect.State{}) {
		t.Errorf("state of a stranger: %+v", got)
	}
	if got := ClusterSecretStores().Report(ss, delivery.StoreOutcome{}, day(0)); got != nil {
		t.Errorf("events of a stranger: %v", got)
	}
	if got := ExternalSecrets().Report(ss, delivery.Outcome{Result: delivery.Synced}, day(0)); got != nil {
		t.Errorf("events of a stranger: %v", got)
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for want, k := range map[string]dialect.Kind{
		"ExternalSecret": ExternalSecrets().Kind(), "SecretStore": SecretStores().Kind(), "ClusterSecretStore": ClusterSecretStores().Kind(),
	} {
		if k.GVK.Kind != want || k.GVK.Version != "v1" || k.GVK.Group != "external-secrets.io" {
			t.Errorf("%s is %s", want, k.GVK)
		}
		if k.Namespaced != (want != "ClusterSecretStore") {
			t.Errorf("%s: namespaced %v", want, k.Namespaced)
		}
		if k.New() == nil || k.NewList() == nil || len(k.Finalizers) != 1 {
			t.Errorf("%s is incomplete: %+v", want, k)
		}
	}
}
