package rollout

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// The events.
const (
	reasonReloaded  = "Reloaded"
	reasonFailed    = "ReloadFail"
	reasonWaiting   = "ReloadWaiting"
	reasonSettled   = "ReloadSettled"
	reasonContested = "ReloadContested"
)

// Tells reports what an event on a workload, by its reason, tells of the last
// that was to be done: that it is done, or that there is trouble. About is false
// if it is of something else.
func Tells(reason string) (trouble, about bool) {
	switch reason {
	case reasonReloaded, reasonSettled:
		return false, true
	case reasonFailed, reasonWaiting:
		return true, true
	}
	return false, false
}

// Tell writes an event on the workload that it was restarted for these causes.
// Its next restart has to wait a little.
func (r *Runner) Tell(w delivery.Workload, uid string, causes []string) {
	r.Limit.restarted(w, r.Now())
	r.Metrics.count(w.Kind, restarted)
	r.event(r.News, corev1.EventTypeNormal, w, uid, reasonReloaded, "Changes detected in "+some(causes)+"; restarted")
}

// TellFailure writes an event on the workload that it could not be restarted.
func (r *Runner) TellFailure(w delivery.Workload, uid, message string) {
	r.Metrics.count(w.Kind, failed)
	r.event(r.Warnings, corev1.EventTypeWarning, w, uid, reasonFailed, message)
}

// TellInvalid writes an event on the workload about what is wrong with its
// annotations.
func (r *Runner) TellInvalid(w delivery.Workload, uid, message string) {
	r.event(r.Warnings, corev1.EventTypeWarning, w, uid, reasonFailed, message)
}

// TellWaiting writes an event on the workload that its restart has to wait.
func (r *Runner) TellWaiting(w delivery.Workload, uid string, causes []string, wait time.Duration) {
	r.event(r.News, corev1.EventTypeNormal, w, uid, reasonWaiting,
		"Changes detected in "+some(causes)+"; "+r.Limit.waiting(w, r.Now(), wait))
}

// TellHeld writes an event on the workload that it is paused, so that what
// changes until then is one restart.
func (r *Runner) TellHeld(w delivery.Workload, uid string, causes []string, until time.Time) {
	r.event(r.News, corev1.EventTypeNormal, w, uid, reasonWaiting, fmt.Sprintf(
		"Changes detected in %s; it is paused until %s, so that what changes meanwhile is one restart", some(causes), until.UTC().Format(time.RFC3339)))
}

// TellHalted writes an event on a Deployment that its user has paused.
func (r *Runner) TellHalted(w delivery.Workload, uid string, causes []string) {
	r.event(r.Warnings, corev1.EventTypeWarning, w, uid, reasonWaiting, "Changes detected in "+some(causes)+"; "+w.String()+" is "+Halted)
}

// TellSettled writes an event on the workload that what was told before, of
// waiting or of a failure, is over without a restart.
func (r *Runner) TellSettled(w delivery.Workload, uid string) {
	r.event(r.News, corev1.EventTypeNormal, w, uid, reasonSettled, "Nothing is left that it should be restarted for")
}

func (r *Runner) event(to Recorder, kind string, w delivery.Workload, uid, reason, message string) {
	if to == nil {
		return
	}
	gvk, _ := KindOf(w.Kind)
	ref := &corev1.ObjectReference{
		APIVersion: gvk.GroupVersion().String(), Kind: w.Kind, Namespace: w.Namespace, Name: w.Name, UID: types.UID(uid),
	}
	to.Event(ref, kind, reason, message)
}

// some names the first causes, for an event holds 1024 bytes.
func some(causes []string) string {
	const most = 3
	if len(causes) <= most {
		return strings.Join(causes, ", ")
	}
	return strings.Join(causes[:most], ", ") + " and others"
}
