package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
)

// pattern is what the operator wrote for one object. The bare writer writes
// the same for others: as large, with as many labels and owners, and under
// the same field managers.
type pattern struct {
	name   string
	secret corev1.Secret
	status esv1.ExternalSecretStatus
	// managers of the Secret and of the status.
	secretManager, statusManager string
}

// learn lets the operator work off one object and takes what it wrote.
func (l *lab) learn(ctx context.Context) (p pattern, err error) {
	const namespace = "sample"
	if err := errors.Join(l.namespace(ctx, namespace), l.freshStore(ctx)); err != nil {
		return p, err
	}
	if _, err := l.apply(ctx, namespace, 1, 1, noRefresh); err != nil {
		return p, err
	}
	if _, err := l.coldTurn(ctx, namespace, 1, 0); err != nil {
		return p, fmt.Errorf("one object to begin with: %w", err)
	}
	var es esv1.ExternalSecretList
	var secrets corev1.SecretList
	err = errors.Join(l.client.List(ctx, &es, client.InNamespace(namespace)),
		l.client.List(ctx, &secrets, client.InNamespace(namespace)))
	if err != nil {
		return p, err
	}
	if len(es.Items) != 1 || len(secrets.Items) != 1 {
		return p, fmt.Errorf("the operator made %d Secrets of one object", len(secrets.Items))
	}
	p = pattern{name: es.Items[0].Name, secret: secrets.Items[0], status: es.Items[0].Status}
	for _, f := range secrets.Items[0].ManagedFields {
		p.secretManager = f.Manager
	}
	for _, f := range es.Items[0].ManagedFields {
		if f.Subresource == "status" {
			p.statusManager = f.Manager
		}
	}
	return p, l.clear(ctx, namespace)
}

// bareTurn measures the bare writer on n objects of its own.
func (l *lab) bareTurn(ctx context.Context, namespace string, p pattern, n, keys int) (turn, error) {
	if err := l.namespace(ctx, namespace); err != nil {
		return turn{}, err
	}
	objects, err := l.apply(ctx, namespace, n, keys, noRefresh)
	if err != nil {
		return turn{}, err
	}
	meter, err := l.meter(ctx, namespace, n)
	if err != nil {
		return turn{}, err
	}
	defer meter.stop()
	begin := meter.begin(l)
	err = parallel(ctx, n, func(ctx context.Context, i int) error { return l.write(ctx, p, &objects[i]) })
	if err != nil {
		return turn{}, fmt.Errorf("the bare writer: %w", err)
	}
	t, err := meter.wait(ctx, begin, nil)
	if err != nil {
		return turn{}, err
	}
	meter.stop()
	return t, l.clear(ctx, namespace)
}

// write is what one object costs at the least: its Secret, and its status.
func (l *lab) write(ctx context.Context, p pattern, es *esv1.ExternalSecret) error {
	owner := p.secret.OwnerReferences
	if len(owner) > 0 {
		owner = []metav1.OwnerReference{owner[0]}
		owner[0].Name, owner[0].UID = es.Name, es.UID
	}
	made, err := l.core.Secrets(es.Namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: es.Name, Labels: p.secret.Labels, Annotations: p.secret.Annotations, OwnerReferences: owner},
		Type: p.secret.Type, Data: p.secret.Data,
	}, metav1.CreateOptions{FieldManager: strings.ReplaceAll(p.secretManager, p.name, es.Name)})
	if err != nil {
		return err
	}
	status := p.status
	if status.Binding != nil {
		status.Binding = &esv1.Binding{Name: made.Name, ResourceVersion: made.ResourceVersion}
	}
	body, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	return l.raw.Patch(types.MergePatchType).Namespace(es.Namespace).Resource("externalsecrets").Name(es.Name).
		SubResource("status").Param("fieldManager", p.statusManager).Body(body).Do(ctx).Error()
}
