package rollouts_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/dialect/reloader"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// variables are those of a workload's first container.
func (b *bed) variables(kind, name string) map[string]string {
	b.t.Helper()
	out := map[string]string{}
	containers, _, err := unstructured.NestedSlice(b.get(kind, name).Object, "spec", "template", "spec", "containers")
	b.must(err)
	list, _ := containers[0].(map[string]any)["env"].([]any)
	for _, v := range list {
		value, _ := v.(map[string]any)["value"].(string)
		out[fmt.Sprint(v.(map[string]any)["name"])] = value
	}
	return out
}

func TestEveryKindThatHasPods(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet", "Rollout"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.secret("app", "one")
			b.configMap("conf", "one")
			b.apply(workload(kind, "web", auto, "Secret/app", "ConfigMap/conf"))
			b.operate(nil)
			b.recorded(kind, "web", "Secret/app", "ConfigMap/conf")
			last := map[string]string{}
			for _, round := range []string{"two", "three"} {
				b.secret("app", round)
				b.configMap("conf", round)
				b.eventually(func() error {
					now := b.variables(kind, "web")
					for _, v := range []string{variable, "STAKATER_CONF_CONFIGMAP"} {
						if now[v] == "" || now[v] == last[v] {
							return fmt.Errorf("%s is %q", v, now[v])
						}
					}
					last = now
					return nil
				})
			}
			if len(last) != 2 {
				t.Errorf("the container has %v", last)
			}
			image, _, _ := unstructured.NestedSlice(b.get(kind, "web").Object, "spec", "template", "spec", "containers")
			if got := image[0].(map[string]any)["image"]; got != "x" {
				t.Errorf("the image became %v", got)
			}
			b.event("web", "Reloaded", "Secret app")
		})
	}
}

func TestArgoRolloutRestartsItsPodsIfAsked(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.secret("app", "one")
	b.apply(workload("Rollout", "web", auto+`, reloader.stakater.com/rollout-strategy: restart`, "Secret/app"))
	b.operate(nil)
	b.recorded("Rollout", "web", "Secret/app")
	b.secret("app", "two")
	b.eventually(func() error {
		at, _, err := unstructured.NestedString(b.get("Rollout", "web").Object, "spec", "restartAt")
		if err != nil {
			return err
		}
		_, err = time.Parse(time.RFC3339, at)
		return err
	})
	if got := b.variables("Rollout", "web"); len(got) != 0 {
		t.Errorf("the template changed too: %v", got)
	}
}

// TestAnArgoRolloutOfAnothersTemplateGetsNone: it has workloadRef, and may not
// have a template beside that.
func TestAnArgoRolloutOfAnothersTemplateGetsNone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.secret("app", "one")
	b.apply(`{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: web, annotations: {secret.reloader.stakater.com/reload: app}},
spec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}`)
	b.operate(func(s *setup) {
		s.Languages = []dialect.Workloads{reloader.New(reloader.Options{Strategy: reloader.Annotations})}
	})
	b.recorded("Rollout", "web", "Secret/app")
	b.secret("app", "two")
	b.event("web", "ReloadFail", "no containers of its own")
	if _, there, err := unstructured.NestedMap(b.get("Rollout", "web").Object, "spec", "template"); there || err != nil {
		t.Errorf("it has a template (%v)", err)
	}
}

// jobs lists the Jobs of the namespace.
func (b *bed) jobs() []batchv1.Job {
	b.t.Helper()
	list := &batchv1.JobList{}
	b.must(b.List(b.t.Context(), list, client.InNamespace(b.ns)))
	return list.Items
}

// TestCronJobRunsOnceThoughItsRecordIsLate is a crash between the Job and the
// CronJob's record.
func TestCronJobRunsOnceThoughItsRecordIsLate(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.secret("app", "one")
	b.apply(workload("CronJob", "nightly", auto, "Secret/app"))
	proxy, config := b.proxied()
	first := b.operate(func(s *setup) { s.config = config })
	b.recorded("CronJob", "nightly", "Secret/app")
	fault := testkit.Status(http.StatusInternalServerError, nil, "")
	fault.Match = func(r *http.Request) bool {
		return r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/cronjobs/")
	}
	proxy.Set(fault)
	b.secret("app", "two")
	b.eventually(func() error {
		if n, failures := len(b.jobs()), counted(t, first, "Failed"); n == 0 || failures < 2 {
			return fmt.Errorf("%d Jobs, %v failures", n, failures)
		}
		return nil
	})
	first.stop()
	patch := []byte(`{"metadata":{"labels":{"other":"version"}}}`)
	b.must(b.Patch(t.Context(), b.get("CronJob", "nightly"), client.RawPatch(types.MergePatchType, patch)))
	b.operate(nil)
	b.event("nightly", "Reloaded", "Secret app")
	b.settled()
	if n := len(b.jobs()); n != 1 {
		t.Errorf("%d Jobs, want 1", n)
	}
	b.secret("app", "one")
	b.eventually(func() error {
		if n := len(b.jobs()); n != 2 {
			return fmt.Errorf("%d Jobs, want 2", n)
		}
		return nil
	})
}

func TestArgoRolloutsAreServedOnceTheirKindIs(t *testing.T) {
	t.Parallel()
	plane, err := testkit.StartPlane(t.Context(), testkit.PlaneOptions{NoControllers: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	b := &bed{Client: testkit.Client(t, plane), t: t, plane: plane, ns: "default"}
	b.operate(nil)
	b.secret("app", "one")
	b.apply(workload("Deployment", "web", auto, "Secret/app"))
	b.recorded("Deployment", "web", "Secret/app")
	b.must(plane.InstallCRDs(t.Context(), "internal/controller/rollouts/testdata/argo.yaml"))
	b.apply(workload("Rollout", "argo", auto, "Secret/app"))
	b.recorded("Rollout", "argo", "Secret/app")
}

func TestCronJobRunsOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.secret("app", "one")
	b.apply(workload("CronJob", "nightly", auto, "Secret/app"))
	b.operate(nil)
	b.recorded("CronJob", "nightly", "Secret/app")
	generation := b.get("CronJob", "nightly").GetGeneration()
	began := time.Now().Truncate(time.Second)
	b.secret("app", "two")
	b.eventually(func() error {
		if n := len(b.jobs()); n != 1 {
			return fmt.Errorf("%d Jobs", n)
		}
		return nil
	})
	b.event("nightly", "Reloaded", "Secret app")
	b.settled()
	got := b.jobs()
	if len(got) != 1 || b.get("CronJob", "nightly").GetGeneration() != generation {
		t.Fatalf("%d Jobs; the CronJob's generation was %d and is %d", len(got), generation, b.get("CronJob", "nightly").GetGeneration())
	}
	job := got[0]
	owner := job.OwnerReferences
	if len(owner) != 1 || owner[0].Kind != "CronJob" || owner[0].Name != "nightly" || job.Annotations["cronjob.kubernetes.io/instantiate"] != "manual" {
		t.Errorf("the Job is of %v with %v", owner, job.Annotations)
	}
	made := b.get("CronJob", "nightly").GetAnnotations()[rollout.JobMade]
	if at, err := time.Parse(time.RFC3339, made); err != nil || at.Before(began) || at.After(job.CreationTimestamp.Time) {
		t.Errorf("the Job is of %v, the change of %v, and the CronJob says %q", job.CreationTimestamp, began, made)
	}
	if env := job.Spec.Template.Spec.Containers[0].Env; len(env) != 1 || env[0].Name != variable || env[0].Value == "" {
		t.Errorf("its container has %v", env)
	}
}

func TestDopplersAnnotation(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	long := "a-secret-with-a-name-that-is-much-longer-than-an-annotation-has-room"
	managed := func(name, value string) {
		b.apply(fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: %s, labels: {secrets.doppler.com/subtype: dopplerSecret}}, stringData: {k: %q}}", name, value))
	}
	managed("app", "one")
	managed(long, "one")
	b.secret("pull", "one")
	b.apply(workload("Deployment", "web", `secrets.doppler.com/reload: "true"`, "Secret/app", "Secret/"+long, "Secret/pull", "ConfigMap/conf"))
	b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app", "Secret/"+long)
	b.secret("pull", "two") // not Doppler's
	managed("app", "two")
	managed(long, "two")
	b.eventually(func() error {
		d := b.deployment("web")
		marks := 0
		for k, v := range d.Spec.Template.Annotations {
			if strings.HasPrefix(k, "secrets.doppler.com/secretsupdate.") && v != "" && d.Annotations[k] == v {
				marks++
			}
		}
		if marks != 2 {
			return fmt.Errorf("marked %d: %v, %v", marks, d.Annotations, d.Spec.Template.Annotations)
		}
		return nil
	})
	if len(b.deployment("web").Spec.Template.Spec.Containers[0].Env) != 0 {
		t.Error("it was marked as Reloader does")
	}
}

func TestAnnotationStrategy(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.operate(func(s *setup) {
		s.Languages = []dialect.Workloads{reloader.New(reloader.Options{Strategy: reloader.Annotations})}
	})
	b.recorded("Deployment", "web", "Secret/app")
	b.secret("app", "two")
	var text string
	b.eventually(func() error {
		if text = b.deployment("web").Spec.Template.Annotations["reloader.stakater.com/last-reloaded-from"]; text == "" {
			return fmt.Errorf("no annotation")
		}
		return nil
	})
	var got struct {
		Type, Name, Namespace, Hash string
		ContainerRefs               []string
		ObservedAt                  int64
	}
	b.must(json.Unmarshal([]byte(text), &got))
	if got.Type != "SECRET" || got.Name != "app" || got.Namespace != b.ns || len(got.Hash) != 22 || got.ObservedAt == 0 ||
		len(got.ContainerRefs) != 1 || got.ContainerRefs[0] != "main" {
		t.Errorf("it says %s", text)
	}
	b.sets("web", 2)
}

func TestAutoAllRestartsWhoSaysNothing(t *testing.T) {
	t.Parallel()
	b := served(t, "")
	b.operate(func(s *setup) {
		s.Languages = []dialect.Workloads{reloader.New(reloader.Options{AutoAll: true})}
	})
	b.recorded("Deployment", "web", "Secret/app")
	b.secret("app", "two")
	b.marked("web", variable, "")
}
