package restarts

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// TestTheAPIServerRestarts under an operator: what was changed in the outage is
// rolled out once, and nothing else happens. Not parallel: it takes the API
// server from everybody.
func TestTheAPIServerRestarts(t *testing.T) {
	b := newSerialBed(t)
	o := b.serve()
	b.rolling()
	b.each("old")
	b.served("old")
	o.Reset()
	stamp := b.looks().Spec.TimeStamp
	b.Plane.StopAPIServer()
	b.must(b.doppler.Set(t.Context(), b.NS, "prd", "K", "two"))
	b.Put("read", map[string]any{"k": "two"})
	b.must(b.Plane.StartAPIServer(t.Context()))
	b.keep("own", "two")
	b.stamped(stamp)
	b.settled()
	b.rolled(2, 2, 3)
	// The new values came to all who asked, and the rest is as it was.
	b.sets("old-auto", 1)
	b.sets("old-fed", 2)
	b.sets("old-looked", 3)
	for _, c := range o.Which(func(c testkit.Call) bool { return c.OnSecrets() && c.Writes() && c.On("old-mirrored") }) {
		t.Errorf("it wrote %v", c)
	}
}

// expired is what the API server says of a watch from a version that it has
// forgotten.
const expired = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"too old resource version"}`

// TestWatchesThatExpireMissNothing: while every watch is away a source changes,
// another goes, a namespace's copy is edited and a workload's Secret changes;
// and the version to go on from is forgotten.
func TestWatchesThatExpireMissNothing(t *testing.T) {
	b := newBed(t)
	o := b.serve()
	b.rolling()
	b.each("old")
	b.served("old")
	var forgotten atomic.Int32
	var back atomic.Bool
	o.Set(func(r *http.Request) error {
		c := testkit.Call{Query: r.URL.RawQuery}
		switch {
		case back.Load() || !c.Watches():
		case strings.Contains(c.Query, "sendInitialEvents"):
			return testkit.ErrCut
		default:
			forgotten.Add(1)
			return testkit.Answer{Status: http.StatusGone, Body: expired}
		}
		return nil
	}, nil)
	o.CutWatches()
	b.Eventually(func() error {
		if n := forgotten.Load(); n < 5 {
			return fmt.Errorf("%d watches were told that their version is forgotten", n)
		}
		return nil
	})
	b.keep("own", "two")
	b.apply("{apiVersion: v1, kind: Secret, metadata: {name: old-mirrored}, stringData: {k: two}}")
	b.must(b.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "old-reflected"}}))
	edited := b.in(b.other, "old-synced")
	edited.Data["k"] = []byte("edited")
	b.must(b.Update(t.Context(), edited))
	b.must(b.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: b.other, Name: "old-synced"}}))
	back.Store(true)

	b.holdsIn(b.other, "old-mirrored", "k", "two")
	b.holdsIn(b.other, "old-synced", "k", "one")
	b.Eventually(func() error {
		return b.Get(t.Context(), client.ObjectKey{Namespace: b.other, Name: "old-synced"}, &corev1.ConfigMap{})
	})
	b.gone(b.other, "old-reflected")
	b.sets("auto", 2)
	b.sets("old-auto", 2)
	b.settled()
	b.rolled(2, 1, 2)
}
