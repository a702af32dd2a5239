package rollouts

import (
	"context"
	"maps"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// rival is what is known of somebody else who writes a workload's record.
//
// If it is an operator with another key, whoever wrote last sees to the
// workload, and the other looks on: it takes over only for a change that
// nobody sees to. If it is a tool that takes the record for a part of its
// manifest, or for none, each write that it undoes has the next one wait longer;
// meanwhile our memory stands for the record, so that an old one restarts
// nobody, and none hides no change.
type rival struct {
	// ours is the record as we wrote it, or found it right, last; while it is
	// contested, what we would write.
	ours string
	// theirs are entries of another key for what ours says. If one is another
	// now, its operator has seen to a change.
	theirs rollout.Record
	// since is when there was a change that its operator has not seen to.
	since time.Time
	// undone counts our writes in a row that were, and wrote is when the last
	// one was.
	undone int
	wrote  time.Time
	// told: an event says so.
	told bool
}

const (
	// few writes that are undone in a row may be chance.
	few = 3
	// peace is after how long since the last pause it was.
	peace = 10 * time.Second
)

// record is ours.
func (v *rival) record() rollout.Record {
	ours, _ := rollout.ReadRecord(map[string]string{rollout.Recorded: v.ours})
	return ours
}

// contested reports that somebody else has replaced what we recorded.
func (v *rival) contested(ours, found rollout.Record) bool {
	return v.ours != "" && !maps.Equal(objectsOf(ours), objectsOf(found))
}

// objectsOf leaves the triggers out: those are written by who restarts for them.
func objectsOf(r rollout.Record) rollout.Record {
	out := rollout.Record{}
	for name, digest := range r {
		if _, ok := rollout.Object(name, ""); ok {
			out[name] = digest
		}
	}
	return out
}

// pause is how long after the last write the next has to wait that would undo
// another's.
func (v *rival) pause() time.Duration {
	if v.undone == 0 {
		return 0
	}
	return min(firstRetry<<min(v.undone, 16), lastRetry)
}

// restored notes a write of ours; undone is whether it was over another's.
func (v *rival) restored(record rollout.Record, undone bool, now time.Time) {
	if now.Sub(v.wrote) > v.pause()+peace {
		v.undone, v.told = 0, false
	}
	if undone {
		v.undone++
	}
	v.ours, v.wrote, v.since = record.String(), now, time.Time{}
}

// learn keeps what a look has found out, whatever comes of it.
func (v *rival) learn(d *decision) {
	if v.theirs = d.theirs; d.contested {
		v.ours = d.ours.String()
	}
	if len(d.changed) == 0 {
		v.since = time.Time{}
	}
}

// entryOf is what the records say of one object.
type entryOf struct {
	name string
	// base is what the workload runs with; empty if nobody knows.
	base string
	// foreign: another operator records it, and news: otherwise than before.
	foreign, news bool
}

// entryOf puts together what the workload bears, what we remember and what is
// known of a rival.
func (r *reconciler) entryOf(v *rival, d *decision, name string) entryOf {
	found, ours, theirs := d.found[name], d.ours[name], v.theirs[name]
	known := r.Runner.Known(found)
	it := entryOf{name: name, foreign: d.contested && found != "" && !known}
	it.news = it.foreign && found != theirs
	switch {
	case it.news && theirs != "": // it has seen to the change
	case r.Runner.Known(ours):
		it.base = ours
	case known && (ours != "" || !d.contested):
		it.base = found
	}
	// Else nothing, or by another key, or of before our time: as `kubectl
	// rollout undo` brings it back together with the pod template that it was
	// about, whose pods start anew. All these are as if never seen.
	return it
}

// meet takes down how the rival records an object, unless it may still have to
// see to a change.
func (d *decision) meet(v *rival, it entryOf, changed bool) {
	theirs := v.theirs[it.name]
	if d.contested && !changed {
		d.ours[it.name] = d.record[it.name]
		if it.foreign {
			theirs = d.found[it.name]
		}
	}
	if theirs != "" {
		if d.theirs == nil {
			d.theirs = rollout.Record{}
		}
		d.theirs[it.name] = theirs
	}
	d.foreign = d.foreign || it.foreign
	// Whom we meet for the first time may have recorded the object as it is now,
	// and know of no change: one restart too many is better than none.
	d.own = d.own || changed && (!it.foreign || v.theirs[it.name] == "")
}

// yield reports that the record is left as somebody else wrote it, and if so
// for how long; 0 is until something changes.
func (r *reconciler) yield(ctx context.Context, e *entry, d *decision, mem *memory) (wait time.Duration, yes bool) {
	v, now := &mem.rival, r.Runner.Now()
	switch {
	case !d.differs || !d.contested || d.own:
		return 0, false
	case d.foreign && len(d.changed) == 0:
		r.contested(ctx, e, v)
		return 0, true
	case d.foreign:
		if v.since.IsZero() {
			v.since = now
		}
		wait = v.since.Add(r.Patience).Sub(now)
	default:
		wait = v.wrote.Add(v.pause()).Sub(now)
	}
	if wait <= 0 {
		return 0, false
	}
	if d.foreign || v.undone >= few {
		r.contested(ctx, e, v)
	}
	return wait, true
}

// contested says once who else writes the record.
func (r *reconciler) contested(ctx context.Context, e *entry, v *rival) {
	if v.told {
		return
	}
	manager, err := r.Runner.RecordedBy(ctx, e.id())
	if err != nil {
		log.FromContext(ctx).V(1).Info("cannot tell who replaces the record", "workload", e.String())
		return
	}
	r.Runner.TellContested(e.id(), string(e.UID), manager)
	v.told = true
}
