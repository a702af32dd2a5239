package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		stat string
		want time.Duration
	}{
		"plain":                {"42 (tacit) S 1 42 42 0 -1 4194560 9 0 3 0 120 30 0 0 20 0 9 0 77 1 1", 1500 * time.Millisecond},
		"brackets in the name": {"42 (a) b (c) R 1 42 42 0 -1 4194560 9 0 3 0 1 2 0 0 20 0 9 0 77 1 1", 30 * time.Millisecond},
		"cut off":              {"42 (tacit) S 1 42", 0},
		"empty":                {"", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := parseStat([]byte(test.stat)); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestField(t *testing.T) {
	t.Parallel()
	const status = "VmRSS:\t  99999 kB\nRssAnon:\t   24000 kB\nRssFile:\t  40000 kB\n"
	if got, err := field([]byte(status), "RssAnon"); err != nil || got != 24000<<10 {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := field([]byte(status), "Rss"); err == nil {
		t.Error("a field that is not there was read")
	}
}

func TestGoals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		goal goal
		v    float64
		met  bool
	}{
		{atLeast(70), 70, true}, {atLeast(70), 69.9, false},
		{atMost(100), 100, true}, {atMost(100), 101, false}, {atMost(0), 0, true},
	} {
		var r result
		r.add("figure", test.v, percent, test.goal)
		if got := *r.Figures[0].Met; got != test.met {
			t.Errorf("%v against %+v: met is %v", test.v, test.goal, got)
		}
	}
}

func TestFollowCountsAnObjectOnce(t *testing.T) {
	t.Parallel()
	event := func(name, status string) string {
		return `{"type":"MODIFIED","object":{"metadata":{"name":"` + name +
			`"},"status":{"conditions":[{"type":"Ready","status":"` + status + `"}]}}}` + "\n"
	}
	m := &meter{n: 2, done: map[string]bool{}, ready: make(chan time.Time, 1)}
	if err := m.follow(strings.NewReader(event("a", "True") + event("a", "True") + event("b", "False"))); err != nil {
		t.Error(err)
	}
	if len(m.ready) != 0 || m.seen.Load() != 1 {
		t.Errorf("got %d objects", m.seen.Load())
	}
	// A further stream goes on where the first ended.
	if err := m.follow(strings.NewReader(event("b", "True") + event("a", "True"))); err != nil {
		t.Error(err)
	}
	if len(m.ready) != 1 {
		t.Error("two of two objects are Ready, and nobody was told")
	}
	if err := m.follow(strings.NewReader(`{"type":"ERROR","object":{}}` + "\n")); err == nil || !strings.Contains(err.Error(), "broke it off") {
		t.Errorf("got %v", err)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	more := int64(41)
	list := &corev1.SecretList{ListMeta: metav1.ListMeta{RemainingItemCount: &more}, Items: make([]corev1.Secret, 1)}
	if got := count(list); got != 42 {
		t.Errorf("got %d", got)
	}
}

func TestReportShowsEveryFigureWithItsGoal(t *testing.T) {
	t.Parallel()
	turn := func(d time.Duration) turn {
		return turn{Objects: 1000, Secrets: d, Ready: d, First: d / 10, Used: usage{Span: d, APIServer: d, All: d}}
	}
	r := report{Command: "go run ./bench", Commit: "abc", Machine: machine{Cores: 2, Memory: 24 << 30, Go: "go1.26", Kubernetes: "v1.36.3"}}
	small, large := result{Name: "cold-1000", Title: "small"}, result{Name: "cold-5000", Title: "large"}
	got := coldResult{turn: turn(2 * time.Second), requests: map[testkit.Request]int{
		{Verb: "PATCH", Resource: "externalsecrets", Subresource: "status"}: 1000}}
	small.cold(100, turn(time.Second), got, turn(time.Second))
	got.turn = turn(4 * time.Second)
	large.cold(500, turn(time.Second), got, turn(time.Second))
	broken := result{Name: "still", Title: "broken", Failure: "the operator ended"}
	r.Results = []result{small, large, broken}
	r.compare()
	var table, page bytes.Buffer
	if err := r.writeTables(&table); err != nil {
		t.Fatal(err)
	}
	if err := r.writeMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"rate to all Ready, of the bare writer's | 50 % | ≥ 70 % | NOT MET",
		"rate to all Ready, of that with 1,000 | 50 % | ≥ 90 % | NOT MET",
		"Vault: reads of values | 0 | ≤ 100 | met",
		"API server: PATCH externalsecrets/status | 1000 |  | 1.00 an object",
		"It did not complete: the operator ended",
		"2 cores, 24 GiB of memory; go1.26, Kubernetes v1.36.3",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, page.String())
		}
	}
	if n := strings.Count(table.String(), "NOT MET"); n != 4 {
		t.Errorf("got %d goals not met in the table:\n%s", n, table.String())
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	if got, err := choose("still,cold-1000"); err != nil || len(got) != 2 || got[0].name != "still" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := choose("warm"); err == nil {
		t.Error("a workload that is not there was chosen")
	}
}
