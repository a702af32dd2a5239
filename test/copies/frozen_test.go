package copies

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// What somebody froze by hand is made anew, and nobody is told of a write that
// the API server would have refused.
func TestACopyThatWasFrozenIsMadeAnewInSilence(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l language, kind string) {
		b := withShared(t)
		place := b.namespace("place", b.team())
		src := b.source(kind, l.ask(b))
		frozen := b.patch(b.holds(kind, place, "app", "1"), `{"immutable":true}`)
		b.witness(kind)
		b.untouched(frozen)
		b.set(src, "v", "2")
		if got := b.holds(kind, place, "app", "2"); got.UID == frozen.UID {
			t.Error("it is the same that was frozen")
		}
		b.witness(kind)
		for _, e := range b.events(src) {
			if e.Type == corev1.EventTypeWarning {
				t.Errorf("there is a warning: %s", e.Message)
			}
		}
	})
}
