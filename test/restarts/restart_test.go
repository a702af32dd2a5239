package restarts

import (
	"net/http"
	"testing"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// TestARestartWithNothingChangedDoesNothing is promise 8 for every language
// together: no Secret and no ConfigMap is written, nothing restarts, and no
// credentials are lent anew.
func TestARestartWithNothingChangedDoesNothing(t *testing.T) {
	b := newBed(t)
	first := b.serve()
	b.everything()
	b.each("old")
	b.served("old")
	first.stop()
	was := b.world("old")
	second := b.serve()
	b.looked(second)
	b.same("old", was, second)
}

// TestAFailoverDoesNothing has a second replica take over from one that
// resigns, or that is cut off and never says so.
func TestAFailoverDoesNothing(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]func(*http.Request) error{
		"resigned": nil,
		"killed":   func(*http.Request) error { return testkit.ErrCut },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			elected := func(o *operator.Options) { o.LeaderElect, o.LeaderNamespace = true, b.NS }
			first := b.serve(elected)
			b.everything()
			b.each("old")
			b.served("old")
			was := b.world("old")
			second := b.serve(elected)
			first.Set(last, nil)
			first.stop()
			b.looked(second)
			b.same("old", was, second)
		})
	}
}
