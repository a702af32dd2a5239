package rollouts

import (
	"maps"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// TestLooksAtARecordOfOthers is what comes of a record that is not as it was
// left: by an undo, a copy, another operator with a key of its own, or a tool
// that takes it for a part of its manifest.
func TestLooksAtARecordOfOthers(t *testing.T) {
	t.Parallel()
	type then = func(*stand)
	has := func(entries ...string) then { return func(s *stand) { s.has(entries...) } }
	says := func(text string) then { return func(s *stand) { s.put(text) } }
	after := func(d time.Duration) then { return func(s *stand) { s.now = s.now.Add(d) } }
	bears := func(operator string, entries ...string) then {
		return func(s *stand) { s.put(s.entries(operator, entries...).Of(s.w.id())) }
	}
	uses := func(names ...string) then {
		return func(s *stand) {
			s.version++
			s.w.uses = nil
			for _, name := range names {
				s.w.uses = append(s.w.uses, use{"Secret", name, "main"})
			}
		}
	}
	both := func(f, g then) then { return func(s *stand) { f(s); g(s) } }
	const (
		other = "another's"
		tells = "tells ReloadContested"
		one   = "records [app=one db=one]"
		two   = "records [app=two db=one]"
	)
	var (
		nothing = func(*stand) {}
		starts  = func(s *stand) { s.r.memories = newMemories() } // the operator, anew
		old     = bears(ours, "app=one", "db=one")
		theirs  = bears(other, "app=one", "db=one")
		mixed   = func(s *stand) {
			r := s.entries(ours, "db=one")
			maps.Copy(r, s.entries(other, "app=one"))
			s.put(r.Of(s.w.id()))
		}
		copied = func(s *stand) {
			starts(s)
			s.put(s.entries(ours, "app=three", "db=one").Of(delivery.Workload{Kind: "Deployment", Namespace: "ns", Name: "original"}))
		}
		triggered = func(s *stand) {
			record, _ := rollout.RecordOf(s.w.id(), s.w.Annotations)
			record["VaultSyncStatus/x"] = "1"
			s.put(record.Of(s.w.id()))
		}
	)
	type step struct {
		then then
		want string
	}
	for name, steps := range map[string][]step{
		"nobody else": {
			{has("app=two"), "restarts, " + two},
			{nothing, ""},
			{both(starts, has("db=two")), "restarts, records [app=two db=two]"},
			{has("app="), "restarts, records [app= db=two]"},
			{nothing, ""},
			{has("app=two"), "restarts, records [app=two db=two]"},
		},
		"a restart for something else": {{triggered, ""}, {has("app=two"), "restarts, records [app=two db=one VaultSyncStatus/x=?]"}},

		"undo":                        {{has("app=two"), "restarts, " + two}, {old, two}, {nothing, ""}, {has("app=three"), "restarts, records [app=three db=one]"}},
		"undo with a change":          {{has("app=two"), "restarts, " + two}, {both(old, has("app=three")), "restarts, records [app=three db=one]"}, {nothing, ""}},
		"undo to a record of less":    {{bears(ours, "db=one"), one}, {has("app=two"), "restarts, " + two}},
		"undo while there is nobody":  {{has("app=two"), "restarts, " + two}, {both(old, starts), "restarts, " + two}, {nothing, ""}},
		"undo after a Secret is gone": {{has("app="), "restarts, records [app= db=one]"}, {old, "records [app= db=one]"}, {has("app=one"), "restarts, " + one}},

		"undo to another Secret": {{uses("db"), "records [db=one]"}, {has("app=two"), ""}, {both(old, uses("app", "db")), two}, {nothing, ""}},

		"clone": {{copied, one}, {has("app=two"), "restarts, " + two}},

		"another key": {
			{theirs, tells},
			{nothing, ""},
			{has("app=two"), "again in 1m0s"},
			{after(20 * time.Second), "again in 40s"},
			{bears(other, "app=two", "db=one"), ""},
			{nothing, ""},
			{has("db=two"), "again in 1m0s"},
			{after(time.Minute), "restarts, records [app=two db=two]"},
			{nothing, ""},
			{bears(other, "app=two", "db=two"), tells},
			{after(time.Hour), ""},
		},
		"another key, after a start":            {{starts, ""}, {theirs, tells}},
		"another key, with a change":            {{both(theirs, has("app=two")), "restarts, " + two}},
		"another key, that saw to a change":     {{theirs, tells}, {both(has("app=two"), bears(other, "app=two", "db=one")), ""}, {nothing, ""}},
		"another key, of one entry":             {{mixed, tells}, {has("app=two"), "again in 1m0s"}, {has("db=two"), "restarts, records [app=two db=two]"}},
		"another key, while there was nobody":   {{both(starts, theirs), one}, {has("app=two"), "restarts, " + two}},
		"another key, and a Secret that goes":   {{theirs, tells}, {has("app="), "again in 1m0s"}, {bears(other, "app=", "db=one"), ""}, {has("app=one"), "again in 1m0s"}},
		"another key, and a Secret of no entry": {{bears(other, "db=one"), tells}, {has("app=two"), "restarts, " + two}},

		"put back": {
			{has("app=two"), "restarts, " + two},
			{old, two},
			{old, "again in 200ms"},
			{both(old, after(200*time.Millisecond)), two},
			{both(old, after(400*time.Millisecond)), two},
			{old, tells + ", again in 800ms"},
			{old, "again in 800ms"},
			{has("app=three"), "restarts, records [app=three db=one]"}, // at once
			{both(old, after(800*time.Millisecond)), "again in 800ms"},
			{after(time.Hour), "records [app=three db=one]"},
			{nothing, ""},
			{old, "again in 200ms"}, // for it was peace
		},
		"removed": {
			{says(""), one},
			{says(""), "again in 200ms"},
			{after(200 * time.Millisecond), one},
			{both(says(""), after(400*time.Millisecond)), one},
			{says(""), tells + ", again in 800ms"},
			{has("app=two"), "restarts, " + two},
		},
		"made nonsense of": {{says("nonsense"), one}, {says("nonsense"), "again in 200ms"}, {has("app=two"), "restarts, " + two}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			s.has("app=one", "db=one")
			if got := s.look(); got != one {
				t.Fatalf("at first it did %q", got)
			}
			for i, step := range steps {
				step.then(s)
				if got := s.look(); got != step.want {
					t.Errorf("step %d: it did %q, want %q", i, got, step.want)
				}
			}
		})
	}
}
