package main

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	dopplerv1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
)

// hello is what examples/doppler asks for: a Secret out of Doppler, and a
// Deployment that restarts when it changes.
type hello struct {
	manifests
	secret     dopplerv1.DopplerSecret
	deployment appsv1.Deployment
}

// readHello reads the manifests in dir.
func readHello(dir string) (*hello, error) {
	all, err := readManifests(dir)
	if err != nil {
		return nil, err
	}
	h := &hello{manifests: all}
	if err := h.find("DopplerSecret", &h.secret); err != nil {
		return nil, err
	}
	if err := h.find("Deployment", &h.deployment); err != nil {
		return nil, err
	}
	if to := h.secret.Spec.ManagedSecret.Namespace; to != h.deployment.Namespace {
		return nil, fmt.Errorf("%s: the Secret goes to namespace %q and the Deployment is in %q", dir, to, h.deployment.Namespace)
	}
	return h, nil
}

// fields are where the address and the token of a Doppler stand.
func (h *hello) fields(address, token string) []field {
	return []field{
		{"DopplerSecret", address, []string{"spec", "host"}},
		{"Secret", token, []string{"stringData", "serviceToken"}},
	}
}

// object is the DopplerSecret, and target the Secret that it makes.
func (h *hello) object() types.NamespacedName {
	return types.NamespacedName{Namespace: h.secret.Namespace, Name: h.secret.Name}
}

func (h *hello) target() types.NamespacedName {
	return types.NamespacedName{Namespace: h.deployment.Namespace, Name: h.secret.Spec.ManagedSecret.Name}
}

// server is the Deployment.
func (h *hello) server() types.NamespacedName {
	return types.NamespacedName{Namespace: h.deployment.Namespace, Name: h.deployment.Name}
}
