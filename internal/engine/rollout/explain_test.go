package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// TestRestartNamesThePolicyThatRefuses it, and repeats nothing of what that says.
func TestRestartNamesThePolicyThatRefuses(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	w := b.make("Deployment", "web")
	for doc := range strings.SplitSeq(strings.ReplaceAll(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-patches-NS}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NS}}
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], resources: [deployments], operations: [UPDATE]}]
  validations: [{expression: "false", message: canary-in-message}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-patches-NS}
spec: {policyName: no-patches-NS, validationActions: [Deny]}
`, "NS", b.ns), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		if err := b.Create(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Delete(context.Background(), u) })
	}
	body := []byte(`{"metadata":{"annotations":{"a":"b"}}}`)
	testkit.Eventually(t, 2*time.Minute, func() error {
		if err := b.Patch(t.Context(), b.get(w), client.RawPatch("application/merge-patch+json", body)); err == nil {
			return errors.New("the policy is not in force")
		}
		return nil
	})
	b.refused(w, delivery.RolloutFailed, "admission policy 'no-patches-"+b.ns+"'", "does not let the operator restart Deployment "+b.ns+"/web")
	if _, err := b.runner.Restart(t.Context(), w, "VaultSyncStatus/x", "v9"); strings.Contains(fmt.Sprint(err), "canary") || strings.Contains(fmt.Sprint(err), "kubectl") {
		t.Errorf("it says %v", err)
	}
}

func TestExplainNamesWhoObjects(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	w := delivery.Workload{Kind: "Deployment", Namespace: "ns", Name: "web"}
	for message, want := range map[string]string{
		`admission webhook "guard.example.com" denied the request: canary`: `the admission webhook "guard.example.com" does not let`,
		`spec.template: Invalid value: "canary"`:                           "an admission policy or webhook objects, or the workload is invalid",
	} {
		err := &apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonInvalid, Code: http.StatusUnprocessableEntity, Message: message}}
		if got := b.runner.Explain(w, "restart", fmt.Errorf("wrapped: %w", err)).Message; !strings.Contains(got, want) || strings.Contains(got, "canary") {
			t.Errorf("%s is explained as %s", message, got)
		}
	}
}
