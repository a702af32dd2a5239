// Package baddays holds the tests of what must not happen: what is promised
// when stores, manifests, the API server or the operator itself fail.
package baddays

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"math/bits"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// TestMain lets more tests run at a time than there are processors: most of
// the time they wait.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	operatortest.Main(m)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// app delivers one key of Vault, under a deletion policy. Its template, empty
// as it is, keeps the annotations of the object out of the Secret. Ticks are at
// any time within the interval: that of an hour would be now, once in a while.
func app(deletion string) string {
	return strings.ReplaceAll(`
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  refreshInterval: 8760h
  secretStoreRef: {name: vault}
  target: {deletionPolicy: DELETION, template: {}}
  data:
  - secretKey: password
    remoteRef: {key: $NS/db, property: password}
`, "DELETION", deletion)
}

// untouched asserts that the Secret is the very one that it was.
func untouched(b *operatortest.Bed, before *corev1.Secret) {
	b.T.Helper()
	now := b.Secret(before.Name)
	switch {
	case now == nil:
		b.T.Errorf("Secret %s is gone; %s", before.Name, b.States())
	case now.UID != before.UID || now.ResourceVersion != before.ResourceVersion || !maps.EqualFunc(now.Data, before.Data, bytes.Equal):
		b.T.Errorf("Secret %s was written: version %s became %s; %s", before.Name, before.ResourceVersion, now.ResourceVersion, b.States())
	}
}

// ours leaves the stores of a manifest to the operators of a class that is
// called as the namespace, so that the operator which most tests share does
// not serve them.
func ours(manifest string) string {
	return strings.ReplaceAll(manifest, "spec:\n  provider:", "spec:\n  controller: $NS\n  provider:")
}

// throughTap has an operator of the namespace's class talk through the tap.
func throughTap(b *operatortest.Bed, p *testkit.Tap) func(*operator.Options) {
	return func(o *operator.Options) {
		o.Namespaces, o.Class = []string{b.NS}, b.NS
		o.Config = p.Config(o.Config)
	}
}

// ranSince pokes the object and waits until that has been dealt with.
func ranSince(b *operatortest.Bed, name string) {
	b.T.Helper()
	before := b.ExternalSecret(name).Status.SyncedResourceVersion
	b.Poke(name)
	b.Eventually(func() error {
		if b.ExternalSecret(name).Status.SyncedResourceVersion != before {
			return nil
		}
		return fmt.Errorf("not synced again; %s", b.States())
	})
	b.Synced(name)
}

// lockouts is how many tries with refused credentials may follow the first in so
// long a time: one when a lockout is over, each twice as long as the one before.
func lockouts(since time.Time) int {
	const first = 30 * time.Second
	return bits.Len(uint(time.Since(since) / first))
}

// create makes an object of the test's own.
func create(b *operatortest.Bed, s *corev1.Secret) *corev1.Secret {
	b.T.Helper()
	s.Namespace = b.NS
	must(b.T, b.Create(context.Background(), s))
	return s
}

// meta is the metadata of an object of the test's own.
func meta(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
