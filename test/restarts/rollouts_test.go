package restarts

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vssv1 "github.com/tacit-secrets/tacit/api/vaultsyncstatus/v1"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// rolling are the three ways to a rollout, each with a Deployment that has been
// noted: "auto" by a Secret, "fed" by Doppler, "looked" by Vault's metadata.
func (b *bed) rolling() {
	b.T.Helper()
	b.everything()
	b.keep("own", "one")
	b.apply(deployment("auto", auto, "own") + deployment("fed", reload, "doppler") + deployment("looked", "", "none"))
	b.rolled(1, 1, 1)
	b.apply(`
apiVersion: secrets.doppler.com/v1alpha1
kind: DopplerSecret
metadata: {name: doppler}
spec: {host: $DOPPLER, tokenSecret: {name: doppler-token}, managedSecret: {name: doppler}, resyncSeconds: 1}
---
apiVersion: stable.example.com/v1
kind: VaultSyncStatus
metadata: {name: looks}
spec: {deployName: looked, deployNamespace: $NS, secretEngine: secret, secretPath: $NS/read, timeStamp: "0000-00-00T00:00:00.000000000Z"}
`)
	b.recorded("auto", "own")
	b.recorded("fed", "doppler")
	b.rolled(1, 1, 2)
	b.stamped("")
}

// rolled waits until the three Deployments have had so many ReplicaSets.
func (b *bed) rolled(auto, fed, looked int) {
	b.T.Helper()
	b.sets("auto", auto)
	b.sets("fed", fed)
	b.sets("looked", looked)
}

// changed brings a new value down each way.
func (b *bed) changed(value string) {
	b.T.Helper()
	b.keep("own", value)
	b.must(b.doppler.Set(b.T.Context(), b.NS, "prd", "K", value))
	b.Put("read", map[string]any{"k": value})
}

func (b *bed) looks() *vssv1.VaultSyncStatus {
	b.T.Helper()
	v := &vssv1.VaultSyncStatus{}
	b.must(b.Get(b.T.Context(), types.NamespacedName{Namespace: b.NS, Name: "looks"}, v))
	return v
}

// stamped waits until the VaultSyncStatus is in sync, with another time stamp
// than before.
func (b *bed) stamped(before string) (stamp string) {
	b.T.Helper()
	b.Eventually(func() error {
		v := b.looks()
		stamp = v.Spec.TimeStamp
		if s := v.Status.VaultSync; s.SyncStatus == "" || s.SyncStatus == "Error" || stamp == before || strings.HasPrefix(stamp, "0000") {
			return fmt.Errorf("it is %+v with time stamp %s, which was %q", s, stamp, before)
		}
		return nil
	})
	return stamp
}

// quiet proves that an operator which has just started has nothing more to do:
// a change of each kind is one rollout.
func (b *bed) quiet(auto, fed, looked int) {
	b.T.Helper()
	stamp := b.looks().Spec.TimeStamp
	b.changed("quiet " + time.Now().String())
	b.stamped(stamp)
	b.settled()
	b.rolled(auto+1, fed+1, looked+1)
}

// TestWhatChangesWhileNobodyLooksIsRolledOutOnce, however often it did and
// however many operators come after.
func TestWhatChangesWhileNobodyLooksIsRolledOutOnce(t *testing.T) {
	b := newBed(t)
	first := b.serve()
	b.rolling()
	first.stop()
	stamp := b.looks().Spec.TimeStamp
	b.changed("two")
	b.changed("three")
	second := b.serve()
	b.stamped(stamp)
	b.settled()
	b.rolled(2, 2, 3)
	second.stop()
	b.serve()
	b.settled()
	b.quiet(2, 2, 3)
}

// onDeployments matches the writes of Deployments.
func onDeployments(r *http.Request) bool {
	return r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/deployments/")
}

// TestKilledBetweenTheSecretAndTheRollout: the Secret is new, and the operator
// dies before the workloads are, or before it learns that they are.
func TestKilledBetweenTheSecretAndTheRollout(t *testing.T) {
	t.Parallel()
	cut := func(r *http.Request) error {
		if onDeployments(r) {
			return testkit.ErrCut
		}
		return nil
	}
	for name, faults := range map[string][2]func(*http.Request) error{
		"the rollouts are not sent":     {cut, nil},
		"the rollouts' answer is lost":  {nil, cut},
		"the record is not written":     {neverStamp, nil},
		"the record's answer is lost":   {nil, neverStamp},
		"the rollouts are refused":      {refuseRollouts, nil},
		"the rollouts are in conflict":  {conflictRollouts, nil},
		"the API server is out of luck": {failRollouts, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			first := b.serve()
			b.rolling()
			stamp := b.looks().Spec.TimeStamp
			first.Set(faults[0], faults[1])
			b.changed("two")
			b.holdsIn(b.NS, "doppler", "K", "two")
			b.Eventually(func() error { // all have been tried
				for _, d := range []string{"/auto", "/fed", "/looked"} {
					if len(first.Which(func(c testkit.Call) bool { return c.On("deployments") && c.Writes() && strings.HasSuffix(c.Path, d) })) == 0 {
						return fmt.Errorf("%s was not to be restarted", d)
					}
				}
				return nil
			})
			first.stop()
			b.serve()
			b.stamped(stamp)
			b.settled()
			b.rolled(2, 2, 3)
			b.quiet(2, 2, 3)
		})
	}
}

func rollouts(r *http.Request, status int, reason string) error {
	if !onDeployments(r) {
		return nil
	}
	return testkit.Answer{Status: status, Body: fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":"no"}`, reason, status)}
}

func refuseRollouts(r *http.Request) error   { return rollouts(r, http.StatusForbidden, "Forbidden") }
func conflictRollouts(r *http.Request) error { return rollouts(r, http.StatusConflict, "Conflict") }
func failRollouts(r *http.Request) error {
	return rollouts(r, http.StatusInternalServerError, "InternalError")
}

// neverStamp fails the write of what a VaultSyncStatus was restarted for.
func neverStamp(r *http.Request) error {
	if r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/vaultsyncstatus/") {
		return testkit.ErrCut
	}
	return nil
}

const keyName = "tacit-digest-key"

// TestWithoutTheKeyOfDigestsNobodyRestarts: what was recorded under another key
// says nothing, so nothing is rolled out for it, and the log says so.
func TestWithoutTheKeyOfDigestsNobodyRestarts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose  func(*bed)
		fault func(*http.Request) error
	}{
		"deleted": {lose: func(b *bed) {
			b.must(b.Delete(b.T.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: keyName}}))
		}},
		"malformed": {lose: func(b *bed) {
			key := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: keyName}}
			b.must(b.Delete(b.T.Context(), key))
			key.ResourceVersion, key.Data = "", map[string][]byte{"key": []byte("short")}
			b.must(b.Create(b.T.Context(), key))
		}},
		"unreadable": {fault: func(r *http.Request) error {
			if strings.HasSuffix(r.URL.Path, "/secrets/"+keyName) {
				return testkit.Answer{Status: http.StatusForbidden, Body: `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"no"}`}
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			first := b.serve()
			b.everything()
			b.keep("own", "one")
			b.apply(deployment("auto", auto, "own"))
			before := b.recorded("auto", "own")
			b.sets("auto", 1)
			first.stop()
			if c.lose != nil {
				c.lose(b)
			}
			b.keep("own", "two")
			second := b.serveThrough(c.fault)
			b.Eventually(func() error {
				if now := b.recorded("auto", "own"); now == before {
					return fmt.Errorf("it is still recorded under the old key")
				}
				return nil
			})
			b.settled()
			b.sets("auto", 1)
			if text := second.out.String(); !strings.Contains(text, "workloads are not restarted for what") {
				t.Error("the log does not say so")
			}
			b.keep("own", "three")
			b.sets("auto", 2)
		})
	}
}

// TestAStormOfConflictsLosesNoRollout of a VaultSyncStatus, which restarts
// others' Deployments.
func TestAStormOfConflictsLosesNoRollout(t *testing.T) {
	b := newBed(t)
	b.serve()
	b.rolling()
	stamp := b.looks().Spec.TimeStamp
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	var storm atomic.Int64
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			patch := fmt.Sprintf(`{"metadata":{"annotations":{"storm":"%d"}}}`, storm.Add(1))
			for _, name := range []string{"auto", "fed", "looked"} {
				d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: name}}
				_ = b.Patch(ctx, d, client.RawPatch(types.MergePatchType, []byte(patch)))
			}
		}
	}()
	for i := range 3 {
		before := storm.Load()
		b.changed(fmt.Sprint("round ", i))
		stamp = b.stamped(stamp)
		b.rolled(2+i, 2+i, 3+i)
		b.Eventually(func() error {
			if n := storm.Load() - before; n < 7 {
				return fmt.Errorf("that is no storm: %d writes", n)
			}
			return nil
		})
	}
	stop()
	<-ended
	b.settled()
	b.rolled(4, 4, 5)
}

// TestTheLimitIsVisible: who waits for its turn says so, and gets it.
func TestTheLimitIsVisible(t *testing.T) {
	b := newBed(t)
	// A turn in ten seconds: who waits for it is to be seen waiting.
	o := b.serve(func(o *operator.Options) { o.Rollouts.PerMinute, o.Rollouts.Burst = 6, 1 })
	b.rolling() // the first look takes the turn
	b.changed("two")
	b.Eventually(func() error {
		if text := testkit.MetricsText(t, o.registry); !strings.Contains(text, "tacit_rollouts_waiting 2") && !strings.Contains(text, "tacit_rollouts_waiting 1") {
			return fmt.Errorf("nobody waits")
		}
		return nil
	})
	waits := func() error {
		list := &corev1.EventList{}
		b.must(b.List(t.Context(), list, client.InNamespace(b.NS)))
		for _, e := range list.Items {
			if strings.Contains(e.Message, "its turn to restart comes in") && strings.Contains(e.Message, "6 workloads a minute") {
				return nil
			}
		}
		return fmt.Errorf("no event says who waits")
	}
	b.Eventually(waits)
	b.rolled(2, 2, 3)
}
