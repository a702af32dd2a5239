package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
)

var roadHead = []string{"OBJECT", "STORE", "STATUS", "LAST SYNC"}

// road is the table of stores, what reads them, and what came of it.
func (v *view) road(ctx context.Context, namespace string, now time.Time) ([][]cell, error) {
	var stores esv1.SecretStoreList
	if err := v.List(ctx, &stores, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	var rows [][]cell
	for i := range stores.Items {
		store := &stores.Items[i]
		rows = append(rows, []cell{{text: "SecretStore/" + store.Name}, {}, ready(store.Status.Conditions), {}})
	}
	var all esv1.ExternalSecretList
	if err := v.List(ctx, &all, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	for i := range all.Items {
		rows = append(rows, v.delivery(ctx, &all.Items[i], now)...)
	}
	return rows, nil
}

// delivery is the rows of an ExternalSecret and its Secret.
func (v *view) delivery(ctx context.Context, es *esv1.ExternalSecret, now time.Time) [][]cell {
	kind, name := es.Spec.SecretStoreRef.Kind, es.Spec.Target.Name
	if kind == "" {
		kind = "SecretStore"
	}
	if name == "" {
		name = es.Name
	}
	rows := [][]cell{{
		{text: "ExternalSecret/" + es.Name}, {text: kind + "/" + es.Spec.SecretStoreRef.Name},
		ready(es.Status.Conditions), ago(es.Status.RefreshTime, now),
	}}
	return append(rows, v.secret(ctx, types.NamespacedName{Namespace: es.Namespace, Name: name}))
}

// secret is the row of a Secret.
func (v *view) secret(ctx context.Context, name types.NamespacedName) []cell {
	state := cell{"not there yet", dim}
	var got corev1.Secret
	if v.Get(ctx, name, &got) == nil {
		state = cell{fmt.Sprintf("%d keys", len(got.Data)), green}
	}
	return []cell{{text: "Secret/" + name.Name}, {}, state, {}}
}

// ago is how long ago something was; nothing if it was not yet.
func ago(at *metav1.Time, now time.Time) cell {
	if at == nil {
		return cell{}
	}
	return cell{text: max(now.Sub(at.Time).Truncate(time.Second), 0).String() + " ago"}
}

// ready is the condition Ready in a word.
func ready(conditions []esv1.Condition) cell {
	for _, c := range conditions {
		if c.Type != "Ready" {
			continue
		}
		if c.Status == corev1.ConditionTrue {
			return cell{c.Reason, green}
		}
		return cell{c.Reason, red}
	}
	return cell{"waiting", dim}
}
