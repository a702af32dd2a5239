package rollout

import (
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// How long a workload is left alone after a restart: the first time, and at the
// most.
const (
	firstPace = 10 * time.Second
	lastPace  = time.Minute
)

// pace is a workload's own: however much changes, it is restarted at once, and
// then the more rarely the longer that goes on.
type pace struct {
	gap   time.Duration
	until time.Time
}

// over reports that a change now is no longer one of those before.
func (p pace) over(now time.Time) bool { return now.Sub(p.until) >= p.gap }

// restarted begins the time that the workload is left alone.
func (l *Limit) restarted(w delivery.Workload, now time.Time) {
	if l == nil || l.perMinute < 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for other, p := range l.paces {
		if p.over(now) {
			delete(l.paces, other)
		}
	}
	gap := firstPace
	if p, ok := l.paces[w]; ok {
		gap = min(2*p.gap, lastPace)
	}
	l.paces[w] = pace{gap, now.Add(gap)}
}

// paced reports that the workload waits for nothing but its own pace.
func (l *Limit) paced(w delivery.Workload, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paces[w].until.After(now)
}
