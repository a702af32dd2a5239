package controller

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

func planOf(key string, interval time.Duration) *delivery.Delivery {
	return &delivery.Delivery{
		Sources:  []delivery.Source{{Store: delivery.StoreRef{Kind: "ClusterSecretStore", Name: "vault"}, Remote: delivery.Remote{Key: key}}},
		Schedule: delivery.Schedule{Policy: delivery.Periodic, Interval: interval, Current: true},
	}
}

func TestARefreshComesWithinTheInterval(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		interval := time.Duration(rapid.Int64Range(1, int64(1000*time.Hour)).Draw(t, "interval"))
		last := time.Unix(0, rapid.Int64Range(0, 4e18).Draw(t, "last"))
		plan := planOf(rapid.String().Draw(t, "key"), interval)
		tick := nextTick(plan, last)
		interval = max(interval, minInterval)
		if !tick.After(last) || tick.Sub(last) > interval {
			t.Fatalf("after %v comes %v, with an interval of %v", last, tick, interval)
		}
		if again := nextTick(plan, tick); again.Sub(tick) != interval {
			t.Fatalf("ticks are %v apart, want %v", again.Sub(tick), interval)
		}
	})
}

// A status remembers whole seconds.
func TestATickIsNotDueAgainAfterARestart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		interval := time.Duration(rapid.Int64Range(1, 1_000_000).Draw(t, "interval")) * time.Second
		plan := planOf(rapid.String().Draw(t, "key"), interval)
		tick := nextTick(plan, time.Unix(0, rapid.Int64Range(0, 4e18).Draw(t, "last")))
		ran := tick.Add(time.Duration(rapid.Int64Range(0, int64(900*time.Millisecond)).Draw(t, "late")))
		if remembered := ran.Truncate(time.Second); due(plan, true, remembered, ran.Add(50*time.Millisecond)) {
			t.Fatalf("ran at %v, is due again at once by %v", ran, remembered)
		}
	})
}

func TestRepairsThatAreUndoneSlowDown(t *testing.T) {
	t.Parallel()
	var r repairs
	now := time.Unix(1_800_000_000, 0)
	for i := range 20 {
		if pause := r.pause(); i <= quickRepairs && pause > 0 || pause > lastRetry {
			t.Fatalf("pause of %v after %d repairs", pause, i)
		}
		now = now.Add(r.pause() + 100*time.Millisecond)
		r.wrote(now)
	}
	if r.pause() != lastRetry {
		t.Errorf("pause of %v after 20 repairs, want %v", r.pause(), lastRetry)
	}
	r.wrote(now.Add(lastRetry + time.Minute))
	if r.pause() != 0 {
		t.Errorf("pause of %v after a repair that held", r.pause())
	}
}

func TestObjectsWithOneKeyShareTheirTickAndOthersSpread(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_800_000_000, 0)
	ticks := map[time.Time]bool{}
	for i := range 200 {
		key := fmt.Sprintf("app/%d", i)
		one := nextTick(planOf(key, time.Hour), start)
		// Another object that reads the key, synced a second later.
		if two := nextTick(planOf(key, time.Hour), start.Add(time.Second)); !two.Equal(one) {
			t.Errorf("%s: ticks %v and %v", key, one, two)
		}
		ticks[one] = true
	}
	if len(ticks) != slots {
		t.Errorf("200 keys are read at %d moments of the hour, want %d", len(ticks), slots)
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct {
		policy   delivery.RefreshPolicy
		interval time.Duration
		current  bool
		last     time.Time
		want     bool
	}{
		"never ran":                            {delivery.Periodic, time.Hour, false, time.Time{}, true},
		"ran, an interval ago":                 {delivery.Periodic, time.Hour, true, now.Add(-time.Hour), true},
		"changed since":                        {delivery.Periodic, 1000 * time.Hour, false, now.Add(-time.Second), true},
		"ran in the future: the clock was off": {delivery.Periodic, time.Hour, true, now.Add(time.Hour), true},
		"interval 0, ran":                      {delivery.Periodic, 0, true, now.Add(-1000 * time.Hour), false},
		"interval 0, never ran":                {delivery.Periodic, 0, false, time.Time{}, true},
		"created once, changed":                {delivery.CreatedOnce, time.Hour, false, now.Add(-time.Hour), false},
		"on change, changed":                   {delivery.OnChange, time.Hour, false, now.Add(-time.Second), true},
		"on change, unchanged for long":        {delivery.OnChange, time.Hour, true, now.Add(-1000 * time.Hour), false},
	} {
		plan := planOf("k", c.interval)
		plan.Schedule.Policy = c.policy
		if got := due(plan, c.current, c.last, now); got != c.want {
			t.Errorf("%s: due = %v", name, got)
		}
	}
}

func TestRetriesSpreadAndHonourWhatWasAsked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1000).Draw(t, "failures")
		asked := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "asked"))
		d := retryAfter(n, &delivery.Error{RetryAfter: asked})
		if d < asked || d < firstRetry/2 || d > max(lastRetry, asked*5/4+time.Millisecond) {
			t.Fatalf("failure %d, asked for %v: retry after %v", n, asked, d)
		}
	})
}

func TestErrorsAreTriedAgainWithinTheTimeOfAStore(t *testing.T) {
	t.Parallel()
	limiter, one, other := errorRetries(), request{}, request{}
	one.Name, other.Name = "one", "other"
	before := time.Duration(0)
	for i := range 100 {
		d := limiter.When(one)
		if i == 0 && d != cacheLag || d < before || d > lastStoreRetry {
			t.Fatalf("error %d is tried again after %v, the one before after %v", i+1, d, before)
		}
		before = d
	}
	if before != lastStoreRetry {
		t.Errorf("the hundredth error is tried again after %v, want %v", before, lastStoreRetry)
	}
	if d := limiter.When(other); d != cacheLag {
		t.Errorf("the first error of another object is tried again after %v", d)
	}
	limiter.Forget(one)
	if d := limiter.When(one); d != cacheLag {
		t.Errorf("the first error after a success is tried again after %v", d)
	}
}

func TestWhatIsLeftAloneIsRepairedSoon(t *testing.T) {
	t.Parallel()
	var r repairs
	now := time.Unix(1_800_000_000, 0)
	for range quickRepairs + 8 {
		r.wrote(now)
	}
	for i := range 5 {
		now = now.Add(time.Second)
		if wait := r.wait(string(rune('a'+i)), now); wait != repairWindow {
			t.Errorf("waits %v after a change, want %v", wait, repairWindow)
		}
	}
	if wait := r.wait("e", now.Add(repairWindow)); wait > 0 {
		t.Errorf("waits %v more though nobody touched it for %v", wait, repairWindow)
	}
	if wait := (&repairs{n: quickRepairs + 1, last: now}).wait("x", now); wait != firstRetry {
		t.Errorf("waits %v, want the pause of %v", wait, firstRetry)
	}
}
