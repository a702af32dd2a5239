package rollout

import (
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// rolled is how often a workload restarts that asks whenever something changed:
// after every so long, until the end. Each time it must be told why it waits.
func rolled(l *Limit, w delivery.Workload, from time.Time, every, end time.Duration) (at []time.Duration) {
	changed := false
	for t := time.Duration(0); t <= end; t += time.Second {
		now := from.Add(t)
		changed = changed || t%every == 0
		if changed && l.Wait(w, now) == 0 {
			l.restarted(w, now)
			at, changed = append(at, t), false
		}
	}
	return at
}

func TestAWorkloadIsPaced(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	web, db := delivery.Workload{Name: "web"}, delivery.Workload{Name: "db"}
	for name, c := range map[string]struct {
		every, end time.Duration
		want       []time.Duration // in seconds
	}{
		"all the time":      {1 * time.Second, 190 * time.Second, []time.Duration{0, 10, 30, 70, 130, 190}},
		"now and then":      {30 * time.Second, 120 * time.Second, []time.Duration{0, 30, 60, 90, 120}},
		"sooner than usual": {15 * time.Second, 80 * time.Second, []time.Duration{0, 15, 35, 75}},
	} {
		l := NewLimit(60, 5)
		got := rolled(l, web, now, c.every, c.end)
		same := len(got) == len(c.want)
		for i := range got {
			same = same && got[i] == c.want[i]*time.Second
		}
		if !same {
			t.Errorf("%s: restarted after %v, want %v s", name, got, c.want)
		}
	}

	l := NewLimit(60, 1)
	if l.Wait(web, now) != 0 {
		t.Fatal("the first has to wait")
	}
	l.restarted(web, now)
	now = now.Add(time.Second)
	if got := l.Wait(web, now); got != 9*time.Second || l.Waiting() != 1 {
		t.Errorf("it waits %v, %d do", got, l.Waiting())
	}
	if got := l.Wait(db, now); got != 0 {
		t.Errorf("another waits %v for it", got)
	}
	l.Leave(web, now)
	if n := l.Waiting(); n != 0 {
		t.Errorf("%d wait, and none asks", n)
	}
	if got := l.Wait(web, now); got != 9*time.Second {
		t.Errorf("who left and came back waits %v", got)
	}
	now = now.Add(time.Hour)
	if got := l.Wait(web, now); got != 0 {
		t.Errorf("an hour later it waits %v", got)
	}
	l.restarted(db, now)
	if len(l.paces) != 1 {
		t.Errorf("%d are remembered that were restarted an hour ago", len(l.paces)-1)
	}

	none := NewLimit(-1, 0)
	if got := rolled(none, web, now, time.Second, time.Minute); len(got) != 61 {
		t.Errorf("without a limit it restarts %d times", len(got))
	}
	var nobody *Limit
	if got := rolled(nobody, web, now, time.Second, time.Minute); len(got) != 61 {
		t.Errorf("with no limit it restarts %d times", len(got))
	}
}
