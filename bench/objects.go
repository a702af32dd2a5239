package main

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// Where the store keeps its token, and what it is called.
const (
	storeNamespace = "stores"
	storeName      = "bench"
)

// noRefresh is a refreshInterval that keeps refreshes out of what is measured.
// With the default of an hour, one object in some hundred would be due.
const noRefresh = "24h"

// fill writes keys with three properties each into Vault, and makes the token
// that the store will use.
func (l *lab) fill(ctx context.Context, keys int) error {
	for i := range keys {
		err := l.vault.Put(ctx, vaultKey(i), map[string]any{
			"username": fmt.Sprintf("user-%04d", i),
			"password": strings.Repeat("p", 32),
			"url":      fmt.Sprintf("postgres://db-%04d.example.com:5432/app?sslmode=verify-full", i),
		})
		if err != nil {
			return fmt.Errorf("fill Vault: %w", err)
		}
	}
	token, err := l.vault.Token(ctx, testkit.ReadOnly("secret/data/bench"))
	if err != nil {
		return fmt.Errorf("issue a token: %w", err)
	}
	if err := l.namespace(ctx, storeNamespace); err != nil {
		return err
	}
	return l.client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: storeNamespace, Name: "vault"},
		StringData: map[string]string{"token": token},
	})
}

func vaultKey(i int) string { return fmt.Sprintf("bench/key-%04d", i) }

// freshStore applies the store as a user would, without a status.
func (l *lab) freshStore(ctx context.Context) error {
	store := &esv1.ClusterSecretStore{ObjectMeta: metav1.ObjectMeta{Name: storeName}}
	if err := client.IgnoreNotFound(l.client.Delete(ctx, store)); err != nil {
		return err
	}
	mount, namespace := "secret", storeNamespace
	return l.client.Create(ctx, &esv1.ClusterSecretStore{
		ObjectMeta: metav1.ObjectMeta{Name: storeName},
		Spec: esv1.SecretStoreSpec{Provider: esv1.SecretStoreProvider{Vault: &esv1.VaultProvider{
			Server: l.vault.Addr, Path: &mount, Version: "v2",
			Auth: &esv1.VaultAuth{TokenSecretRef: &esv1.SecretKeySelector{
				Name: "vault", Namespace: &namespace, Key: "token"}},
		}}},
	})
}

// apply creates n ExternalSecrets over so many keys, and returns them as the
// API server did.
func (l *lab) apply(ctx context.Context, namespace string, n, keys int, interval string) ([]esv1.ExternalSecret, error) {
	objects := make([]esv1.ExternalSecret, n)
	return objects, parallel(ctx, n, func(ctx context.Context, i int) error {
		objects[i] = esv1.ExternalSecret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: fmt.Sprintf("app-%05d", i),
				Labels: map[string]string{"app.kubernetes.io/name": "app", "app.kubernetes.io/part-of": "bench"},
			},
			Spec: esv1.ExternalSecretSpec{
				SecretStoreRef:  esv1.SecretStoreRef{Kind: esv1.ClusterSecretStoreKind, Name: storeName},
				RefreshInterval: interval,
				DataFrom:        []esv1.ExternalSecretDataFrom{{Extract: &esv1.RemoteRef{Key: vaultKey(i % keys)}}},
			},
		}
		if err := l.client.Create(ctx, &objects[i]); err != nil {
			return fmt.Errorf("apply an ExternalSecret: %w", err)
		}
		return nil
	})
}
