package rollout

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Limit spreads rollouts: a change that concerns a whole cluster must not
// restart all of it in the same minute. Each workload waits for its turn in
// the order of asking, and what changes meanwhile is one rollout with it. A
// workload that was restarted just now waits before it asks, so that one whose
// Secrets change all the time takes no turns from the others.
type Limit struct {
	bucket    *rate.Limiter
	perMinute int

	mu    sync.Mutex
	turns map[delivery.Workload]turn
	paces map[delivery.Workload]pace
}

// turn is a workload's; without a time it has not asked for one yet.
type turn struct {
	*rate.Reservation
	at time.Time
}

// The defaults of NewLimit.
const (
	defaultPerMinute = 60
	defaultBurst     = 30
)

// NewLimit returns a limit of so many rollouts a minute, and so many at once
// after a quiet time. Zero values are 60 and 30; a negative rate limits
// nothing, nor does it leave a workload alone after a restart.
func NewLimit(perMinute, burst int) *Limit {
	if perMinute == 0 {
		perMinute = defaultPerMinute
	}
	if burst <= 0 {
		burst = defaultBurst
	}
	every := rate.Inf
	if perMinute > 0 {
		every = rate.Limit(float64(perMinute) / 60)
	}
	return &Limit{bucket: rate.NewLimiter(every, burst), perMinute: perMinute, turns: map[delivery.Workload]turn{}, paces: map[delivery.Workload]pace{}}
}

// Wait returns how long the workload has to wait for its turn. At 0 it is its
// turn, which the call takes.
func (l *Limit) Wait(w delivery.Workload, now time.Time) time.Duration {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.turns[w]
	if wait := l.paces[w].until.Sub(now); wait > 0 {
		l.turns[w] = t
		return wait
	}
	if t.at.IsZero() {
		r := l.bucket.ReserveN(now, 1)
		t = turn{r, now.Add(r.DelayFrom(now))}
	}
	if wait := t.at.Sub(now); wait > 0 {
		l.turns[w] = t
		return wait
	}
	delete(l.turns, w)
	return 0
}

// Leave gives the workload's turn up if it has one.
func (l *Limit) Leave(w delivery.Workload, now time.Time) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if t, ok := l.turns[w]; ok {
		if t.Reservation != nil {
			t.CancelAt(now)
		}
		delete(l.turns, w)
	}
}

// Return keeps a turn that was taken and came to nothing, for the next try.
func (l *Limit) Return(w delivery.Workload, now time.Time) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns[w] = turn{at: now}
}

// Waiting is how many workloads wait for their turn.
func (l *Limit) Waiting() int {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.turns)
}

// waiting says why the workload has to.
func (l *Limit) waiting(w delivery.Workload, now time.Time, wait time.Duration) string {
	wait = max(wait.Round(time.Second), time.Second)
	if l.paced(w, now) {
		return fmt.Sprintf("it was restarted just now, so what changes within %s is one more restart", wait)
	}
	return fmt.Sprintf("its turn to restart comes in %s, for the operator restarts %d workloads a minute", wait, l.perMinute)
}
