package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// see makes a sight of an object of a generation.
func see(at time.Time, namespace string, generation int64) sight {
	return sight{at, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "a", Generation: generation}}}
}

func TestUntilCountsAnObjectOnce(t *testing.T) {
	t.Parallel()
	start := time.Now()
	after := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	s := &sights{events: make(chan sight, 8)}
	for _, e := range []sight{see(after(1), "one", 1), see(after(2), "one", 2), see(after(3), "one", 3), see(after(4), "two", 2), see(after(5), "two", 3)} {
		s.events <- e
	}
	first, last, err := s.until(context.Background(), 2, nil, func(e sight) bool { return e.Generation > 1 })
	if err != nil || !first.Equal(after(2)) || !last.Equal(after(4)) {
		t.Errorf("got %v to %v, %v", first.Sub(start), last.Sub(start), err)
	}
	if len(s.events) != 1 {
		t.Errorf("%d sights are left for the next", len(s.events))
	}
	ended := make(chan struct{})
	close(ended)
	_, _, err = s.until(context.Background(), 2, ended, func(sight) bool { return false })
	if err == nil || !strings.Contains(err.Error(), "the operator ended after 0 of 2") {
		t.Errorf("got %v", err)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for i := range 200 {
		all = append(all, time.Duration(i+1))
	}
	for p, want := range map[int]time.Duration{0: 1, 50: 100, 99: 198, 100: 200} {
		if got := percentile(all, p); got != want {
			t.Errorf("percentile %d: got %d, want %d", p, got, want)
		}
	}
	if got := percentile(nil, 50); got != 0 {
		t.Errorf("of nothing: got %v", got)
	}
}

func TestNewer(t *testing.T) {
	t.Parallel()
	if !newer("100", "99") || newer("99", "100") || newer("99", "99") {
		t.Error("versions are compared as numbers")
	}
}

func TestTheRoadsFiguresHaveTheirGoals(t *testing.T) {
	t.Parallel()
	var fan, roll result
	fan.fanout(bareFan{time.Second, time.Second}, fanResult{
		first: time.Second, last: 3 * time.Second, changes: []time.Duration{2 * time.Second, time.Second / 2, time.Second / 4},
		changed: map[testkit.Request]int{{Verb: "GET", Resource: "secrets"}: 2 * fanChanges, {Verb: "PATCH", Resource: "secrets"}: fanNamespaces * fanChanges},
	}, bareFan{time.Second, time.Second})
	want(t, fan, "last copy, from process start", "3 s", "≤ 2 s", "NOT MET")
	want(t, fan, "a change of the source at the last namespace, median", "0.50 s", "", "")
	want(t, fan, "the same, worst of 3", "2 s", "≤ 1 s", "NOT MET")
	want(t, fan, "GETs of Secrets a change", "2", "≤ 1", "NOT MET")
	want(t, fan, "patches of Secrets a change", "300", "≤ 300", "met")
	roll.rollouts(rollResult{
		own:    []time.Duration{200 * time.Millisecond, 50 * time.Millisecond, 90 * time.Millisecond},
		ownGot: 199, ownWant: 200, sharedGot: 50, burstGot: 51, each: 50,
	})
	want(t, roll, "a Deployment's own Secret changes, until its pod template is patched, p50", "90 ms", "≤ 100 ms", "met")
	want(t, roll, "rollouts of so many single changes", "199", "= 200", "NOT MET")
	want(t, roll, "rollouts of that one change", "50", "= 50", "met")
	want(t, roll, "rollouts of these changes", "51", "= 50", "NOT MET")
}

func want(t *testing.T, r result, row ...string) {
	t.Helper()
	if !slices.ContainsFunc(r.rows(), func(got []string) bool { return slices.Equal(got, row) }) {
		t.Errorf("no row %q among %q", row, r.rows())
	}
}
