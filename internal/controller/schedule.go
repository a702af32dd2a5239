package controller

import (
	"hash/fnv"
	"math/rand/v2"
	"time"

	"k8s.io/client-go/util/workqueue"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// minInterval bounds how often one object may ask a store that it shares.
const minInterval = time.Second

// slots is how many an interval has. Objects with the same first source share
// one, so that they ask together and cost one read; where only the destination
// is in a store, those with the same destination do. Others spread over the
// interval, so that the load is flat. A source that many objects have, but not
// first, costs at most this many reads an interval.
const slots = 12

// nextTick is when a refresh is due that follows one at last: the next tick
// of the object's slot, at most one interval later.
//
// Ticks are at whole seconds where the interval is, for that is what a status
// remembers of when it last ran.
func nextTick(plan *delivery.Delivery, last time.Time) time.Time {
	interval := max(plan.Schedule.Interval, minInterval)
	phase := time.Duration(0)
	if len(plan.Sources) > 0 {
		s := &plan.Sources[0]
		ref, key := s.Store, s.Remote.Key
		if ref == (delivery.StoreRef{}) {
			ref, key = plan.Destination.Store, plan.Destination.Key
		}
		store := hash(ref.Kind, ref.Namespace, ref.Name)
		slot := hash(key, s.Search.Path, s.Search.Name) % slots
		phase = time.Duration(store % uint64(interval)).Truncate(time.Second)
		phase += (interval / slots * time.Duration(slot)).Truncate(time.Second)
	}
	since := (last.UnixNano() - int64(phase)) % int64(interval)
	if since < 0 {
		since += int64(interval)
	}
	return last.Add(interval - time.Duration(since))
}

func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// periodic reports that the plan refreshes by itself.
func periodic(s *delivery.Schedule) bool {
	return s.Policy == delivery.Periodic && s.Interval > 0
}

// due reports whether the plan must read its sources now, by its schedule
// alone, given when it last did. known is true once it has.
func due(plan *delivery.Delivery, current bool, last, now time.Time) bool {
	s := &plan.Schedule
	switch {
	case last.IsZero():
		return true
	case s.Policy == delivery.Watched:
		return !current
	case s.Policy == delivery.CreatedOnce:
		return false
	case s.Policy == delivery.Periodic && s.Interval <= 0:
		return false
	case !current:
		return true
	case !periodic(s):
		return false
	case last.After(now):
		return true // the clock was set back, or the one who wrote it is ahead
	}
	return !now.Before(nextTick(plan, last))
}

// next is when the plan is due again after a run that served its destination;
// zero if only events wake it. A lease is renewed well before it ends.
func next(plan *delivery.Delivery, out *delivery.Outcome) time.Time {
	var due time.Time
	if periodic(&plan.Schedule) {
		due = nextTick(plan, out.At)
	}
	if l := out.Lease.Held; !l.IsZero() && l.Duration > 0 {
		if renew := l.Renewed.Add(l.Duration / 3); due.IsZero() || renew.Before(due) {
			due = renew
		}
	}
	return due
}

// Backoff after failures.
const (
	firstRetry = time.Second
	lastRetry  = 7 * time.Minute
)

// retryAfter is how long to wait after the n-th failure in a row (from 1):
// doubling, with jitter so that a thousand objects do not come back together,
// and never shorter than the other side asked.
func retryAfter(n int, err *delivery.Error) time.Duration {
	d := min(firstRetry<<min(n-1, 16), lastRetry)
	d = d/2 + rand.N(d/2+1)
	if err.RetryAfter > d {
		d = err.RetryAfter + rand.N(err.RetryAfter/4+time.Millisecond)
	}
	return d
}

// errorRetries is when the queue tries again what ended in an error: a run that
// could not even tell how it ended, for the API server took no status or no
// finalizer. It begins when the watch may have brought whatever came before us,
// and ends with what docs/design/0006 promises of a store. The library's own
// begins within 5 ms, while the cache is still behind, and ends at 17 minutes.
func errorRetries() workqueue.TypedRateLimiter[request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[request](cacheLag, lastStoreRetry)
}
