package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// bareFan is how long the bare writer took to write all copies.
type bareFan struct{ create, update time.Duration }

// bareFan measures the bare writer on copies of its own: as large as the
// operator's, under the same field manager, created and patched as it does.
func (l *lab) bareFan(ctx context.Context, name string, p *corev1.Secret) (t bareFan, err error) {
	manager := ""
	for _, f := range p.ManagedFields {
		manager = f.Manager
	}
	made := make([]*corev1.Secret, fanNamespaces)
	at := time.Now()
	err = parallel(ctx, fanNamespaces, func(ctx context.Context, i int) (err error) {
		made[i], err = l.core.Secrets(team(i)).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: p.Labels, Annotations: strangers(p.Annotations)},
			Type:       p.Type, Data: p.Data,
		}, metav1.CreateOptions{FieldManager: manager})
		return err
	})
	if err != nil {
		return t, fmt.Errorf("the bare writer: %w", err)
	}
	t.create, at = time.Since(at), time.Now()
	err = parallel(ctx, fanNamespaces, func(ctx context.Context, i int) error {
		data := map[string]any{"$patch": "replace"}
		for k, v := range p.Data {
			data[k] = v
		}
		data["password"] = []byte(fmt.Sprintf("changed-%026d", i))
		body, err := json.Marshal(map[string]any{"data": data, "type": p.Type, "metadata": map[string]any{
			"resourceVersion": made[i].ResourceVersion, "labels": p.Labels, "annotations": strangers(p.Annotations)}})
		if err != nil {
			return err
		}
		_, err = l.core.Secrets(team(i)).Patch(ctx, name, types.StrategicMergePatchType, body, metav1.PatchOptions{FieldManager: manager})
		return err
	})
	if err != nil {
		return t, fmt.Errorf("the bare writer: %w", err)
	}
	t.update = time.Since(at)
	return t, parallel(ctx, fanNamespaces, func(ctx context.Context, i int) error {
		return l.core.Secrets(team(i)).Delete(ctx, name, metav1.DeleteOptions{})
	})
}

// strangers are annotations as large as these that say nothing to anybody: an
// operator would take back a copy that nobody asked for.
func strangers(annotations map[string]string) map[string]string {
	out := make(map[string]string, len(annotations))
	for k, v := range annotations {
		out["x"+k[1:]] = v
	}
	return out
}
