package rollouts

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/google/go-cmp/cmp"

	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/dialect/dopplerreload"
	"github.com/tacit-secrets/tacit/internal/dialect/reloader"
)

func languages() []dialect.Workloads {
	return []dialect.Workloads{reloader.New(reloader.Options{}), dopplerreload.New()}
}

// everywhere uses objects in every way that there is.
const everywhere = `
metadata:
  namespace: ns
  name: web
  annotations: {reloader.stakater.com/auto: "true", other: BIG}
  labels: {other: BIG}
spec:
  template:
    metadata: {annotations: {secrets.doppler.com/reload: "true", other: BIG}}
    spec:
      volumes:
        - {name: v1, secret: {secretName: volume}}
        - {name: v2, configMap: {name: volume}}
        - {name: v3, projected: {sources: [{secret: {name: projected}}, {configMap: {name: projected}}]}}
        - {name: v4, secret: {secretName: by-init}}
        - {name: v5, secret: {secretName: not-mounted}}
        - {name: v6, csi: {driver: d, nodePublishSecretRef: {name: csi}}}
      initContainers:
        - name: init
          env: [{name: A, valueFrom: {secretKeyRef: {name: init-env, key: k}}}]
          envFrom: [{configMapRef: {name: init-from}}]
          volumeMounts: [{name: v4, mountPath: /v4}, {name: v1, mountPath: /v1}]
      containers:
        - name: first
          image: BIG
          command: [BIG]
          env: [{name: A, value: BIG}, {name: B, valueFrom: {fieldRef: {fieldPath: x}}}]
        - name: second
          env: [{name: A, valueFrom: {secretKeyRef: {name: env, key: k}}}, {name: C, valueFrom: {configMapKeyRef: {name: env, key: k}}}]
          envFrom: [{secretRef: {name: from}}, {configMapRef: {name: from}}, {secretRef: {name: volume}}]
          volumeMounts: [{name: v2, mountPath: /v2}]
        - name: third
          envFrom: [{secretRef: {name: from}}]
          volumeMounts: [{name: v1, mountPath: /v1}, {name: v2, mountPath: /v2}, {name: v3, mountPath: /v3}, {name: v6, mountPath: /v6}]
status: {conditions: [{type: BIG, status: "True"}]}
`

func TestUsesAreFoundEverywhere(t *testing.T) {
	t.Parallel()
	d := &appsv1.Deployment{}
	if err := yaml.Unmarshal([]byte(everywhere), d); err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte("apiVersion: argoproj.io/v1alpha1\nkind: Rollout"+everywhere), &u.Object); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ConfigMap env second", "ConfigMap from second", "ConfigMap init-from first", "ConfigMap projected third", "ConfigMap volume second",
		"Secret by-init first", "Secret env second", "Secret from second", "Secret init-env first", "Secret projected third", "Secret volume third",
	}
	for _, obj := range []any{d, u} {
		w := newTrimmer(languages()).trim(obj)
		var got []string
		for _, u := range w.uses {
			got = append(got, u.kind+" "+u.name+" "+u.container)
		}
		if diff := cmp.Diff(want, got); diff != "" || w.first != "first" {
			t.Errorf("%T: first container %q, uses (-want +got):\n%s", obj, w.first, diff)
		}
		if text := fmt.Sprintf("%+v", w); strings.Contains(text, "BIG") {
			t.Errorf("%T: kept too much: %s", obj, text)
		}
		if w.Annotations["reloader.stakater.com/auto"] != "true" || w.template["secrets.doppler.com/reload"] != "true" {
			t.Errorf("%T: kept too little: %+v", obj, w)
		}
	}
}

func TestOfWhoDoesNotAskAlmostNothingIsKept(t *testing.T) {
	t.Parallel()
	d := &appsv1.Deployment{}
	if err := yaml.Unmarshal([]byte(strings.NewReplacer("reloader", "a", "doppler", "b").Replace(everywhere)), d); err != nil {
		t.Fatal(err)
	}
	w := newTrimmer(languages()).trim(d)
	if len(w.Annotations)+len(w.template)+len(w.uses)+len(w.Labels) != 0 {
		t.Errorf("kept %+v", w)
	}
	if s := newStore(languages()); s.put(w) || len(s.by) != 0 {
		t.Error("it is worth a look")
	}
}

func TestARolloutThatMakesNoSenseIsKeptByName(t *testing.T) {
	t.Parallel()
	u := &unstructured.Unstructured{Object: map[string]any{
		"kind": "Rollout", "apiVersion": "argoproj.io/v1alpha1",
		"metadata": map[string]any{"name": "web", "namespace": "ns", "annotations": map[string]any{"reloader.stakater.com/auto": "true"}},
		"spec":     map[string]any{"template": "none"},
	}}
	w := newTrimmer(languages()).trim(u)
	if w.Name != "web" || w.Namespace != "ns" || w.Annotations["reloader.stakater.com/auto"] != "true" || w.uses != nil {
		t.Errorf("kept %+v", w)
	}
}
