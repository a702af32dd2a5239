package status

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/dialect/reloader"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// deploy makes a Deployment that asks for restarts, with more annotations.
func (b *bench) deploy(name, annotations, spec string) *unstructured.Unstructured {
	b.t.Helper()
	b.apply(fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s, annotations: {reloader.stakater.com/auto: "true", %s}}
spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: a}]}}, %s}
`, name, annotations, spec))
	d := &unstructured.Unstructured{}
	d.SetAPIVersion("apps/v1")
	d.SetKind("Deployment")
	if err := b.client.Get(b.t.Context(), client.ObjectKey{Namespace: b.team, Name: name}, d); err != nil {
		b.t.Fatal(err)
	}
	return d
}

// recorded is the annotation of a workload that has been looked at.
func (b *bench) recorded(name string, entries ...string) string {
	r := rollout.Record{}
	for _, e := range entries {
		r[e] = "abcd.efgh"
	}
	return fmt.Sprintf("%s: %q", rollout.Recorded, r.Of(delivery.Workload{Kind: "Deployment", Namespace: b.team, Name: name}))
}

// event makes an event about a Deployment, so many seconds ago.
func (b *bench) event(d *unstructured.Unstructured, n int, ago time.Duration, source, reason, message string) {
	b.t.Helper()
	b.apply(fmt.Sprintf(`
apiVersion: v1
kind: Event
metadata: {name: %s.%d}
involvedObject: {apiVersion: apps/v1, kind: Deployment, namespace: $TEAM, name: %s, uid: %s}
source: {component: %s}
reason: %s
message: %q
lastTimestamp: %s
`, d.GetName(), n, d.GetName(), d.GetUID(), source, reason, message, time.Now().Add(-ago).UTC().Format(time.RFC3339)))
}

// TestWhatAWorkloadWaitsForIsTold by its manifest and its last event.
func TestWhatAWorkloadWaitsForIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	type said struct {
		ago                     time.Duration
		source, reason, message string
	}
	const held = "deployment.reloader.stakater.com/paused-at"
	cases := map[string]struct {
		annotations, spec string
		none              bool // nothing on record
		events            []said
		ready, message    string
	}{
		"fine":      {ready: True},
		"restarted": {events: []said{{60 * time.Second, "tacit", "ReloadFail", "no"}, {10 * time.Second, "tacit", "Reloaded", "done"}}, ready: True},
		// Each sort of event is written by itself, and one may come late.
		"late":     {events: []said{{10 * time.Second, "tacit", "Reloaded", "done"}, {60 * time.Second, "tacit", "ReloadFail", "no"}}, ready: True},
		"refused":  {events: []said{{60 * time.Second, "tacit", "Reloaded", "done"}, {10 * time.Second, "tacit", "ReloadFail", "(combined from similar events): it is refused"}}, ready: False, message: "it is refused"},
		"unlooked": {none: true, events: []said{{10 * time.Second, "tacit", "ReloadFail", "it is refused"}}, ready: False, message: "it is refused"},
		"waiting":  {events: []said{{10 * time.Second, "tacit", "ReloadWaiting", "its turn comes"}}, ready: False, message: "its turn comes"},
		"settled":  {events: []said{{60 * time.Second, "tacit", "ReloadWaiting", "its turn comes"}, {10 * time.Second, "tacit", "ReloadSettled", "nothing left"}}, ready: True},
		"others":   {events: []said{{10 * time.Second, "other", "ReloadFail", "no"}, {5 * time.Second, "tacit", "ReloadContested", "no"}}, ready: True},
		"halted":   {spec: "paused: true", ready: False, message: "kubectl rollout resume"},
		"held":     {spec: "paused: true", annotations: held + `: "2026-08-01T12:00:00Z"`, ready: False, message: "paused since 2026-08-01T12:00:00Z"},
		"switched": {annotations: rollout.Switch + ": PAUSED", ready: False, message: "restarts are paused"},
		"odd":      {annotations: rollout.Switch + `: "stop"`, ready: False, message: `"stop", which stops no restart`},
		"nobody":   {none: true, ready: Unknown, message: "the operator has not noted yet"},
		"nothing":  {none: true, annotations: rollout.Recorded + `: "{}"`, ready: True, message: "it uses nothing"},
		"cloned":   {none: true, annotations: b.recorded("fine", "Secret/db"), ready: Unknown, message: "the operator has not noted yet"},
	}
	for name, c := range cases {
		if !c.none {
			c.annotations = strings.Trim(c.annotations+", "+b.recorded(name, "Secret/db"), ", ")
		}
		d := b.deploy(name, c.annotations, c.spec)
		for i, e := range c.events {
			b.event(d, i, e.ago, e.source, e.reason, e.message)
		}
	}
	rows, notes := b.gather(func(g *Gatherer) { g.Workloads = []dialect.Workloads{reloader.New(reloader.Options{})} })
	if len(notes) > 0 {
		t.Errorf("notes %q", notes)
	}
	for name, c := range cases {
		row := rows["Deployment "+name]
		if row.Ready != c.ready || !strings.Contains(row.Message, c.message) || c.message == "" && row.Message != "" {
			t.Errorf("%s is %s: %q, want %s: %q", name, row.Ready, row.Message, c.ready, c.message)
		}
	}
}

// TestArgoRolloutsAndCronJobs have no spec that tells.
func TestArgoRolloutsAndCronJobs(t *testing.T) {
	t.Parallel()
	auto := map[string]any{"reloader.stakater.com/auto": "true", rollout.Recorded: "{}", rollout.JobMade: "2026-08-01T12:00:00Z"}
	asks := &delivery.Reload{Rules: []delivery.ReloadRule{{Referenced: true}}}
	argo := &unstructured.Unstructured{Object: map[string]any{
		"kind": "Rollout", "metadata": map[string]any{"name": "web", "annotations": auto},
		"spec": map[string]any{"workloadRef": map[string]any{"kind": "Deployment", "name": "web"}},
	}}
	if row := reloaded("x", argo, asks, nil); row.Ready != False || !strings.Contains(row.Message, "workloadRef is not served: annotate the workload") || row.Restarted != nil {
		t.Errorf("%+v", row)
	}
	job := &unstructured.Unstructured{Object: map[string]any{"kind": "CronJob", "metadata": map[string]any{"name": "nightly", "annotations": auto}}}
	if row := reloaded("x", job, asks, nil); row.Restarted == nil || row.Restarted.Format(time.RFC3339) != "2026-08-01T12:00:00Z" {
		t.Errorf("restarted %v", row.Restarted)
	}
}
