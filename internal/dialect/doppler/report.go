package doppler

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	dopplerv1alpha1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// State implements dialect.Deliveries. A status about an earlier generation
// says nothing about this one; the original's says no generation at all.
func (dopplerSecrets) State(obj client.Object) dialect.State {
	ds, ok := obj.(*dopplerv1alpha1.DopplerSecret)
	if !ok {
		return dialect.State{}
	}
	ready := dialect.FindCondition(ds.Status.Conditions, syncReady, shown)
	if ready == nil || ready.ObservedGeneration != 0 && ready.ObservedGeneration != ds.Generation {
		return dialect.State{}
	}
	s := dialect.State{Known: true, Ready: ready.Status == metav1.ConditionTrue}
	if ds.Status.LastSync != nil {
		s.At = ds.Status.LastSync.Time
	}
	s.Message = strings.TrimPrefix(strings.TrimPrefix(ready.Message, msgSyncing), "; ")
	return s
}

// Report implements dialect.Deliveries.
func (d dopplerSecrets) Report(obj client.Object, out delivery.Outcome, now time.Time) []dialect.Event {
	ds, ok := obj.(*dopplerv1alpha1.DopplerSecret)
	if !ok {
		return nil
	}
	secret := target(ds)
	events := changeEvents(&out.Destination, secret)
	if out.Result == delivery.Failed {
		cause := d.cause(ds, out.Err)
		if write(ds, bad(syncReady, reasonError, msgFailed+cause), now) {
			events = append(events, failureEvent(reasonSyncFailed, cause))
		}
		write(ds, bad(reloadReady, reasonStopped, msgStopped), now)
		return events
	}
	synced(ds, out, now)
	write(ds, good(syncReady, syncing(ds, out, secret)), now)
	reload := good(reloadReady, fmt.Sprintf(msgReload, out.Rollout.Reloadable))
	if out.Rollout.Failure != "" {
		reload = bad(reloadReady, reasonError, msgFaulty+out.Rollout.Failure)
	}
	write(ds, reload, now)
	return events
}

// write sets a condition about the object as it is now.
func write(ds *dopplerv1alpha1.DopplerSecret, c metav1.Condition, now time.Time) (changed bool) {
	c.ObservedGeneration, c.LastTransitionTime = ds.Generation, dialect.Stamp(now)
	return dialect.SetCondition(&ds.Status.Conditions, c, shown)
}

// cause is what went wrong, in the original's words where it has some.
func (d dopplerSecrets) cause(ds *dopplerv1alpha1.DopplerSecret, err *delivery.Error) string {
	if err.Kind == delivery.TargetType {
		return fmt.Sprintf("Cannot change existing managed secret type from %s to %s. "+
			"Delete the managed secret and re-apply the DopplerSecret.", err.Have, err.Want)
	}
	// An object reads one config, so that there is no need to say which.
	ref := d.reading(ds).store().Ref
	return strings.TrimPrefix(err.Message, fmt.Sprintf("spec: %s, key %q: ", ref, ""))
}

// syncing is the message of success, and what there is to add to it.
func syncing(ds *dopplerv1alpha1.DopplerSecret, out delivery.Outcome, secret string) string {
	parts := []string{msgSyncing}
	if out.Result == delivery.Retained {
		parts = append(parts, fmt.Sprintf("there are no secrets to write, so that Secret %s stays as it is", secret))
	}
	if s := ds.Status.ManagedSecret; s != nil && s.Adopted {
		parts = append(parts, adopted(secret))
	}
	if out.Note != "" {
		parts = append(parts, out.Note)
	}
	return strings.Join(parts, "; ")
}

// synced notes a success: when, and the Secret as it was then.
func synced(ds *dopplerv1alpha1.DopplerSecret, out delivery.Outcome, now time.Time) {
	t := dialect.Stamp(dialect.Succeeded(out, now))
	ds.Status.LastSync = &t
	if out.Destination.Bound.Name == "" {
		ds.Status.ManagedSecret = nil
		return
	}
	is := dopplerv1alpha1.ManagedSecretStatus{
		Namespace: namespace(ds), Name: out.Destination.Bound.Name, ResourceVersion: out.Destination.Bound.Version,
		Adopted: out.Destination.Change == delivery.Adopted,
	}
	if was := ds.Status.ManagedSecret; was != nil && was.Namespace == is.Namespace && was.Name == is.Name && out.Destination.Change != delivery.Created {
		is.Adopted = is.Adopted || was.Adopted
	}
	ds.Status.ManagedSecret = &is
}

// target names the Secret in messages.
func target(ds *dopplerv1alpha1.DopplerSecret) string {
	return namespace(ds) + "/" + ds.Spec.ManagedSecret.Name
}

func namespace(ds *dopplerv1alpha1.DopplerSecret) string {
	if ns := ds.Spec.ManagedSecret.Namespace; ns != "" {
		return ns
	}
	return ds.Namespace
}
