package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	dopplerv1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// restart is the second half of the tour: from Doppler to a Deployment that
// runs anew.
type restart struct {
	*tour
	hello *hello
	view  *view

	mu sync.Mutex
	// changed and patched are when the watch last saw another Secret, and
	// another pod template.
	changed, patched time.Time
}

// What is in Doppler: a project with a config, and in that a value.
const (
	project, config = "hello", "dev"
	shownInDoppler  = "DB_URL"
	firstInDoppler  = "psql://elon@localhost/modelX"
	secondInDoppler = "psql://me@127.0.0.1/reload"
)

func newRestart(t *tour) (*restart, error) {
	h, err := readHello(filepath.Join(t.root, "examples", "doppler"))
	return &restart{tour: t, hello: h}, err
}

func (r *restart) stops() []func(context.Context) error {
	return []func(context.Context) error{r.start, r.apply, r.listing, r.change}
}

// start starts Doppler and watches what is to come.
func (r *restart) start(ctx context.Context) error {
	r.say("\n%s\n", r.paint(bold, "And from Doppler to a Deployment that restarts"))
	end := r.step("Doppler")
	if err := end(r.startClouds(ctx)); err != nil {
		return err
	}
	var err error
	r.view, err = watch(ctx, r.plane.Config(), r.tell, []client.Object{
		&corev1.Secret{}, &dopplerv1.DopplerSecret{}, &appsv1.Deployment{}, &appsv1.ReplicaSet{},
	}, r.hello.deployment.Namespace, r.hello.secret.Namespace)
	return err
}

// tell notes what the watch saw.
func (r *restart) tell(before, after client.Object) {
	now := time.Now()
	switch obj := after.(type) {
	case *corev1.Secret:
		old, _ := before.(*corev1.Secret)
		if client.ObjectKeyFromObject(obj) == r.hello.target() && content(old) != content(obj) {
			r.note(&r.changed, now)
			r.event(now, "Secret/%s holds %s", obj.Name, content(obj))
		}
	case *appsv1.Deployment:
		old, _ := before.(*appsv1.Deployment)
		if old != nil && client.ObjectKeyFromObject(obj) == r.hello.server() && !equality.Semantic.DeepEqual(old.Spec.Template, obj.Spec.Template) {
			r.note(&r.patched, now)
			r.event(now, "Deployment/%s has another pod template", obj.Name)
		}
	case *appsv1.ReplicaSet:
		if before == nil {
			r.event(now, "ReplicaSet/%s is there", obj.Name)
		}
	}
}

func (r *restart) note(at *time.Time, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*at = now
}

// apply applies the example, and waits until the Deployment is known to run
// with the Secret.
func (r *restart) apply(ctx context.Context) error {
	token, err := r.clouds.Doppler.Config(ctx, project, config, map[string]string{shownInDoppler: firstInDoppler})
	if err != nil {
		return fmt.Errorf("write the example's config to Doppler: %w", err)
	}
	dir := r.file("doppler")
	replaced, err := r.hello.adapt(dir, r.hello.fields(r.clouds.Doppler.Addr, token)...)
	if err != nil {
		return err
	}
	r.say("\nDoppler holds %s=%s in the config %s of the project %s", shownInDoppler, firstInDoppler, config, project)
	r.say("kubectl apply -f examples/doppler/, with this Doppler's")
	for _, field := range replaced {
		r.say("  %s", field)
	}
	r.show(r.table(ctx))
	end := r.step("applied, until the Deployment runs with the Secret")
	if _, err := r.kubectl(ctx, "", "apply", "-f", dir); err != nil {
		return end(err)
	}
	return end(r.view.until(ctx, patience, func(ctx context.Context) error {
		return errors.Join(r.holds(ctx, firstInDoppler), r.runs(ctx, 1))
	}))
}

// listing shows what a user sees who asks.
func (r *restart) listing(ctx context.Context) error {
	var out string
	at := r.hello.object()
	err := r.view.until(ctx, patience, func(ctx context.Context) (err error) {
		out, err = r.kubectl(ctx, "", "get", "dopplersecret", at.Name, "--namespace", at.Namespace)
		if err == nil && !(strings.Contains(out, "True") && strings.Contains(out, "OK")) {
			err = errors.New("the DopplerSecret is not shown as True and OK:\n" + out)
		}
		return err
	})
	if err != nil {
		return err
	}
	r.say("\n%s\n%s", r.paint(dim, "$ kubectl get dopplersecret "+at.Name+" --namespace "+at.Namespace), strings.TrimSpace(out))
	return nil
}

// change changes the value in Doppler, and waits for the Secret and for the
// new ReplicaSet.
func (r *restart) change(ctx context.Context) error {
	at := r.hello.object()
	const often = `{"spec":{"resyncSeconds":1}}`
	patch := []string{"patch", "dopplersecret", at.Name, "--namespace", at.Namespace, "--type", "merge", "--patch"}
	r.say("\nDoppler is looked at every minute, as the example leaves it; here every second:\n%s",
		r.paint(dim, "$ kubectl "+strings.Join(patch, " ")+" '"+often+"'"))
	if _, err := r.kubectl(ctx, "", append(patch, often)...); err != nil {
		return err
	}
	r.note(&r.changed, time.Time{})
	r.note(&r.patched, time.Time{})
	if err := r.clouds.Doppler.Set(ctx, project, config, shownInDoppler, secondInDoppler); err != nil {
		return fmt.Errorf("change the value in Doppler: %w", err)
	}
	r.say("Doppler holds another %s now", shownInDoppler)
	err := r.step("changed in Doppler, until it is in the Secret")(r.view.until(ctx, patience, func(ctx context.Context) error {
		return r.holds(ctx, secondInDoppler)
	}))
	if err != nil {
		return err
	}
	err = r.step("changed in the Secret, until there is a new ReplicaSet")(r.view.until(ctx, patience, func(ctx context.Context) error {
		_, err := r.took()
		return errors.Join(r.runs(ctx, 2), err)
	}))
	if err != nil {
		return err
	}
	took, err := r.took()
	if err != nil {
		return err
	}
	r.say("%s", r.paint(bold, "From the Secret's change to the patched pod template: "+seconds(took)))
	return nil
}

// took is the time from the Secret's change to the patched pod template, once
// both were seen. They come by two watches: what was later may be seen first.
func (r *restart) took() (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed.IsZero() || r.patched.IsZero() {
		return 0, fmt.Errorf("Deployment %s has not been seen with another pod template", r.hello.server().Name)
	}
	return max(r.patched.Sub(r.changed), 0), nil
}

// invite says what can be tried from another terminal.
func (r *restart) invite(ctx context.Context) error {
	doppler, server := r.clouds.Doppler, r.hello.server()
	token, err := doppler.Token(ctx, testkit.DopplerToken{Type: "service_token", Project: project, Config: config, Write: true})
	if err != nil {
		return fmt.Errorf("make a token for you: %w", err)
	}
	r.say(`
  curl -su %s: -H 'Content-Type: application/json' -d '{"secrets":{"%s":"yours"}}' %s/v3/configs/config/secrets   # restarts
  kubectl get replicasets --namespace %s --selector app=%s --watch`,
		token, shownInDoppler, doppler.Addr, server.Namespace, server.Name)
	return nil
}
