package rollouts

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// decision is what a workload needs.
type decision struct {
	// record as it is to be, and whether it differs from what it is.
	record  rollout.Record
	differs bool
	face    *face // of the record that it has

	changed  []change
	causes   []string
	identity string // of the change, see rollout.Act.Cause
}

// change is an object that restarts the workload, and the wishes by which it
// does.
type change struct {
	delivery.Reloaded
	wishes []*wish
}

// decide compares what the workload runs with to what there is.
func (r *reconciler) decide(ctx context.Context, e *entry, mem *memory) (decision, error) {
	record, known := rollout.RecordOf(e.id(), e.Annotations)
	d := decision{record: rollout.Record{}, face: mem.rival.meet(record, r.Runner.Known)}
	for name, digest := range record {
		if _, ok := rollout.Object(name, e.Namespace); !ok {
			d.record[name] = digest
		}
	}
	var identity []string
	for _, ref := range e.candidates(r.objects, record) {
		if r.objects[ref.Kind] == nil {
			continue
		}
		it := d.face.entry(rollout.Entry(ref))
		now, wishes, err := r.look(ctx, e, ref, it)
		if err != nil {
			return decision{}, err
		}
		if len(wishes) == 0 {
			continue
		}
		entry, restarts := r.verdict(it.base, now)
		d.record[it.name] = entry
		restarts = restarts && entry != record[it.name]
		d.face.note(it, entry, restarts)
		if !restarts {
			continue
		}
		container, _ := e.using(ref)
		if now.gone {
			now.digest = r.Runner.Digest(ref, nil)
		}
		d.changed = append(d.changed, change{delivery.Reloaded{Object: ref, Digest: now.digest, Container: container}, wishes})
		d.causes = append(d.causes, ref.Kind+" "+ref.Name)
		identity = append(identity, it.name+"@"+now.version)
	}
	d.identity = strings.Join(identity, ",")
	d.differs = !maps.Equal(d.record, record) || !known && e.asking()
	mem.rival.learn(d.face, known && !d.differs)
	return d, nil
}

// look returns an object as it is, and the wishes by which a change of it
// restarts the workload. Of an object that is known to be gone, and of one
// that nobody wishes for, nothing is read.
func (r *reconciler) look(ctx context.Context, e *entry, ref delivery.ObjectRef, it entryOf) (content, []*wish, error) {
	gone := content{gone: true}
	meta := r.objects.get(ref)
	if meta == nil {
		wishes := e.wishing(ref, tags{}, true)
		if it.base != "" || len(wishes) == 0 {
			return gone, wishes, nil
		}
		// Never seen: the watch of workloads may be ahead of this one.
	} else if wishes := e.wishing(ref, tags{meta.Labels, meta.Annotations}, false); len(wishes) == 0 {
		return content{}, nil, nil
	}
	known := meta
	if it.news {
		known = nil // the watch may not have brought yet what that is about
	}
	now, err := r.digests.of(ctx, ref, known)
	switch {
	case err != nil:
		return content{}, nil, err
	case now.gone:
		return gone, e.wishing(ref, tags{}, true), nil
	case meta == nil:
		return now, e.wishing(ref, now.tags, false), nil
	}
	return now, e.wishing(ref, tags{meta.Labels, meta.Annotations}, false), nil
}

// verdict is what the record says of an object from now on, and whether that
// restarts the workload.
func (r *reconciler) verdict(old string, now content) (entry string, restarts bool) {
	absent := r.Runner.Absent()
	if now.gone {
		switch {
		case old == "":
			return absent, false
		case old == absent || !r.OnDelete:
			// What it was still counts: if it comes back as it was, nothing
			// has changed.
			return old, false
		}
		return absent, true
	}
	entry = r.Runner.Short(now.digest)
	switch old {
	case "", entry:
		return entry, false
	case absent:
		return entry, r.OnCreate
	}
	return entry, true
}

// marks are what all languages write for the change.
func (d *decision) marks(e *entry, now time.Time) *delivery.ReloadMarks {
	out := &delivery.ReloadMarks{Annotations: map[string]string{}, Template: map[string]string{}}
	for i := range e.wishes {
		h := &e.wishes[i]
		var mine []delivery.Reloaded
		for _, c := range d.changed {
			for _, w := range c.wishes {
				if w == h {
					mine = append(mine, c.Reloaded)
				}
			}
		}
		if len(mine) == 0 {
			continue
		}
		m := h.language.Mark(e.seen(), mine, now)
		maps.Copy(out.Annotations, m.Annotations)
		maps.Copy(out.Template, m.Template)
		out.RestartPods = out.RestartPods || m.RestartPods
		for _, env := range m.Env {
			if env.Container != "" {
				out.Env = append(out.Env, env)
			}
		}
	}
	if e.refers {
		out.Template, out.Env = nil, nil // a template of its own would make it invalid
	}
	if len(out.Template)+len(out.Env) == 0 && !out.RestartPods {
		return nil
	}
	return out
}
