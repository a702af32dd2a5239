package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
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
	// Of those that rollouts look at, beside the Secrets.
	bystanderWorkloads = 5_000
)

// bystanderResult is what they cost.
type bystanderResult struct {
	none, first, second int64 // own memory beside none of them, half, and all
	more                int64 // beside ConfigMaps and Deployments too
	peak                int64 // of the start beside half
	start               usage
}

// bystanders measures what Secrets cost that are not ours.
func bystanders(ctx context.Context, l *lab, res *result) error {
	const namespace = "others"
	if err := l.namespace(ctx, namespace); err != nil {
		return err
	}
	var got bystanderResult
	alone, err := l.startOperator(ctx)
	if err != nil {
		return err
	}
	got.none, err = alone.settled(ctx)
	alone.stop()
	if err != nil {
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
	if got.first, err = op.settled(ctx); err != nil {
		return err
	}
	got.start, got.peak = begin.until(), op.peak.Load()
	say("  creating %d more", bystanderCount)
	if err := l.others(ctx, namespace, "second"); err != nil {
		return err
	}
	if got.second, err = op.settled(ctx); err != nil {
		return err
	}
	say("  creating %d ConfigMaps and %d Deployments", bystanderCount, bystanderWorkloads)
	if err := l.otherKinds(ctx, namespace); err != nil {
		return err
	}
	if got.more, err = op.settled(ctx); err != nil {
		return err
	}
	res.bystanders(got)
	return nil
}

// settled is the operator's own memory after a while.
func (o *operator) settled(ctx context.Context) (int64, error) {
	if err := pause(ctx, bystanderSettle); err != nil {
		return 0, err
	}
	rss, _, err := o.memory()
	return rss, o.explain(err)
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

// otherKinds creates ConfigMaps of the same size, and Deployments that use some
// of them and ask for nothing.
func (l *lab) otherKinds(ctx context.Context, namespace string) error {
	err := parallel(ctx, bystanderCount, func(ctx context.Context, i int) error {
		_, err := l.core.ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Name:   fmt.Sprintf("other-%05d", i),
				Labels: map[string]string{"app.kubernetes.io/name": "other", "app.kubernetes.io/managed-by": "Helm"},
			},
			Data: map[string]string{"data": strings.Repeat("x", bystanderSize)},
		}, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("create a bystander: %w", err)
	}
	return parallel(ctx, bystanderWorkloads, func(ctx context.Context, i int) error {
		d := deployment(fmt.Sprintf("other-%05d", i))
		d.Namespace, d.Annotations = namespace, nil
		if err := l.client.Create(ctx, d); err != nil {
			return fmt.Errorf("create a bystander: %w", err)
		}
		return nil
	})
}
