// Package externalsecrets is the language of external-secrets.io/v1:
// ExternalSecret, SecretStore and ClusterSecretStore.
//
// It says what External Secrets says, in the same fields, reasons and
// messages, so that dashboards, alerts and GitOps tools keep working; after
// the original's message comes the cause. What is not served is refused by
// the name of its field.
package externalsecrets

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// ExternalSecrets returns the kind ExternalSecret.
func ExternalSecrets() dialect.Deliveries { return externalSecrets{} }

type externalSecrets struct{}

// Kind implements dialect.Deliveries.
func (externalSecrets) Kind() dialect.Kind {
	return dialect.Kind{
		GVK:        esv1.GroupVersion().WithKind(esv1.ExternalSecretKind),
		Namespaced: true,
		New:        func() client.Object { return &esv1.ExternalSecret{} },
		NewList:    func() client.ObjectList { return &esv1.ExternalSecretList{} },
		Finalizers: []string{"externalsecrets.external-secrets.io/externalsecret-cleanup"},
	}
}

// Translate implements dialect.Deliveries.
func (externalSecrets) Translate(obj client.Object) (delivery.Delivery, error) {
	es, ok := obj.(*esv1.ExternalSecret)
	if !ok {
		return delivery.Delivery{}, dialect.WrongKind(esv1.ExternalSecretKind, obj)
	}
	var p dialect.Problems
	plan := delivery.Delivery{
		Object:   dialect.Object(esv1.GroupVersion().WithKind(esv1.ExternalSecretKind), es),
		Schedule: schedule(&p, es),
	}
	plan.Destination = destination(&p, es, plan.Object)
	plan.Shape = shape(&p, es.Spec.Target.Template)
	plan.Sources = sources(&p, es)
	return plan, p.Err()
}
