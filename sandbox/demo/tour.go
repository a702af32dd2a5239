package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
)

// tour leads along the road. Each stop shows one thing and fails if it is not
// as it should be.
type tour struct {
	*sandbox
	*screen
	example *example
	view    *view
	client  client.Client

	// key and fields are the secret in Vault as the tour wrote it last.
	key    string
	fields map[string]any
	// shown is the field that the tour changes.
	shown string
}

func newTour(ctx context.Context, b *sandbox, s *screen) (*tour, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	t := &tour{sandbox: b, screen: s, fields: map[string]any{}}
	if t.client, err = client.New(b.plane.Config(), client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	if t.example, err = readExample(filepath.Join(b.root, "examples", "quickstart")); err != nil {
		return nil, err
	}
	var properties []string
	if t.key, properties, err = t.example.remote(); err != nil {
		return nil, err
	}
	for _, property := range properties {
		t.fields[property] = "example-" + property
		t.shown = property
	}
	// For those who follow the invitation.
	if _, err := b.kubectl(ctx, "", "config", "set-context", "--current", "--namespace="+t.example.namespace()); err != nil {
		return nil, err
	}
	t.view, err = watch(ctx, b.plane.Config(), t.tell, []client.Object{
		&corev1.Secret{}, &esv1.SecretStore{}, &esv1.ExternalSecret{},
	}, t.example.namespace())
	return t, err
}

// tell notes a Secret whose data the watch saw change.
func (t *tour) tell(before, after client.Object) {
	old, _ := before.(*corev1.Secret)
	secret, ok := after.(*corev1.Secret)
	if !ok || client.ObjectKeyFromObject(secret) != t.target() || content(old) == content(secret) {
		return
	}
	t.event(time.Now(), "Secret/%s holds %s", secret.Name, content(secret))
}

// event says what the watch saw, and when.
func (t *tour) event(at time.Time, format string, args ...any) {
	line := "  " + at.Format("15:04:05.000") + "  " + t.paint(bold, fmt.Sprintf(format, args...))
	if t.live { // all of it stands in the table
		width, _ := t.size()
		line = fit(line, width)
	}
	t.say("%s", line)
}

func (t *tour) stops() []func(context.Context) error {
	return []func(context.Context) error{t.apply, t.listing, t.change, t.drift}
}

// apply applies the example and waits for the Secret.
func (t *tour) apply(ctx context.Context) error {
	if err := t.vault.Put(ctx, t.key, t.fields); err != nil {
		return fmt.Errorf("write the example's secret to Vault: %w", err)
	}
	dir := t.file("quickstart")
	replaced, err := t.example.adapt(dir, t.example.fields(t.vault.Addr, t.vault.RootToken)...)
	if err != nil {
		return err
	}
	t.say("\nVault holds secret/%s: %s", t.key, t.json())
	t.say("kubectl apply -f examples/quickstart/, with this Vault's")
	for _, field := range replaced {
		t.say("  %s", field)
	}
	t.show(t.table(ctx))
	end := t.step("applied, until the Secret is there")
	if _, err := t.kubectl(ctx, "", "apply", "-f", dir); err != nil {
		return end(err)
	}
	return end(t.arrives(ctx, patience, ""))
}

// table draws the road as it is; once ctx has ended, as it was.
func (t *tour) table(ctx context.Context) func() []string {
	var lines []string
	return func() []string {
		rows, err := t.view.road(ctx, t.example.namespace(), time.Now())
		if err != nil {
			return lines
		}
		lines = t.columns(roadHead, rows)
		var secret corev1.Secret
		if t.view.Get(ctx, t.target(), &secret) == nil {
			lines = append(lines, "", "  "+content(&secret))
		}
		return lines
	}
}

// arrives waits until the Secret holds what Vault does, in a version of it
// that is newer than the one given.
func (t *tour) arrives(ctx context.Context, within time.Duration, after string) error {
	want, _ := t.fields[t.shown].(string)
	return t.view.until(ctx, within, func(ctx context.Context) error {
		var secret corev1.Secret
		if err := t.view.Get(ctx, t.target(), &secret); err != nil {
			return err
		}
		if !newer(secret.ResourceVersion, after) || !strings.Contains(content(&secret), want) {
			return fmt.Errorf("Secret %s does not hold %q", secret.Name, want)
		}
		return nil
	})
}

func newer(version, than string) bool {
	a, errA := strconv.ParseUint(version, 10, 64)
	b, errB := strconv.ParseUint(than, 10, 64)
	return errA != nil || errB != nil || a > b
}

func (t *tour) target() types.NamespacedName {
	return types.NamespacedName{Namespace: t.example.namespace(), Name: t.example.target()}
}

// listing shows what a user sees who asks.
func (t *tour) listing(ctx context.Context) error {
	var out string
	err := t.view.until(ctx, patience, func(ctx context.Context) (err error) {
		out, err = t.kubectl(ctx, "", "get", "externalsecret", t.example.secret.Name, "--namespace", t.example.namespace())
		if err == nil && !(strings.Contains(out, "SecretSynced") && strings.Contains(out, "True")) {
			err = errors.New("the ExternalSecret is not shown as SecretSynced and True:\n" + out)
		}
		return err
	})
	if err != nil {
		return err
	}
	t.say("\n%s\n%s", t.paint(dim, "$ kubectl get externalsecret "+t.example.secret.Name), strings.TrimSpace(out))
	return nil
}

// change changes the value in Vault and waits until it is in the Secret.
func (t *tour) change(ctx context.Context) error {
	t.fields[t.shown] = "changed-in-vault"
	every, err := time.ParseDuration(t.example.secret.Spec.RefreshInterval)
	if err != nil {
		return fmt.Errorf("%s: refreshInterval: %w", t.example.dir, err)
	}
	if err := t.vault.Put(ctx, t.key, t.fields); err != nil {
		return fmt.Errorf("change the secret in Vault: %w", err)
	}
	t.say("\nVault holds another %s now; refreshInterval is %s", t.shown, every)
	return t.step("changed in Vault, until it is in the Secret")(t.arrives(ctx, every+patience, ""))
}

// drift changes the Secret by hand and waits until it is repaired.
func (t *tour) drift(ctx context.Context) error {
	var secret corev1.Secret
	if err := t.view.Get(ctx, t.target(), &secret); err != nil {
		return err
	}
	changed := secret.DeepCopy()
	for key := range changed.Data {
		changed.Data[key] = []byte("changed-by-hand")
	}
	t.say("\nNow somebody changes the Secret by hand")
	if err := t.client.Patch(ctx, changed, client.MergeFrom(&secret)); err != nil {
		return fmt.Errorf("change the Secret: %w", err)
	}
	return t.step("changed by hand, until the Secret is repaired")(t.arrives(ctx, patience, changed.ResourceVersion))
}

func (t *tour) json() string {
	b, err := json.Marshal(t.fields)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// invite says what can be tried from another terminal.
func (t *tour) invite() {
	t.fields[t.shown] = "yours"
	name, secret := t.example.secret.Name, t.example.target()
	t.say(`
%s

  export KUBECONFIG=%s PATH=%s:$PATH
  export VAULT_ADDR=%s VAULT_TOKEN=%s

  kubectl get secretstore,externalsecret,secret
  curl -sH "X-Vault-Token: $VAULT_TOKEN" -d '{"data":%s}' $VAULT_ADDR/v1/secret/data/%s
  kubectl annotate externalsecret %s --overwrite force-sync=$(date +%%s)   # read Vault now
  kubectl patch secret %s -p '{"stringData":{"%s":"mine"}}'   # is repaired
  kubectl delete secret %s   # is made anew
  kubectl describe externalsecret %s
  curl -s http://%s/metrics | grep ^tacit_
  tail -f %s`,
		t.paint(bold, "Try it from another terminal:"),
		t.plane.Kubeconfig(), filepath.Dir(t.plane.KubectlPath()),
		t.vault.Addr, t.vault.RootToken, t.json(), t.key,
		name, secret, t.shown, secret, name, t.operator.metrics, t.operator.logPath)
}
