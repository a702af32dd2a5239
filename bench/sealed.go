package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sealedv1 "github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// What is sealed, and for how many keys: one, and then as many as two years of
// renewals leave.
const (
	sealedObjects   = 300
	sealedKeys      = 24
	sealedNamespace = "sealed"
)

// sealedResult is what it took to open them all.
type sealedResult struct {
	// bare is what the decryptions take alone, one after the other.
	bare        time.Duration
	first, many sealedTurn
}

// sealedTurn is from a start of the operator until every Secret existed.
type sealedTurn struct {
	first, last time.Duration
	used        usage
	requests    map[testkit.Request]int
	rss, peak   int64
}

// sealed measures SealedSecrets from a cold start; and again, when all their
// Secrets are gone and the key that they were sealed for is the oldest of many.
func sealed(ctx context.Context, l *lab, res *result) (err error) {
	if err := l.namespace(ctx, sealedNamespace); err != nil {
		return err
	}
	var got sealedResult
	if got.bare, err = l.seal(ctx); err != nil {
		return err
	}
	say("  with one key")
	if got.first, err = l.sealedTurn(ctx); err != nil {
		return err
	}
	say("  making %d more keys", sealedKeys-1)
	for i := range sealedKeys - 1 {
		if _, _, err := l.sealingKey(ctx, i+1); err != nil {
			return err
		}
	}
	if err := l.core.Secrets(sealedNamespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		return err
	}
	say("  with all of them")
	if got.many, err = l.sealedTurn(ctx); err != nil {
		return err
	}
	res.sealed(got)
	return nil
}

// sealingKey gives the cluster a key; one with a higher number is newer.
func (l *lab) sealingKey(ctx context.Context, n int) (sealing.Key, sealing.Certificate, error) {
	key, cert, err := sealing.Generate(4096, time.Now().Add(time.Duration(n-sealedKeys)*time.Minute), 24*time.Hour)
	if err != nil {
		return key, cert, err
	}
	_, err = l.core.Secrets(sealing.KeyNamespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s%d", sealing.KeyPrefix, n), Labels: map[string]string{sealing.KeyLabel: sealing.KeyActive}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSPrivateKeyKey: key.PEM().Reveal(), corev1.TLSCertKey: cert.PEM()},
	}, metav1.CreateOptions{})
	return key, cert, err
}

// seal makes the first key and the SealedSecrets, a value in each, and returns
// how long all of them take to open, one after the other.
func (l *lab) seal(ctx context.Context) (time.Duration, error) {
	key, cert, err := l.sealingKey(ctx, 0)
	if err != nil {
		return 0, err
	}
	var bare time.Duration
	for i := range sealedObjects {
		name := fmt.Sprintf("app-%03d", i)
		label := sealedNamespace + "/" + name
		text, err := sealing.Seal(rand.Reader, []sealing.Certificate{cert}, label, secret.NewString("a value of "+name))
		if err != nil {
			return 0, err
		}
		at := time.Now()
		if _, _, err := sealing.Open([]sealing.Key{key}, label, text); err != nil {
			return 0, err
		}
		bare += time.Since(at)
		ss := &sealedv1.SealedSecret{
			ObjectMeta: metav1.ObjectMeta{Namespace: sealedNamespace, Name: name},
			Spec:       sealedv1.SealedSecretSpec{EncryptedData: sealedv1.EncryptedData{"value": text}},
		}
		if err := l.client.Create(ctx, ss); err != nil {
			return 0, fmt.Errorf("apply a SealedSecret: %w", err)
		}
	}
	return bare, nil
}

// sealedTurn starts the operator, waits until every Secret exists and every
// status says so, and stops it.
func (l *lab) sealedTurn(ctx context.Context) (res sealedTurn, err error) {
	run, err := l.coldStart(ctx, awaited{
		kind: corev1.SchemeGroupVersion.WithResource("secrets"), n: sealedObjects,
		counts: func(s sight) bool { return s.Namespace == sealedNamespace },
	})
	if err != nil {
		return res, err
	}
	defer run.stop()
	res.first, res.last, res.used, res.requests = run.first, run.last, run.used, run.requests
	var list sealedv1.SealedSecretList
	if err := l.client.List(ctx, &list, client.InNamespace(sealedNamespace)); err != nil {
		return res, err
	}
	for i := range list.Items {
		if c := list.Items[i].Status.Conditions; len(c) != 1 || c[0].Status != "True" {
			return res, errors.New("SealedSecret " + list.Items[i].Name + " does not say that it is synced")
		}
	}
	res.rss, res.peak, err = run.op.memory()
	return res, run.op.explain(err)
}
