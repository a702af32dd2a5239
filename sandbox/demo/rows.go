package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
)

var roadHead = []string{"OBJECT", "STORE", "STATUS", "LAST SYNC"}

// road is the table of stores, what reads them, and what came of it.
func (v *view) road(ctx context.Context, now time.Time) ([][]cell, error) {
	var stores esv1.SecretStoreList
	if err := v.List(ctx, &stores, client.InNamespace(v.namespace)); err != nil {
		return nil, err
	}
	var rows [][]cell
	for i := range stores.Items {
		store := &stores.Items[i]
		rows = append(rows, []cell{{text: "SecretStore/" + store.Name}, {}, ready(store.Status.Conditions), {}})
	}
	var all esv1.ExternalSecretList
	if err := v.List(ctx, &all, client.InNamespace(v.namespace)); err != nil {
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
	synced := cell{}
	if at := es.Status.RefreshTime; at != nil {
		synced.text = max(now.Sub(at.Time).Truncate(time.Second), 0).String() + " ago"
	}
	rows := [][]cell{{
		{text: "ExternalSecret/" + es.Name}, {text: kind + "/" + es.Spec.SecretStoreRef.Name},
		ready(es.Status.Conditions), synced,
	}}
	secret := cell{"not there yet", dim}
	var got corev1.Secret
	if v.Get(ctx, types.NamespacedName{Namespace: v.namespace, Name: name}, &got) == nil {
		secret = cell{fmt.Sprintf("%d keys", len(got.Data)), green}
	}
	return append(rows, []cell{{text: "Secret/" + name}, {}, secret, {}})
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
