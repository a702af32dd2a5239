package externalsecrets_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What the operator remembers of one Secret must not vouch for another, nor
// for other terms.

func TestATargetRenamedToAnOlderSecretIsAdoptedAndFilled(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	old := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "older"}, StringData: map[string]string{"v": "by hand"}}
	if err := b.Create(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	b.Apply(es("app", target("Owner", ", name: first")+one("app")))
	b.holds("first", "v", "one")
	b.Synced("app")
	b.Apply(es("app", target("Owner", ", name: older")+one("app")))
	b.holds("older", "v", "one")
	b.Synced("app")
	b.Eventually(func() error {
		if b.Secret("first") != nil {
			return fmt.Errorf("the former Secret is still there")
		}
		return nil
	})
}

func TestALivingSecretBecomesImmutableWhenAsked(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", target("Owner", "")+one("app")))
	b.holds("app", "v", "one")
	b.Synced("app")
	b.Apply(es("app", target("Owner", ", immutable: true")+one("app")))
	b.Eventually(func() error {
		if s := b.Secret("app"); s.Immutable == nil || !*s.Immutable {
			return fmt.Errorf("not immutable; %s", b.States())
		}
		return nil
	})
	b.putOne("app", "two")
	b.Poke("app")
	b.Ready("app", corev1.ConditionTrue, "SecretSynced", "is immutable")
	b.holds("app", "v", "one")
}

func TestASecretDeletedByHandIsMadeAnew(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	for _, policy := range []string{"CreatedOnce", "OnChange", "Periodic"} {
		b.Apply(es("app-"+short(policy), "refreshPolicy: "+policy+"\n"+one("app")))
	}
	for _, policy := range []string{"CreatedOnce", "OnChange", "Periodic"} {
		name := "app-" + short(policy)
		s := b.holds(name, "v", "one")
		b.Synced(name)
		if err := b.Delete(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		b.holds(name, "v", "one")
	}
}

func short(policy string) string {
	return map[string]string{"CreatedOnce": "once", "OnChange": "change", "Periodic": "periodic"}[policy]
}
