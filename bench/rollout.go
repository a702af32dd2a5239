package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// What restarts, and how often.
const (
	rollWorkloads = 50
	rollNamespace = "apps"
	// rollRounds are how often each Deployment's own Secret changes.
	rollRounds = 4
	// rollShared Secrets are used by all Deployments.
	rollShared = 5
	// rollRecord is where a workload says what it runs with.
	rollRecord = "tacit.dev/rolled-out"
)

// rollResult is what restarts took.
type rollResult struct {
	known time.Duration // until every workload was recorded, from process start
	// own is each single change, until its workload was patched.
	own []time.Duration
	// shared is one change that concerns all, until the first and the last
	// were patched; burst is several at once.
	sharedFirst, sharedLast, burstLast time.Duration
	// rollouts that there were, and should have been.
	ownGot, sharedGot, burstGot, ownWant, each int64
	start, singles                             map[testkit.Request]int
	startUsed, singleUsed                      usage
	rss, peak                                  int64
}

// rollouts measures the time from a change of a Secret to the patched pod
// template. The limit on rollouts a minute is off: it would be what is measured.
func rollouts(ctx context.Context, l *lab, res *result) error {
	if err := l.deploy(ctx); err != nil {
		return err
	}
	run, err := l.coldStart(ctx, awaited{
		kind: appsv1.SchemeGroupVersion.WithResource("deployments"), n: rollWorkloads,
		counts: func(s sight) bool { return s.Annotations[rollRecord] != "" },
	}, "--rollouts-per-minute=-1")
	if err != nil {
		return err
	}
	defer run.stop()
	op := run.op
	got := rollResult{ownWant: rollWorkloads * rollRounds, each: rollWorkloads,
		known: run.last, startUsed: run.used, start: run.requests}
	r := roller{lab: l, op: op, seen: run.seen, got: &got}
	for _, step := range []func(context.Context) error{r.singles, r.one, r.burst} {
		if err := step(ctx); err != nil {
			return op.explain(err)
		}
	}
	if got.rss, got.peak, err = op.memory(); err != nil {
		return op.explain(err)
	}
	res.rollouts(got)
	return nil
}

func app(i int) string    { return fmt.Sprintf("app-%03d", i) }
func shared(i int) string { return fmt.Sprintf("shared-%d", i) }

// deploy creates the Secrets, and the Deployments that use them: each has
// variables of its own one and of one that all use, and mounts the others.
func (l *lab) deploy(ctx context.Context) error {
	if err := l.namespace(ctx, rollNamespace); err != nil {
		return err
	}
	secret := func(ctx context.Context, name string) error {
		_, err := l.core.Secrets(rollNamespace).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string][]byte{"password": []byte("first")}}, metav1.CreateOptions{})
		return err
	}
	for i := range rollShared {
		if err := secret(ctx, shared(i)); err != nil {
			return err
		}
	}
	return parallel(ctx, rollWorkloads, func(ctx context.Context, i int) error {
		if err := secret(ctx, app(i)); err != nil {
			return err
		}
		return l.client.Create(ctx, deployment(app(i)))
	})
}

func deployment(name string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	variables := func(secret string) corev1.EnvFromSource {
		return corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}}
	}
	pod := corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", Image: "app:1", EnvFrom: []corev1.EnvFromSource{variables(name), variables(shared(0))}}}}
	for i := 1; i < rollShared; i++ {
		pod.Volumes = append(pod.Volumes, corev1.Volume{Name: shared(i),
			VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: shared(i)}}})
		pod.Containers[0].VolumeMounts = append(pod.Containers[0].VolumeMounts, corev1.VolumeMount{Name: shared(i), MountPath: "/" + shared(i)})
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: rollNamespace, Name: name, Annotations: map[string]string{"reloader.stakater.com/auto": "true"}},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod},
		},
	}
}

// roller changes Secrets, and sees Deployments follow.
type roller struct {
	*lab
	op   *operator
	seen *sights
	got  *rollResult
	n    int // changes so far
}

// change gives a Secret another value.
func (r *roller) change(ctx context.Context, name string) error {
	r.n++
	return r.write(ctx, name, r.n)
}

func (r *roller) write(ctx context.Context, name string, n int) error {
	body := fmt.Appendf(nil, `{"stringData":{"password":"changed-%d"}}`, n)
	_, err := r.core.Secrets(rollNamespace).Patch(ctx, name, types.MergePatchType, body, metav1.PatchOptions{})
	return err
}

// singles changes the Deployments' own Secrets, one after the other.
func (r *roller) singles(ctx context.Context) error {
	before, err := r.plane.Requests(ctx)
	if err != nil {
		return err
	}
	was, err := r.generations(ctx)
	if err != nil {
		return err
	}
	begin := r.readClock(r.op)
	for round := range int64(rollRounds) {
		for i := range rollWorkloads {
			at := time.Now()
			if err := r.change(ctx, app(i)); err != nil {
				return err
			}
			_, last, err := r.seen.until(ctx, 1, r.op.done, func(s sight) bool {
				return s.Name == app(i) && s.Generation > was[app(i)]+round
			})
			if err != nil {
				return err
			}
			r.got.own = append(r.got.own, last.Sub(at))
		}
	}
	r.got.singleUsed = begin.until()
	if r.got.ownGot, err = r.rolled(ctx, was); err != nil {
		return err
	}
	r.got.singles, err = r.since(ctx, before, 0)
	r.got.singles[testkit.Request{Verb: "LIST", Resource: "deployments"}] -= 2 // the meter's own
	return err
}

// one changes a Secret that all Deployments use.
func (r *roller) one(ctx context.Context) error {
	was, err := r.generations(ctx)
	if err != nil {
		return err
	}
	at := time.Now()
	if err := r.change(ctx, shared(0)); err != nil {
		return err
	}
	first, last, err := r.all(ctx, was)
	if err != nil {
		return err
	}
	r.got.sharedFirst, r.got.sharedLast = first.Sub(at), last.Sub(at)
	r.got.sharedGot, err = r.rolled(ctx, was)
	return err
}

// burst changes all that they share at once, each Secret twice.
func (r *roller) burst(ctx context.Context) error {
	was, err := r.generations(ctx)
	if err != nil {
		return err
	}
	at := time.Now()
	err = parallel(ctx, 2*rollShared, func(ctx context.Context, i int) error { return r.write(ctx, shared(i%rollShared), -i) })
	if err != nil {
		return err
	}
	_, last, err := r.all(ctx, was)
	if err != nil {
		return err
	}
	r.got.burstLast = last.Sub(at)
	r.got.burstGot, err = r.rolled(ctx, was)
	return err
}

func (r *roller) all(ctx context.Context, was map[string]int64) (first, last time.Time, err error) {
	return r.seen.until(ctx, rollWorkloads, r.op.done, func(s sight) bool { return s.Generation > was[s.Name] })
}

// rolled is how many rollouts there were since, once there are no more. A
// Deployment's generation counts the changes of its pod template: nobody
// changes the rest.
func (r *roller) rolled(ctx context.Context, was map[string]int64) (n int64, err error) {
	if err := pause(ctx, quietAfter); err != nil {
		return 0, err
	}
	now, err := r.generations(ctx)
	for name, g := range now {
		n += g - was[name]
	}
	return n, err
}

func (r *roller) generations(ctx context.Context) (map[string]int64, error) {
	var list appsv1.DeploymentList
	if err := r.client.List(ctx, &list); err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for i := range list.Items {
		out[list.Items[i].Name] = list.Items[i].Generation
	}
	return out, nil
}
