package baddays

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// intoTaken is an ExternalSecret with a creation policy for Secret "taken".
func intoTaken(policy string) string {
	return fmt.Sprintf(fakeStore, "fake", "one") + fmt.Sprintf(`
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: fake}
  target: {name: taken, creationPolicy: %s, template: {}}
  data: [{secretKey: k, remoteRef: {key: k}}]
`, policy)
}

// configMap is an object that can control a Secret.
func configMap(b *operatortest.Bed, name string) metav1.OwnerReference {
	b.T.Helper()
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: name}}
	must(b.T, b.Create(b.T.Context(), cm))
	yes := true
	return metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: name, UID: cm.UID, Controller: &yes}
}

func TestASecretOfSomebodyElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	before := create(b, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "taken", OwnerReferences: []metav1.OwnerReference{configMap(b, "boss")}},
		Data:       map[string][]byte{"k": []byte("theirs")},
	})
	b.Apply(intoTaken("Owner"))
	b.Failed("app", "failed to take ownership of target secret: ", "controlled by ConfigMap boss")
	b.Event("app", "UpdateFailed", "controlled by ConfigMap boss")
	untouched(b, before)

	// Nor is it deleted with the object or by a policy.
	must(t, b.Delete(t.Context(), b.ExternalSecret("app")))
	untouched(b, before)
}

func TestASecretThatNobodyControlsIsAdoptedAndSaid(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "taken"}, Data: map[string][]byte{"old": []byte("x")}})
	b.Apply(intoTaken("Owner"))
	s := b.Holds("taken", map[string]string{"k": "one"})
	b.Event("app", "Adopted", "taken")
	if c := metav1.GetControllerOf(s); c == nil || c.Name != "app" {
		t.Errorf("controlled by %v", c)
	}
}

func TestTwoObjectsThatWantTheSameSecretDoNotFight(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	b.Apply(intoTaken("Owner"))
	before := b.Holds("taken", map[string]string{"k": "one"})
	b.Apply(strings.ReplaceAll(strings.ReplaceAll(intoTaken("Owner"), "app", "second"), "one", "two"))
	b.Failed("second", "target is owned by another ExternalSecret: ", "taken")
	b.Event("second", "UpdateFailed", "taken")
	// The store changed under the first, which owns the Secret.
	s := b.Holds("taken", map[string]string{"k": "two"})
	if c := metav1.GetControllerOf(s); s.UID != before.UID || c == nil || c.Name != "app" {
		t.Errorf("the Secret went to %v", c)
	}
	// The second takes over when the first has gone.
	must(t, b.Delete(t.Context(), b.ExternalSecret("app")))
	b.Synced("second")
}

func TestAnImmutableSecretOfSomebodyElse(t *testing.T) {
	t.Parallel()
	yes := true
	for _, policy := range []string{"Owner", "Merge", "Orphan", "CreateOrMerge"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			before := create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "taken"}, Immutable: &yes, Data: map[string][]byte{"old": []byte("x")}})
			b.Apply(intoTaken(policy))
			b.Failed("app", "target is immutable", "delete it")
			untouched(b, before)
			must(t, b.Delete(t.Context(), before))
			if policy != "Merge" {
				b.Holds("taken", map[string]string{"k": "one"})
				b.Synced("app")
			}
		})
	}
}

func TestOurOwnImmutableSecretStaysAndSaysSo(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	es := strings.Replace(intoTaken("Owner"), "creationPolicy: Owner", "immutable: true", 1)
	b.Apply(es)
	before := b.Holds("taken", map[string]string{"k": "one"})
	b.Synced("app")
	b.Apply(strings.ReplaceAll(es, "one", "two"))
	b.Ready("app", corev1.ConditionTrue, "SecretSynced", "immutable")
	untouched(b, before)
	must(t, b.Delete(t.Context(), before))
	b.Holds("taken", map[string]string{"k": "two"})
}

func TestASecretHeldByAFinalizerIsMadeAnewWhenItIsGone(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	b.Apply(intoTaken("Owner"))
	b.Holds("taken", map[string]string{"k": "one"})
	b.Synced("app")
	s := b.Secret("taken")
	patch := client.MergeFrom(s.DeepCopy())
	s.Finalizers = []string{"test.example/hold"}
	must(t, b.Patch(t.Context(), s, patch))
	must(t, b.Delete(t.Context(), s))
	b.Failed("app", "is being deleted", "test.example/hold")

	held := b.Secret("taken")
	must(t, b.Patch(t.Context(), held.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))))
	b.Eventually(func() error {
		if now := b.Secret("taken"); now == nil || now.UID == held.UID {
			return fmt.Errorf("not made anew; %s", b.States())
		}
		return nil
	})
	b.Synced("app")
}

// TestQuota: a Secret more than the quota allows is refused, in words that
// name the quota, and made once there is room.
func TestQuota(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	hard := corev1.ResourceList{corev1.ResourceSecrets: resource.MustParse("1")}
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "few"}, Spec: corev1.ResourceQuotaSpec{Hard: hard}}
	must(t, b.Create(t.Context(), quota))
	quota.Status = corev1.ResourceQuotaStatus{Hard: hard, Used: corev1.ResourceList{corev1.ResourceSecrets: resource.MustParse("1")}}
	must(t, b.Status().Update(t.Context(), quota))
	b.Eventually(func() error { // admission looks at a cache
		err := b.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "probe"}}, client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "exceeded quota") {
			return fmt.Errorf("the quota is not in force: %s", fmt.Sprint(err))
		}
		return nil
	})
	b.Apply(intoTaken("Owner"))
	b.Failed("app", "could not update secret: ", "exceeded quota: few")
	b.Event("app", "UpdateFailed", "exceeded quota: few")
	must(t, b.Delete(t.Context(), quota))
	b.Holds("taken", map[string]string{"k": "one"})
	b.Synced("app")
}

// TestAnAdmissionPolicyThatQuotesTheData is refused without its words.
func TestAnAdmissionPolicyThatQuotesTheData(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ry-adm1ss10n"
	encoded := base64.StdEncoding.EncodeToString([]byte(canary))
	for name, reason := range map[string]metav1.StatusReason{"invalid": metav1.StatusReasonInvalid, "forbidden": metav1.StatusReasonForbidden, "too large": metav1.StatusReasonRequestEntityTooLarge} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			refuse(b, reason, `"you cannot have " + string(object.data["k"]) + ": exceeded quota: " + string(object.data["k"])`)
			b.Apply(fmt.Sprintf(fakeStore, "fake", canary) + strings.Replace(intoTaken("Owner"), fmt.Sprintf(fakeStore, "fake", "one"), "", 1))
			es := b.Failed("app", "could not update secret: ", "denied")
			if text := fmt.Sprint(es.Status); strings.Contains(text, canary) || strings.Contains(text, encoded) {
				t.Errorf("the status quotes the value: %v", es.Status)
			}
			b.Event("app", "UpdateFailed", "denied")
		})
	}
}

// refuse has the API server refuse Secrets of the test's namespace that have
// a key k, with a message in CEL, once that is in force.
func refuse(b *operatortest.Bed, reason metav1.StatusReason, message string) {
	b.T.Helper()
	equivalent, ignore := admissionv1.Equivalent, admissionv1.Fail
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: b.NS},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &ignore,
			MatchConstraints: &admissionv1.MatchResources{
				MatchPolicy:       &equivalent,
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": b.NS}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
				}}},
			},
			Validations: []admissionv1.Validation{{
				Expression: `!has(object.data) || !("k" in object.data)`, Reason: &reason, MessageExpression: message,
			}},
		},
	}
	must(b.T, b.Create(b.T.Context(), policy))
	b.T.Cleanup(func() { _ = b.Delete(context.Background(), policy) })
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: b.NS},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: b.NS, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
	must(b.T, b.Create(b.T.Context(), binding))
	b.T.Cleanup(func() { _ = b.Delete(context.Background(), binding) })
	b.Eventually(func() error {
		err := b.Create(b.T.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "probe"}, Data: map[string][]byte{"k": []byte("probe")},
		}, client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "exceeded quota: cHJvYmU=") {
			return fmt.Errorf("the policy is not in force, or does not quote: %s", fmt.Sprint(err))
		}
		return nil
	})
}

// TestANamespaceThatIsBeingDeletedIsLeftInPeace: no loop, and no error in the
// log.
func TestANamespaceThatIsBeingDeletedIsLeftInPeace(t *testing.T) {
	t.Parallel()
	tapped := &testkit.Tap{}
	b := operatortest.WithoutOperator(t)
	out, _ := b.Operate(throughTap(b, tapped))
	b.Apply(ours(intoTaken("Owner")))
	b.Holds("taken", map[string]string{"k": "one"})
	b.Synced("app")
	// Something keeps the namespace, and the object in it, for a while.
	es := b.ExternalSecret("app")
	must(t, b.Patch(t.Context(), es, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":["test.example/hold"]}}`))))
	hold := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "hold", Finalizers: []string{"test.example/hold"}}}
	must(t, b.Create(t.Context(), hold))
	// A second one wants a Secret that is not there while the namespace goes.
	must(t, b.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.NS}}))
	b.Eventually(func() error {
		if s := b.Secret("taken"); s != nil {
			return fmt.Errorf("the Secret is still there")
		}
		return nil
	})
	tapped.Reset()
	start := time.Now()
	for range 3 {
		b.Poke("app")
	}
	must(t, b.Patch(t.Context(), b.ExternalSecret("app"), client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))))
	b.Eventually(func() error {
		if err := b.Get(t.Context(), client.ObjectKey{Namespace: b.NS, Name: "app"}, es); err == nil {
			return fmt.Errorf("the object is still there")
		}
		return nil
	})
	// By itself it tries ever more rarely, from a second on.
	if n := tapped.SecretWrites(); len(n) > 5+bits.Len(uint(time.Since(start)/time.Second)) {
		t.Errorf("%d writes of Secrets in a namespace that goes: %v", len(n), n)
	}
	must(t, b.Patch(t.Context(), hold, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))))
	if text := out.String(); strings.Contains(text, "level=ERROR") {
		t.Errorf("errors in the log:\n%s", text)
	}
}
