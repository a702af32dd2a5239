// Package sealtest makes clusters for the tests of what seals: their keys, and
// an API server that leads to their operator.
package sealtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/tacit-secrets/tacit/internal/sealing"
)

// Cluster is the keys of one, the newest last.
type Cluster struct {
	Secrets      []corev1.Secret
	Certificates []sealing.Certificate
}

// NewCluster makes a cluster whose keys are so many months old, the newest
// last. They are small, so that tests are fast.
func NewCluster(now time.Time, months ...int) (*Cluster, error) {
	c := &Cluster{}
	for i, age := range months {
		key, cert, err := sealing.Generate(2048, now.AddDate(0, -age, 0), 10*365*24*time.Hour)
		if err != nil {
			return nil, err
		}
		c.Certificates = append(c.Certificates, cert)
		c.Secrets = append(c.Secrets, corev1.Secret{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
			ObjectMeta: metav1.ObjectMeta{
				Namespace: sealing.KeyNamespace, Name: fmt.Sprintf("%s%d", sealing.KeyPrefix, i+1),
				Labels: map[string]string{sealing.KeyLabel: sealing.KeyActive},
			},
			Type: corev1.SecretTypeTLS,
			Data: map[string][]byte{corev1.TLSPrivateKeyKey: key.PEM().Reveal(), corev1.TLSCertKey: cert.PEM()},
		})
	}
	return c, nil
}

// Newest is the certificate to seal for.
func (c *Cluster) Newest() sealing.Certificate { return c.Certificates[len(c.Certificates)-1] }

// Keyring holds the keys of the cluster.
func (c *Cluster) Keyring(ctx context.Context) (*sealing.Keyring, error) {
	ring := sealing.NewKeyring(secrets(c.Secrets), sealing.Options{})
	return ring, ring.Load(ctx)
}

// secrets are listed as an API server would.
type secrets []corev1.Secret

// List implements sealing.Secrets.
func (s secrets) List(_ context.Context, opts metav1.ListOptions) (*corev1.SecretList, error) {
	if opts.FieldSelector != "" {
		return &corev1.SecretList{}, nil // there is none without the label
	}
	return &corev1.SecretList{Items: s}, nil
}

// Watch implements sealing.Secrets.
func (secrets) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return nil, errors.New("these keys do not change")
}

// Create implements sealing.Secrets.
func (secrets) Create(context.Context, *corev1.Secret, metav1.CreateOptions) (*corev1.Secret, error) {
	return nil, errors.New("these keys do not change")
}
