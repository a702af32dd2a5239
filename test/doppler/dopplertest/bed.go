// Package dopplertest is what the tests with the sandbox's Doppler share.
package dopplertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	dopplerv1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// The conditions, and the message of success.
const (
	SyncReady   = "secrets.doppler.com/SecretSyncReady"
	ReloadReady = "secrets.doppler.com/DeploymentReloadReady"

	Syncing = "Controller is continuously syncing secrets"
)

// Home is the operator's own namespace.
const Home = "doppler-operator-system"

// Bed is a namespace, and a project of Doppler's of the same name with the
// config "prd", whose service token is in the Secret "token".
type Bed struct {
	*operatortest.Bed
	Doppler *testkit.Doppler
	Token   string
}

// NewBed makes the project and the token Secret in the bed.
func NewBed(t *testing.T, bed *operatortest.Bed, secrets map[string]string) Bed {
	t.Helper()
	b := Bed{Bed: bed, Doppler: testkit.SharedClouds(t).Doppler}
	var err error
	b.Token, err = b.Doppler.Config(t.Context(), b.NS, "prd", secrets)
	b.Must(err)
	b.Keep("token", "serviceToken", b.Token)
	return b
}

// Keep writes a Secret with credentials.
func (b Bed) Keep(name string, pairs ...string) {
	b.T.Helper()
	b.Apply("{apiVersion: v1, kind: Secret, metadata: {name: " + name + "}, stringData: {" + yamlPairs(pairs) + "}}")
}

func yamlPairs(pairs []string) string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, fmt.Sprintf("%s: %q", pairs[i], pairs[i+1]))
	}
	return strings.Join(out, ", ")
}

// DS applies a DopplerSecret of the Secret that is called like it, with more
// of a spec; a later entry for the same field wins.
func (b Bed) DS(name string, spec ...string) {
	b.T.Helper()
	b.Apply(Manifest(name, b.NS, spec...))
}

// Manifest is a DopplerSecret that looks at Doppler every second.
func Manifest(name, namespace string, spec ...string) string {
	fields := map[string]string{
		"host": "$DOPPLER", "tokenSecret": "{name: token}", "managedSecret": "{name: " + name + "}", "resyncSeconds": "1",
	}
	for _, s := range spec {
		k, v, _ := strings.Cut(s, ": ")
		if v == "none" {
			delete(fields, k)
			continue
		}
		fields[k] = v
	}
	text := "apiVersion: secrets.doppler.com/v1alpha1\nkind: DopplerSecret\nmetadata: {name: " + name + ", namespace: " + namespace + "}\nspec:\n"
	for k, v := range maps.All(fields) {
		text += "  " + k + ": " + v + "\n"
	}
	return text
}

// Must fails the test on an error.
func (b Bed) Must(err error) {
	b.T.Helper()
	if err != nil {
		b.T.Fatal(err)
	}
}

// Set changes a value in Doppler.
func (b Bed) Set(name, value string) {
	b.T.Helper()
	b.Must(b.Doppler.Set(b.T.Context(), b.NS, "prd", name, value))
}

// DopplerSecret returns the DopplerSecret.
func (b Bed) DopplerSecret(name string) *dopplerv1.DopplerSecret {
	b.T.Helper()
	return b.DopplerSecretIn(b.NS, name)
}

// DopplerSecretIn is that of another namespace.
func (b Bed) DopplerSecretIn(namespace, name string) *dopplerv1.DopplerSecret {
	b.T.Helper()
	ds := &dopplerv1.DopplerSecret{}
	b.Must(b.Get(b.T.Context(), types.NamespacedName{Namespace: namespace, Name: name}, ds))
	return ds
}

// SecretIn returns a Secret, or nil if there is none.
func (b Bed) SecretIn(namespace, name string) *corev1.Secret {
	b.T.Helper()
	s := &corev1.Secret{}
	err := b.Get(b.T.Context(), types.NamespacedName{Namespace: namespace, Name: name}, s)
	if apierrors.IsNotFound(err) {
		return nil
	}
	b.Must(err)
	return s
}

// Carries waits until the Secret has exactly these pairs, beside what every
// config has.
func (b Bed) Carries(name string, pairs ...string) *corev1.Secret {
	b.T.Helper()
	return b.CarriesIn(b.NS, name, pairs...)
}

// CarriesIn is Carries in another namespace.
func (b Bed) CarriesIn(namespace, name string, pairs ...string) *corev1.Secret {
	b.T.Helper()
	want := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		want[pairs[i]] = pairs[i+1]
	}
	var s *corev1.Secret
	b.Eventually(func() error {
		if s = b.SecretIn(namespace, name); s == nil {
			return fmt.Errorf("no Secret %s; %s", name, b.Conditions())
		}
		got := map[string]string{}
		for k, v := range s.Data {
			if _, wanted := want[k]; wanted || k != "DOPPLER_PROJECT" && k != "DOPPLER_CONFIG" && k != "DOPPLER_ENVIRONMENT" {
				got[k] = string(v)
			}
		}
		if !maps.Equal(got, want) {
			return fmt.Errorf("Secret %s holds %v, want %v; %s", name, got, want, b.Conditions())
		}
		return nil
	})
	return s
}

// Conditions tells those of all DopplerSecrets, for messages.
func (b Bed) Conditions() string {
	list := &dopplerv1.DopplerSecretList{}
	_ = b.List(b.T.Context(), list)
	var all []string
	for _, ds := range list.Items {
		if ds.Namespace != b.NS && ds.Namespace != Home {
			continue
		}
		for _, c := range ds.Status.Conditions {
			all = append(all, fmt.Sprintf("%s: %s %s %s: %s", ds.Name, c.Type, c.Status, c.Reason, c.Message))
		}
	}
	return strings.Join(all, "; ")
}

// Says waits until the condition of an object, as it is now, has this status
// and reason, and a message with all the parts.
func (b Bed) Says(name, kind string, status metav1.ConditionStatus, reason string, parts ...string) string {
	b.T.Helper()
	return b.SaysIn(b.NS, name, kind, status, reason, parts...)
}

// SaysIn is Says in another namespace. It returns the message.
func (b Bed) SaysIn(namespace, name, kind string, status metav1.ConditionStatus, reason string, parts ...string) (message string) {
	b.T.Helper()
	b.Eventually(func() error {
		ds := b.DopplerSecretIn(namespace, name)
		c := meta.FindStatusCondition(ds.Status.Conditions, kind)
		if c == nil {
			return fmt.Errorf("%s has no condition %s; %s", name, kind, b.Conditions())
		}
		ok := c.Status == status && c.Reason == reason && c.ObservedGeneration == ds.Generation
		for _, p := range parts {
			ok = ok && strings.Contains(c.Message, p)
		}
		if !ok {
			return fmt.Errorf("%s is %s %s: %q, want %s %s %q", name, c.Status, c.Reason, c.Message, status, reason, parts)
		}
		message = c.Message
		return nil
	})
	return message
}

// InSync waits for success.
func (b Bed) InSync(name string, parts ...string) {
	b.T.Helper()
	b.Says(name, SyncReady, metav1.ConditionTrue, "OK", append(parts, Syncing)...)
}

// Broken waits for a failure, in both conditions.
func (b Bed) Broken(name string, parts ...string) (message string) {
	b.T.Helper()
	return b.BrokenIn(b.NS, name, parts...)
}

// BrokenIn is Broken in another namespace.
func (b Bed) BrokenIn(namespace, name string, parts ...string) (message string) {
	b.T.Helper()
	message = b.SaysIn(namespace, name, SyncReady, metav1.ConditionFalse, "Error", append(parts, "Secret update failed: ")...)
	b.SaysIn(namespace, name, ReloadReady, metav1.ConditionFalse, "Stopped", "Deployment reload has been stopped due to secrets sync failure")
	return message
}

// Requests are those about the project that have this path and status; 0 is
// any.
func (b Bed) Requests(path string, status int) int {
	b.T.Helper()
	all, err := b.Doppler.Requests(b.T.Context(), b.NS)
	b.Must(err)
	n := 0
	for _, r := range all {
		if strings.HasPrefix(r.Path, path) && (status == 0 || r.Status == status) {
			n++
		}
	}
	return n
}

// Download is where configs are read.
const Download = "/v3/configs/config/secrets/download"

// Polled waits until Doppler was asked so often more, and found unchanged.
func (b Bed) Polled(times int) {
	b.T.Helper()
	before := b.Requests(Download, http.StatusNotModified)
	b.Eventually(func() error {
		if n := b.Requests(Download, http.StatusNotModified) - before; n < times {
			return fmt.Errorf("only %d of %d looks at Doppler; %s", n, times, b.Conditions())
		}
		return nil
	})
}

// Stays fails the test if the Secret is not as it was.
func (b Bed) Stays(was *corev1.Secret) {
	b.T.Helper()
	got := b.SecretIn(was.Namespace, was.Name)
	if got == nil || got.UID != was.UID || got.ResourceVersion != was.ResourceVersion {
		b.T.Fatalf("Secret %s changed\nfrom %v\nto   %v", was.Name, was, got)
	}
}

// GoneIn waits until there is no Secret of that name.
func (b Bed) GoneIn(namespace, name string) {
	b.T.Helper()
	b.Eventually(func() error {
		if b.SecretIn(namespace, name) != nil {
			return fmt.Errorf("Secret %s is still there; %s", name, b.Conditions())
		}
		return nil
	})
}

// Left waits until the DopplerSecret is no more.
func (b Bed) Left(namespace, name string) {
	b.T.Helper()
	b.Eventually(func() error {
		err := b.Get(b.T.Context(), types.NamespacedName{Namespace: namespace, Name: name}, &dopplerv1.DopplerSecret{})
		if err == nil {
			return errors.New("the DopplerSecret is still there; " + b.Conditions())
		}
		return client.IgnoreNotFound(err)
	})
}

// Change patches an object as a user would.
func (b Bed) Change(obj client.Object, by func()) {
	b.T.Helper()
	patch := client.MergeFrom(obj.DeepCopyObject().(client.Object))
	by()
	b.Must(b.Patch(b.T.Context(), obj, patch, client.FieldOwner("somebody")))
}

// Make creates a Secret in the bed as a user would.
func (b Bed) Make(s *corev1.Secret) *corev1.Secret {
	b.T.Helper()
	s.Namespace = b.NS
	b.Must(b.Create(b.T.Context(), s, client.FieldOwner("somebody")))
	return s
}

// WithHome makes sure that the operator's namespace is there, with what is
// needed to log in from it.
func (b Bed) WithHome() {
	b.T.Helper()
	for _, obj := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Home}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: Home, Name: "doppler-operator-controller-manager"}},
	} {
		if err := b.Create(b.T.Context(), obj); err != nil && !apierrors.IsAlreadyExists(err) {
			b.T.Fatal(err)
		}
	}
}

// AtHome applies a DopplerSecret in the operator's namespace, which lives as
// long as the test, with its own token Secret.
func (b Bed) AtHome(name string, spec ...string) {
	b.T.Helper()
	b.WithHome()
	b.Apply(fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: %s-token, namespace: %s}, stringData: {serviceToken: %s}}", name, Home, b.Token))
	b.Apply(Manifest(name, Home, append([]string{"tokenSecret: {name: " + name + "-token}"}, spec...)...))
	b.T.Cleanup(func() {
		_ = b.Delete(context.Background(), &dopplerv1.DopplerSecret{ObjectMeta: metav1.ObjectMeta{Namespace: Home, Name: name}})
	})
}
