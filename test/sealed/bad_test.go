package sealed_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

func keyOf(obj client.Object) client.ObjectKey { return client.ObjectKeyFromObject(obj) }

// TestWhatDoesNotOpenSaysWhy, and makes nothing; what is beside it is served.
func TestWhatDoesNotOpenSaysWhy(t *testing.T) {
	b := newBed(t)
	other := sealedtest.NewKey(t, 2048)
	good := func(name string) string { return b.Key.Seal(t, b.NS+"/"+name, "v") }
	raw := func(name string) []byte {
		out, err := base64.StdEncoding.DecodeString(good(name))
		b.Must(err)
		return out
	}
	code := base64.StdEncoding.EncodeToString
	flipped := raw("changed")
	flipped[len(flipped)-1] ^= 1
	for name, c := range map[string]struct {
		entries values
		says    []string
	}{
		"cut":           {values{"k": code(raw("cut")[:40])}, []string{`"k"`, "cut short"}},
		"cut-late":      {values{"k": code(raw("cut-late")[:265])}, []string{`"k"`, "cut short"}},
		"changed":       {values{"k": code(flipped)}, []string{`"k"`, "changed or cut short since"}},
		"not-base64":    {values{"k": "!" + good("not-base64")}, []string{`"k"`, "not base64"}},
		"empty":         {values{"k": ""}, []string{`"k"`, "empty"}},
		"other-cluster": {values{"k": other.Seal(t, b.NS+"/other-cluster", "v")}, []string{"no key could decrypt secret", "another cluster"}},
		"one-of-two":    {values{"a": good("one-of-two"), "b": "AAAA"}, []string{`"b"`}},
		"bad-key":       {values{"a b": good("bad-key")}, []string{`the key "a b" has characters`}},
		"too-large":     {values{"k": b.Key.Seal(t, b.NS+"/too-large", strings.Repeat("x", 1<<20+1))}, []string{"1048577 bytes", "at most 1048576"}},
		"of-many":       {values{"a": "!", "b": "!", "c": "!", "d": "!"}, []string{`"a"`, `"b"`, `"c"`, "perhaps others"}},
		// More than are opened in one turn.
		"of-more": {values{"a": good("of-more"), "b": "!", "c": good("of-more"), "d": good("of-more"), "e": good("of-more"), "f": good("of-more"),
			"g": good("of-more"), "h": good("of-more"), "i": "AAAA", "j": good("of-more")}, []string{`"b": it is not base64`, `"i": it was never sealed`}},
	} {
		b.Apply(sealedtest.Manifest(name, c.entries, "", ""))
		b.Fails(name, c.says...)
		if b.Secret(name) != nil {
			t.Errorf("%s has a Secret", name)
		}
	}
	b.SealAndApply("good", values{"k": "v"}, "")
	b.Holds("good", values{"k": "v"})
	b.Synced("good")
}

// TestTheLastGoodSecretStays while its SealedSecret does not open, and a mended
// one is served at once.
func TestTheLastGoodSecretStays(t *testing.T) {
	b := newBed(t)
	b.SealAndApply("app", values{"k": "one"}, "")
	b.Synced("app")
	before := b.Holds("app", values{"k": "one"})
	b.Apply(sealedtest.Manifest("app", values{"k": "AAAA"}, "", ""))
	b.Fails("app", `"k"`)
	if after := b.Holds("app", values{"k": "one"}); after.ResourceVersion != before.ResourceVersion {
		t.Error("it was written")
	}
	b.SealAndApply("app", values{"k": "two"}, "")
	b.Holds("app", values{"k": "two"})
	b.Synced("app")
}

// TestTheDeprecatedFormIsRefusedByName rather than taken for an empty Secret.
func TestTheDeprecatedFormIsRefusedByName(t *testing.T) {
	b := newBed(t)
	b.Apply(sealedtest.Manifest("app", nil, "", "data: AAAA"))
	b.Fails("app", "spec.data", "spec.encryptedData")
	if b.Secret("app") != nil {
		t.Error("it has a Secret")
	}
}

// TestTenMegabytes are refused before anybody opens them, as the API server
// holds no such object.
func TestTenMegabytes(t *testing.T) {
	b := newBed(t)
	ss := &v1alpha1.SealedSecret{Spec: v1alpha1.SealedSecretSpec{EncryptedData: values{"k": strings.Repeat("A", 10<<20)}}}
	ss.Namespace, ss.Name = b.NS, "app"
	if err := b.Create(t.Context(), ss); !apierrors.IsRequestEntityTooLargeError(err) && !apierrors.IsInvalid(err) {
		t.Errorf("it is answered with %v", err)
	}
	// Near to the most that it holds.
	b.SealAndApply("app", values{"k": strings.Repeat("x", 700<<10)}, "")
	b.Synced("app")
	if n := len(b.Secret("app").Data["k"]); n != 700<<10 {
		t.Errorf("the Secret holds %d bytes", n)
	}
}

// TestABrokenKeyHurtsNoOther: whom it served is told, the others are served.
func TestABrokenKeyHurtsNoOther(t *testing.T) {
	b := newBed(t)
	lost := sealedtest.NewKey(t, 2048)
	key := lost.Secret("kube-system", "sealed-secrets-key-broken-by-"+b.NS)
	whole := key.Data["tls.key"]
	key.Data["tls.key"] = []byte("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")
	b.Must(b.Create(t.Context(), key))
	t.Cleanup(func() { _ = b.Delete(context.WithoutCancel(t.Context()), key) })

	b.Apply(sealedtest.Manifest("lost", values{"k": lost.Seal(t, b.NS+"/lost", "found")}, "", ""))
	b.SealAndApply("good", values{"k": "v"}, "")
	b.Holds("good", values{"k": "v"})
	b.Fails("lost", "no key could decrypt secret", "Secret "+key.Name+": tls.key holds no key that can be used")

	// No failure is final.
	sealedtest.Change(b, key, func(s *corev1.Secret) { s.Data["tls.key"] = whole })
	b.Holds("lost", values{"k": "found"})
	b.Synced("lost")
}

// TestAKeyThatComesLater opens what waits for it, and only that runs again.
func TestAKeyThatComesLater(t *testing.T) {
	b := newBed(t)
	later := sealedtest.NewKey(t, 2048)
	entries := values{}
	for _, k := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		entries[k] = later.Seal(t, b.NS+"/app", k)
	}
	b.Apply(sealedtest.Manifest("app", entries, "", ""))
	b.Fails("app", "no key could decrypt secret", "perhaps others")
	for i := range 10 {
		// So many failures that the next try by itself is minutes away.
		b.Apply(sealedtest.Manifest("app", entries, "", fmt.Sprintf("template: {type: example.com/try-%d}", i)))
		b.Fails("app", "no key could decrypt secret")
	}
	b.SealAndApply("done", values{"k": "v"}, "")
	done := b.Synced("done")

	key := later.Secret("kube-system", "sealed-secrets-key-later-of-"+b.NS)
	b.Must(b.Create(t.Context(), key))
	t.Cleanup(func() { _ = b.Delete(context.WithoutCancel(t.Context()), key) })
	want := values{}
	for k := range entries {
		want[k] = k
	}
	b.Holds("app", want)
	b.Synced("app")
	if after := b.SealedSecret("done"); after.ResourceVersion != done.ResourceVersion {
		t.Error("what was served already was reported anew")
	}
}
