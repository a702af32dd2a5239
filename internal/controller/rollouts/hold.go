package rollouts

import (
	"time"

	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// hold is how a Deployment is kept paused after a change, so that later ones
// join its rollout. All of it is on the Deployment: a restart of the operator
// forgets nothing.
type hold struct {
	key    string        // of the annotation
	period time.Duration // 0: changes do not pause
	// taken: somebody else has paused the Deployment, and lets it go on.
	taken bool
	// on: the Deployment is paused that way until then.
	on    bool
	until time.Time
}

func (e *entry) hold() hold {
	var h hold
	if e.kind != "Deployment" {
		return h
	}
	for i := range e.wishes {
		plan := &e.wishes[i].plan
		if plan.HeldAt == "" {
			continue
		}
		h.key, h.period, h.on = plan.HeldAt, plan.Hold, e.paused && plan.Held(e.Annotations)
		h.taken = e.paused && !h.on
		// A time that cannot be read is long past.
		if since, err := time.Parse(time.RFC3339, e.Annotations[h.key]); err == nil && h.period > 0 {
			h.until = since.Add(h.period)
		}
		break
	}
	return h
}

// rolls reports that an act restarts the workload: what is written to a
// Deployment that is paused only does so in the end.
func (h *hold) rolls(act *rollout.Act) bool {
	if act.Pause != nil {
		return !*act.Pause
	}
	return act.Marks != nil && !h.on
}

// apply adds to an act that it begins or ends the hold, and returns when the
// Deployment is to be looked at again; zero if there is no hold.
func (h *hold) apply(act *rollout.Act, now time.Time) time.Time {
	yes, no := true, false
	switch {
	case h.on && h.until.After(now):
		return h.until
	case h.on:
		act.Pause, act.Annotations = &no, map[string]*string{h.key: nil}
	case act.Marks != nil && h.period > 0 && !h.taken:
		at := now.UTC().Format(time.RFC3339)
		act.Pause, act.Annotations = &yes, map[string]*string{h.key: &at}
		return now.Add(h.period)
	}
	return time.Time{}
}
