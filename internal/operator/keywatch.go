package operator

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/sealing"
)

// keyWatch keeps the keys as they are in the cluster, on every replica: who
// takes over has them then.
type keyWatch struct {
	*keys
	starter starter
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*keyWatch) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (w *keyWatch) Start(ctx context.Context) error {
	if !w.starter.await(ctx, logr.Discard()) {
		return nil
	}
	log := w.starter.mgr.GetLogger().WithName("keys")
	go w.tell(ctx, log)
	return w.ring.Watch(logr.NewContext(ctx, log))
}

// faultsPause is how long it takes at most until a certificate that ends is told.
const faultsPause = time.Hour

// brokenKey is the reason of the event about one.
const brokenKey = "BrokenKey"

// tell logs what is wrong with key Secrets, and that it was mended: whoever
// broke one looks there, or at the Secret.
func (w *keyWatch) tell(ctx context.Context, log logr.Logger) {
	log = log.WithValues("namespace", w.where)
	told := map[string]sealing.Fault{}
	for {
		noted := w.ring.Noted()
		now := map[string]sealing.Fault{}
		for _, fault := range w.ring.Faults() {
			now[fault.Secret] = fault
			if told[fault.Secret] != fault {
				w.tellOf(log, fault)
			}
		}
		for name := range told {
			if _, still := now[name]; !still {
				log.Info("a key Secret was mended, or is out of use", "secret", name)
			}
		}
		told = now
		select {
		case <-noted:
		case <-time.After(faultsPause):
		case <-ctx.Done():
			return
		}
	}
}

// tellOf tells of one fault. Where the operator may not write events, the log
// has it all the same.
func (w *keyWatch) tellOf(log logr.Logger, fault sealing.Fault) {
	says := "a key is broken: bring it back from a backup (tacit keys restore), or take it out of use by another label"
	if fault.Opens {
		says = "a key opens, and cannot be sealed for"
	}
	log.Error(errors.New(fault.String()), says)
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.where, Name: fault.Secret, UID: fault.UID}}
	w.starter.shared.Events.Warning.Event(s, corev1.EventTypeWarning, brokenKey, fault.Problem)
}
