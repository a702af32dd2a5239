package rollouts

import (
	"maps"
	"time"

	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// rival is what is known, from look to look, of somebody else who writes a
// workload's record.
//
// If it is an operator with another key, whoever wrote last sees to the
// workload, and the other looks on: it takes over only for a change that
// nobody sees to. If it is a tool that takes the record for a part of its
// manifest, or for none, each write that it undoes has the next one wait longer;
// meanwhile our memory stands for the record, so that an old one restarts
// nobody, and none hides no change.
type rival struct {
	// ours is the record as we wrote it, or found it right, last; while it is
	// contested, what we would write. Nil is none. No look changes it: each
	// leaves another.
	ours rollout.Record
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

// face is one look at a record that somebody else may have written: the
// objects' entries are taken in turn, each by entry and then by note.
type face struct {
	before rival
	found  rollout.Record
	known  func(entry string) bool // by our key
	// contested: somebody else has replaced what we recorded.
	contested bool
	// foreign: with entries of another key.
	foreign bool
	// changed: there is something to restart for; own: something that no
	// operator of another key is known to see to.
	changed, own bool
	// ours and theirs are those of the rival after this look.
	ours, theirs rollout.Record
}

// entryOf is what the records say of one object.
type entryOf struct {
	name string
	// base is what the workload runs with; empty if nobody knows.
	base string
	// foreign: another operator records it, and news: otherwise than before.
	foreign, news bool
}

// meet begins a look at the record that was found.
func (v *rival) meet(found rollout.Record, known func(entry string) bool) *face {
	return &face{
		before: *v, found: found, known: known, ours: maps.Clone(v.ours),
		contested: v.ours != nil && !maps.Equal(objectsOf(v.ours), objectsOf(found)),
	}
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

// entry puts together what the workload bears, what we remember and what is
// known of the rival.
func (f *face) entry(name string) entryOf {
	found, ours, theirs := f.found[name], f.before.ours[name], f.before.theirs[name]
	known := f.known(found)
	it := entryOf{name: name, foreign: f.contested && found != "" && !known}
	it.news = it.foreign && found != theirs
	switch {
	case it.news && theirs != "": // it has seen to the change
	case f.known(ours):
		it.base = ours
	case known && (ours != "" || !f.contested):
		it.base = found
	}
	// Else nothing, or by another key, or of before our time: as `kubectl
	// rollout undo` brings it back together with the pod template that it was
	// about, whose pods start anew. All these are as if never seen.
	return it
}

// note takes down the entry as it is to be, and how the rival records the
// object, unless that may still have to see to a change.
func (f *face) note(it entryOf, entry string, changed bool) {
	theirs := f.before.theirs[it.name]
	// Whom we meet for the first time may have recorded the object as it is now,
	// and know of no change: one restart too many is better than none.
	f.own = f.own || changed && (!it.foreign || theirs == "")
	f.foreign, f.changed = f.foreign || it.foreign, f.changed || changed
	if f.contested && !changed {
		f.ours[it.name] = entry
		if it.foreign {
			theirs = f.found[it.name]
		}
	}
	if theirs == "" {
		return
	}
	if f.theirs == nil {
		f.theirs = rollout.Record{}
	}
	f.theirs[it.name] = theirs
}

// learn keeps what a look has found out, whatever comes of it. If it agrees,
// there is a record, and nothing in it to be written otherwise.
func (v *rival) learn(f *face, agrees bool) {
	v.theirs = f.theirs
	switch {
	case agrees:
		v.ours = f.found
	case f.contested:
		v.ours = f.ours
	}
	if !f.changed {
		v.since = time.Time{}
	}
}

// yield reports, of a record that would be written otherwise, that it is left
// as somebody else wrote it, and if so for how long; 0 is until something
// changes. Tell: its user should hear of that.
func (v *rival) yield(f *face, now time.Time, patience time.Duration) (wait time.Duration, yields, tell bool) {
	switch {
	case !f.contested || f.own:
		return 0, false, false
	case f.foreign && !f.changed:
		return 0, true, true
	case f.foreign:
		if v.since.IsZero() {
			v.since = now
		}
		wait = v.since.Add(patience).Sub(now)
	default:
		wait = v.wrote.Add(v.pause()).Sub(now)
	}
	if wait <= 0 {
		return 0, false, false
	}
	return wait, true, f.foreign || v.undone >= few
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
	v.ours, v.wrote, v.since = record, now, time.Time{}
}
