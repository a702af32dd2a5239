package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	mirrorsv1 "github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// What is copied, and to where.
const (
	fanNamespaces = 300
	fanHome       = "home"
	fanSource     = "shared"
	fanChanges    = 5
)

// fanResult is a turn of the operator and what it cost.
type fanResult struct {
	first, last time.Duration // until a copy existed, from process start
	used        usage         // until the last did
	start       map[testkit.Request]int
	// each change, until the last copy had it; and all of them together
	changes    []time.Duration
	changed    map[testkit.Request]int
	changeUsed usage
	// newcomer is how long a new namespace waited for its copy.
	newcomer  time.Duration
	rss, peak int64
}

// fanout measures one Secret that goes to many namespaces, between two turns
// of the bare writer. A SecretMirror asks for it, else annotations do.
func fanout(mirror bool) func(context.Context, *lab, *result) error {
	return func(ctx context.Context, l *lab, res *result) error {
		for _, name := range []string{fanHome, "sample"} {
			if err := l.namespace(ctx, name); err != nil {
				return err
			}
		}
		err := parallel(ctx, fanNamespaces, func(ctx context.Context, i int) error { return l.namespace(ctx, team(i)) })
		if err != nil {
			return fmt.Errorf("make the namespaces: %w", err)
		}
		p, err := l.learnCopy(ctx, mirror)
		if err != nil {
			return fmt.Errorf("one copy to begin with: %w", err)
		}
		say("  the bare writer, before")
		before, err := l.bareFan(ctx, "bare-before", p)
		if err != nil {
			return err
		}
		say("  tacit")
		got, err := l.fanTurn(ctx, mirror)
		if err != nil {
			return err
		}
		say("  the bare writer, after")
		after, err := l.bareFan(ctx, "bare-after", p)
		if err != nil {
			return err
		}
		res.fanout(before, got, after)
		return nil
	}
}

func team(i int) string { return fmt.Sprintf("team-%04d", i) }

// ask makes the source and has it copied to the namespaces of a pattern.
func (l *lab) ask(ctx context.Context, mirror bool, pattern string) error {
	source := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: fanHome, Name: fanSource, Labels: map[string]string{"app.kubernetes.io/part-of": "bench"}},
		Data: map[string][]byte{"username": []byte("user"), "password": []byte(strings.Repeat("p", 32)),
			"url": []byte("postgres://db.example.com:5432/app?sslmode=verify-full")},
	}
	if mirror {
		return errors.Join(l.client.Create(ctx, source), l.client.Create(ctx, &mirrorsv1.SecretMirror{
			ObjectMeta: metav1.ObjectMeta{Namespace: fanHome, Name: fanSource},
			Spec:       mirrorsv1.SecretMirrorSpec{Destination: mirrorsv1.SecretMirrorDestination{Namespaces: []string{pattern}}},
		}))
	}
	const prefix = "reflector.v1.k8s.emberstack.com/"
	source.Annotations = map[string]string{prefix + "reflection-allowed": "true",
		prefix + "reflection-allowed-namespaces": pattern, prefix + "reflection-auto-enabled": "true"}
	return l.client.Create(ctx, source)
}

// unask takes both back, and waits until the operator has.
func (l *lab) unask(ctx context.Context, mirror bool, namespace string) error {
	all := []client.Object{&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: fanHome, Name: fanSource}}}
	if mirror {
		all = append(all, &mirrorsv1.SecretMirror{ObjectMeta: metav1.ObjectMeta{Namespace: fanHome, Name: fanSource}})
	}
	for i := range all {
		// The SecretMirror first: without its source it would keep the copies.
		if err := l.client.Delete(ctx, all[len(all)-1-i]); err != nil {
			return err
		}
	}
	all = append(all, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fanSource}})
	for _, obj := range all {
		for err := error(nil); !apierrors.IsNotFound(err); {
			if err = errors.Join(client.IgnoreNotFound(err), pause(ctx, pollEvery)); err != nil {
				return fmt.Errorf("wait for %s %s/%s to go: %w", obj.GetObjectKind().GroupVersionKind().Kind, obj.GetNamespace(), obj.GetName(), err)
			}
			err = l.client.Get(ctx, client.ObjectKeyFromObject(obj), obj)
		}
	}
	return nil
}

// isCopy tells the copies from their source.
func isCopy(s sight) bool { return s.Namespace != fanHome }

// learnCopy lets the operator make one copy and take it back, and returns what
// it wrote.
func (l *lab) learnCopy(ctx context.Context, mirror bool) (*corev1.Secret, error) {
	const namespace = "sample"
	seen, err := l.watch(ctx, corev1.SchemeGroupVersion.WithResource("secrets"), fanSource)
	if err != nil {
		return nil, err
	}
	defer seen.stop()
	if err := l.ask(ctx, mirror, namespace); err != nil {
		return nil, err
	}
	op, err := l.startOperator(ctx)
	if err != nil {
		return nil, err
	}
	defer op.stop()
	if _, _, err := seen.until(ctx, 1, op.done, isCopy); err != nil {
		return nil, op.explain(err)
	}
	p, err := l.core.Secrets(namespace).Get(ctx, fanSource, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return p, op.explain(l.unask(ctx, mirror, namespace))
}

// fanTurn starts the operator on a source that is there, and stops it when
// everything has been measured.
func (l *lab) fanTurn(ctx context.Context, mirror bool) (res fanResult, err error) {
	if err := l.ask(ctx, mirror, "team-.*"); err != nil {
		return res, err
	}
	run, err := l.coldStart(ctx, awaited{kind: corev1.SchemeGroupVersion.WithResource("secrets"), name: fanSource, n: fanNamespaces, counts: isCopy})
	if err != nil {
		return res, err
	}
	defer run.stop()
	op, seen := run.op, run.seen
	res.first, res.last, res.used, res.start = run.first, run.last, run.used, run.requests
	if err := l.fanChanges(ctx, op, seen, &res); err != nil {
		return res, op.explain(err)
	}
	at := time.Now()
	if err := l.namespace(ctx, "team-newcomer"); err != nil {
		return res, err
	}
	_, last, err := seen.until(ctx, 1, op.done, func(s sight) bool { return s.Namespace == "team-newcomer" })
	if err != nil {
		return res, op.explain(err)
	}
	res.newcomer = last.Sub(at)
	res.rss, res.peak, err = op.memory()
	return res, op.explain(err)
}

// fanChanges changes the source some times, and checks that in the end all
// copies hold what it does.
func (l *lab) fanChanges(ctx context.Context, op *operator, seen *sights, res *fanResult) error {
	before, err := l.plane.Requests(ctx)
	if err != nil {
		return err
	}
	source, err := l.core.Secrets(fanHome).Get(ctx, fanSource, metav1.GetOptions{})
	if err != nil {
		return err
	}
	begin := l.readClock(op)
	for i := range fanChanges {
		source.Data["password"] = []byte(fmt.Sprintf("changed-%026d", i))
		at := time.Now()
		if source, err = l.core.Secrets(fanHome).Update(ctx, source, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("change the source: %w", err)
		}
		_, last, err := seen.until(ctx, fanNamespaces, op.done, func(s sight) bool {
			return isCopy(s) && newer(s.ResourceVersion, source.ResourceVersion)
		})
		if err != nil {
			return err
		}
		res.changes = append(res.changes, last.Sub(at))
		if err := pause(ctx, quietAfter); err != nil {
			return err
		}
	}
	res.changeUsed = begin.until()
	if res.changed, err = l.since(ctx, before, 0); err != nil {
		return err
	}
	res.changed[testkit.Request{Verb: "GET", Resource: "secrets"}]-- // the meter's own
	for i := range fanNamespaces {
		got, err := l.core.Secrets(team(i)).Get(ctx, fanSource, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if !bytes.Equal(got.Data["password"], source.Data["password"]) {
			return fmt.Errorf("the copy in namespace %s was left behind", team(i))
		}
	}
	return nil
}

// newer reports that version a came after b.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}
