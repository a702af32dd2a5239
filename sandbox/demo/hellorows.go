package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	dopplerv1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// table draws both roads as they are; once ctx has ended, as they were.
func (r *restart) table(ctx context.Context) func() []string {
	first := r.tour.table(ctx)
	var lines []string
	return func() []string {
		rows, err := r.rows(ctx, time.Now())
		if err != nil {
			return append(first(), lines...)
		}
		lines = append([]string{""}, r.columns(restartHead, rows)...)
		var secret corev1.Secret
		if r.view.Get(ctx, r.hello.target(), &secret) == nil {
			lines = append(lines, "", "  "+content(&secret))
		}
		return append(first(), lines...)
	}
}

var restartHead = []string{"OBJECT", "FROM", "STATUS", "LAST SYNC"}

// rows are the DopplerSecret, its Secret, the Deployment that uses it, and the
// ReplicaSets that it has had.
func (r *restart) rows(ctx context.Context, now time.Time) ([][]cell, error) {
	var rows [][]cell
	var ds dopplerv1.DopplerSecret
	if err := r.view.Get(ctx, r.hello.object(), &ds); client.IgnoreNotFound(err) != nil {
		return nil, err
	} else if err == nil {
		rows = append(rows, []cell{{text: "DopplerSecret/" + ds.Name}, {text: "Doppler"}, synced(ds.Status.Conditions), ago(ds.Status.LastSync, now)})
	}
	rows = append(rows, r.view.secret(ctx, r.hello.target()))
	sets, err := r.view.sets(ctx, r.hello.server())
	if err != nil {
		return nil, err
	}
	state := cell{"not there yet", dim}
	if len(sets) > 0 {
		state = cell{fmt.Sprintf("restarts: %d", len(sets)-1), green}
	}
	rows = append(rows, []cell{{text: "Deployment/" + r.hello.server().Name}, {text: "Secret/" + r.hello.target().Name}, state, {}})
	for i := range sets {
		rows = append(rows, []cell{{text: "ReplicaSet/" + sets[i].Name}, {}, {text: "revision " + sets[i].Annotations[revision]}, ago(&sets[i].CreationTimestamp, now)})
	}
	return rows, nil
}

// synced is the condition SecretSyncReady in a word.
func synced(conditions []metav1.Condition) cell {
	for _, c := range conditions {
		if !strings.HasSuffix(c.Type, "/SecretSyncReady") {
			continue
		}
		if c.Status == metav1.ConditionTrue {
			return cell{c.Reason, green}
		}
		return cell{c.Reason, red}
	}
	return cell{"waiting", dim}
}

// revision is where the Deployment's controller numbers ReplicaSets.
const revision = "deployment.kubernetes.io/revision"

// sets are the ReplicaSets of a Deployment, the oldest first.
func (v *view) sets(ctx context.Context, deployment types.NamespacedName) ([]appsv1.ReplicaSet, error) {
	var all appsv1.ReplicaSetList
	if err := v.List(ctx, &all, client.InNamespace(deployment.Namespace)); err != nil {
		return nil, err
	}
	sets := slices.DeleteFunc(all.Items, func(s appsv1.ReplicaSet) bool {
		owner := metav1.GetControllerOf(&s)
		return owner == nil || owner.Name != deployment.Name
	})
	slices.SortFunc(sets, func(a, b appsv1.ReplicaSet) int {
		byTime := a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
		return cmp.Or(byTime, strings.Compare(a.Annotations[revision], b.Annotations[revision]))
	})
	return sets, nil
}

// holds reports that the Secret has the value.
func (r *restart) holds(ctx context.Context, value string) error {
	var secret corev1.Secret
	if err := r.view.Get(ctx, r.hello.target(), &secret); err != nil {
		return err
	}
	if got := string(secret.Data[shownInDoppler]); got != value {
		return fmt.Errorf("Secret %s holds %s=%q, not %q", secret.Name, shownInDoppler, got, value)
	}
	return nil
}

// runs reports that the Deployment has had so many ReplicaSets, and that it is
// on record with which Secret it runs.
func (r *restart) runs(ctx context.Context, want int) error {
	var deployment appsv1.Deployment
	if err := r.view.Get(ctx, r.hello.server(), &deployment); err != nil {
		return err
	}
	record, _ := rollout.ReadRecord(deployment.Annotations)
	if digest := record["Secret/"+r.hello.target().Name]; digest == "" || strings.HasSuffix(digest, ".-") {
		return fmt.Errorf("it is not on record that Deployment %s runs with the Secret", deployment.Name)
	}
	sets, err := r.view.sets(ctx, r.hello.server())
	if err == nil && len(sets) != want {
		err = fmt.Errorf("Deployment %s has %d ReplicaSets, not %d", deployment.Name, len(sets), want)
	}
	return err
}
