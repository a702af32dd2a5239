package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What is there and not ours.
const (
	bystanderCount = 10_000
	bystanderSize  = 4 << 10
	// bystanderSettle lets garbage go after the Secrets have come.
	bystanderSettle = 30 * time.Second
)

// bystanders measures what Secrets cost that are not ours.
func bystanders(ctx context.Context, l *lab, res *result) error {
	const namespace = "others"
	if err := l.namespace(ctx, namespace); err != nil {
		return err
	}
	say("  creating %d Secrets", bystanderCount)
	if err := l.others(ctx, namespace, "first"); err != nil {
		return err
	}
	begin := l.readClock(nil)
	op, err := l.startOperator(ctx)
	if err != nil {
		return err
	}
	defer op.stop()
	begin.op = op
	if err := pause(ctx, bystanderSettle); err != nil {
		return err
	}
	start := begin.until()
	first, err := rssAnon(op.pid)
	if err != nil {
		return op.explain(err)
	}
	peak := op.peak.Load()
	say("  creating %d more", bystanderCount)
	if err := l.others(ctx, namespace, "second"); err != nil {
		return err
	}
	if err := pause(ctx, bystanderSettle); err != nil {
		return err
	}
	second, err := rssAnon(op.pid)
	if err != nil {
		return op.explain(err)
	}
	res.bystanders(start, first, peak, second)
	return nil
}

// others creates Secrets as a cluster is full of: some labels, random data.
func (l *lab) others(ctx context.Context, namespace, prefix string) error {
	return parallel(ctx, bystanderCount, func(ctx context.Context, i int) error {
		data := make([]byte, bystanderSize)
		_, _ = rand.Read(data) // never fails
		_, err := l.core.Secrets(namespace).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Name:   fmt.Sprintf("%s-%05d", prefix, i),
				Labels: map[string]string{"app.kubernetes.io/name": "other", "app.kubernetes.io/managed-by": "Helm"},
			},
			Data: map[string][]byte{"data": data},
		}, metav1.CreateOptions{})
		if err != nil {
			return errors.Join(errors.New("create a bystander"), err)
		}
		return nil
	})
}
