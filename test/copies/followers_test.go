package copies

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A follower that is not filled is told why, once, and is filled as soon as the
// reason is gone.
func TestAFollowerThatIsNotFilledIsToldWhy(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		place := b.namespace("place", nil)
		const failed = "ReflectFailed"
		follow := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "mine",
			Annotations: pairs{reflects: b.ns + "/app"}}, data: pairs{"v": "own"}})
		b.event(follow, failed, "not filled: "+kind+" "+b.ns+"/app does not exist")
		src := b.source(kind, nil)
		b.event(follow, failed, "does not let others follow it")
		src = b.patch(src, `{"metadata":{"annotations":{"`+allowed+`":"true","`+allowedNamespaces+`":"no-.*"}}}`)
		b.event(follow, failed, "does not allow this namespace by its annotation "+allowedNamespaces)
		for _, value := range []string{"2", "3"} {
			src = b.set(src, "v", value)
			b.witness(kind)
		}
		b.untouched(follow)
		if all := b.events(follow); len(all) != 3 || all[0].Count+all[1].Count+all[2].Count != 3 {
			t.Errorf("it was told %d times, want thrice: %v", len(all), all)
		}
		b.annotate(src, allowedNamespaces, place)
		b.holds(kind, place, "mine", "3")
	})
}
