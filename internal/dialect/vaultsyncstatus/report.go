package vaultsyncstatus

import (
	"fmt"
	"regexp"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vssv1 "github.com/tacit-secrets/tacit/api/vaultsyncstatus/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// The words of status.vault_sync.SyncStatus, all of the original's.
const (
	statusSynced  = "Synced"          // and the Deployment restarted
	statusAlready = "Already in Sync" // nothing new
	statusError   = "Error"
)

// The reasons of events.
const (
	reasonSynced = "Synced"
	reasonError  = "SyncError"
)

// maxMessage bounds a message in the status and in an event.
const maxMessage = dialect.MaxEventMessage

// proof is how old lastSync may get while there is no other news. The original
// looks every minute and writes nothing then; to write each look down would
// make the API server pay for peace.
const proof = 10 * time.Minute

// State implements dialect.Deliveries. A status about an earlier generation
// says nothing about this one; that of the original tells none.
func (vaultSyncStatuses) State(obj client.Object) dialect.State {
	v, ok := obj.(*vssv1.VaultSyncStatus)
	if !ok {
		return dialect.State{}
	}
	status := &v.Status.VaultSync
	if status.SyncStatus == "" || status.ObservedGeneration != 0 && status.ObservedGeneration != v.Generation {
		return dialect.State{}
	}
	s := dialect.State{Known: true, Ready: status.SyncStatus != statusError, Message: status.Message}
	if status.LastSync != nil {
		s.At = status.LastSync.Time
	}
	if status.LastRestart != nil {
		s.Restarted = status.LastRestart.Time
	}
	return s
}

// Report implements dialect.Deliveries. It changes spec.timeStamp as well,
// but only after a success: what failed is due again.
func (vaultSyncStatuses) Report(obj client.Object, out delivery.Outcome, now time.Time) []dialect.Event {
	v, ok := obj.(*vssv1.VaultSyncStatus)
	if !ok {
		return nil
	}
	before := v.DeepCopy()
	var events []dialect.Event
	if out.Result == delivery.Failed {
		events = failed(v, out.Err)
	} else {
		events = succeeded(v, out, now)
	}
	observe(v, before)
	return events
}

func failed(v *vssv1.VaultSyncStatus, err *delivery.Error) []dialect.Event {
	s := &v.Status.VaultSync
	message := dialect.Cut(err.Message, maxMessage)
	if s.SyncStatus == statusError && timeless(s.Message) == timeless(message) {
		return nil
	}
	s.SyncStatus, s.Message = statusError, message
	return []dialect.Event{{Warning: true, Reason: reasonError, Message: message}}
}

// timeless is a message without the durations in it. Without a status
// subresource every write wakes the object, so that a message which counts
// down seconds would be written, and cause a run, with every one of them.
func timeless(message string) string { return span.ReplaceAllString(message, "") }

var span = regexp.MustCompile(`(\d+(\.\d+)?(ns|µs|ms|s|m|h))+`)

func succeeded(v *vssv1.VaultSyncStatus, out delivery.Outcome, now time.Time) []dialect.Event {
	s := &v.Status.VaultSync
	before := *s
	s.SyncStatus, s.Message = statusAlready, dialect.Cut(out.Note, maxMessage)
	var events []dialect.Event
	if out.Rollout.Restarted {
		s.SyncStatus, s.LastRestart = statusSynced, stamp(now)
		events = append(events, restartedEvent(v, out.Sources.Version))
	}
	if out.Sources.Version != "" {
		v.Spec.TimeStamp = out.Sources.Version
	}
	at := dialect.Succeeded(out, now)
	news := s.SyncStatus != before.SyncStatus || s.Message != before.Message || out.Rollout.Restarted || s.ObservedGeneration != v.Generation
	if news || s.LastSync == nil || at.Sub(s.LastSync.Time).Abs() >= proof {
		s.LastSync = stamp(at)
	}
	return events
}

// observe notes the generation that the status is about: the one that the
// object has once this is written. Without a status subresource the API server
// counts every change, ours too. If somebody else writes in between, theirs
// counts as well and ours is off by one: then the status is out of date, as
// it should be.
func observe(v, before *vssv1.VaultSyncStatus) {
	s := &v.Status.VaultSync
	if s.ObservedGeneration != v.Generation || v.Spec != before.Spec || !equality.Semantic.DeepEqual(s, &before.Status.VaultSync) {
		s.ObservedGeneration = v.Generation + 1
	}
}

func restartedEvent(v *vssv1.VaultSyncStatus, version string) dialect.Event {
	return dialect.Event{Reason: reasonSynced, Message: dialect.Cut(fmt.Sprintf("restarted Deployment %s/%s: %s/%s was updated in Vault at %s",
		v.Spec.DeployNamespace, v.Spec.DeployName, v.Spec.SecretEngine, v.Spec.SecretPath, version), maxMessage)}
}

func stamp(t time.Time) *metav1.Time {
	s := dialect.Stamp(t)
	return &s
}
