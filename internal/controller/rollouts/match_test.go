package rollouts

import (
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// TestWhichObjectsRestart is the original's precedence: the object's ignore,
// exclude, named, search, auto.
func TestWhichObjectsRestart(t *testing.T) {
	t.Parallel()
	const (
		auto    = "reloader.stakater.com/auto"
		search  = "reloader.stakater.com/search"
		named   = "secret.reloader.stakater.com/reload"
		exclude = "secrets.exclude.reloader.stakater.com/reload"
	)
	for name, c := range map[string]struct {
		says    map[string]string // on the workload
		object  string            // "used" is used by it
		has     string            // annotation of the object, of which the value is true
		restart bool
	}{
		"auto, used":                   {map[string]string{auto: "true"}, "used", "", true},
		"auto, not used":               {map[string]string{auto: "true"}, "other", "", false},
		"auto, ignored":                {map[string]string{auto: "true"}, "used", "reloader.stakater.com/ignore", false},
		"auto, excluded":               {map[string]string{auto: "true", exclude: "a, used"}, "used", "", false},
		"auto, another excluded":       {map[string]string{auto: "true", exclude: "use"}, "used", "", true},
		"named, not used":              {map[string]string{named: "other"}, "other", "", true},
		"named, part of a name":        {map[string]string{named: "oth"}, "other", "", false},
		"named by a pattern":           {map[string]string{named: "x,o.*r"}, "other", "", true},
		"named, pattern is anchored":   {map[string]string{named: "o.*e"}, "other", "", false},
		"named, excluded":              {map[string]string{named: "o.*r", exclude: "other"}, "other", "", false},
		"named, ignored":               {map[string]string{named: "other"}, "other", "reloader.stakater.com/ignore", false},
		"search, matched":              {map[string]string{search: "true"}, "used", "reloader.stakater.com/match", true},
		"search, not matched":          {map[string]string{search: "true"}, "used", "", false},
		"search, matched, not used":    {map[string]string{search: "true"}, "other", "reloader.stakater.com/match", false},
		"search beside auto":           {map[string]string{search: "true", auto: "true"}, "used", "", true},
		"auto is off, but it is named": {map[string]string{auto: "false", named: "used"}, "used", "", true},
		"matched, but nobody searches": {map[string]string{named: "x"}, "used", "reloader.stakater.com/match", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(languages())
			w := &workload{kind: "Deployment", uses: []use{{"Secret", "used", "main"}}, first: "main"}
			w.Namespace, w.Name, w.Annotations = "ns", "web", c.says
			s.put(w)
			ref := delivery.ObjectRef{Kind: "Secret", Namespace: "ns", Name: c.object}
			restart := false
			for _, e := range s.interested(ref) {
				restart = len(e.wishing(ref, tags{annotations: map[string]string{c.has: "true"}}, false)) > 0
			}
			if restart != c.restart {
				t.Errorf("it restarts: %v, want %v", restart, c.restart)
			}
			for _, elsewhere := range []delivery.ObjectRef{{Kind: "Secret", Namespace: "other", Name: c.object}, {Kind: "ConfigMap", Namespace: "ns", Name: c.object}} {
				if len(s.interested(elsewhere)) > 0 {
					t.Errorf("%s concerns it", elsewhere)
				}
			}
		})
	}
}

func TestStoreForgetsAllOfAWorkload(t *testing.T) {
	t.Parallel()
	s := newStore(languages())
	w := &workload{kind: "Deployment", uses: []use{{"Secret", "used", "main"}}}
	w.Namespace, w.Name = "ns", "web"
	w.Annotations = map[string]string{"reloader.stakater.com/auto": "true", "secret.reloader.stakater.com/reload": "a,b.*"}
	if !s.put(w) || len(s.by) != 1 || len(s.named) != 2 || len(s.matching) != 1 {
		t.Fatalf("the index is %v %v %v", s.by, s.named, s.matching)
	}
	next := *w
	next.ResourceVersion = "2"
	if s.put(&next) || s.get(w.id()).ResourceVersion != "2" {
		t.Error("of a status nothing but the version counts")
	}
	quiet := next
	quiet.Annotations = nil
	if !s.put(&quiet) || len(s.by)+len(s.named)+len(s.matching) != 0 {
		t.Errorf("the index is %v %v %v", s.by, s.named, s.matching)
	}
	s.put(w)
	s.forget(w.id())
	if len(s.by)+len(s.named)+len(s.matching) != 0 {
		t.Errorf("the index is %v %v %v", s.by, s.named, s.matching)
	}
}

func TestWakesWaitForOthersButNotForEver(t *testing.T) {
	t.Parallel()
	w := newWakes(50*time.Millisecond, 120*time.Millisecond)
	id, start := delivery.Workload{Name: "web"}, time.Unix(0, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	if wait := w.note(id, at(0)); wait != 50*time.Millisecond {
		t.Errorf("the first waits %v", wait)
	}
	if _, wait := w.take(id, at(40)); wait != 10*time.Millisecond {
		t.Errorf("too early by %v", wait)
	}
	w.note(id, at(45))
	w.note(id, at(90))
	if _, wait := w.take(id, at(100)); wait != 20*time.Millisecond {
		t.Errorf("the first change may wait %v more", wait)
	}
	if got, wait := w.take(id, at(120)); wait != 0 || got.first != at(0) || got.last != at(90) {
		t.Errorf("took %v, wait %v", got, wait)
	}
	if got, wait := w.take(id, at(121)); wait != 0 || !got.first.IsZero() || len(w.by) != 0 {
		t.Errorf("took %v again, wait %v", got, wait)
	}
}
