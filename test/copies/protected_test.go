package copies

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/operator"
)

// The originals know no protected namespaces: what they made in one is served
// on and taken back, what asked there to be filled is filled, and nothing else
// comes in.
func TestAProtectedNamespaceKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b, one, two := ownBed(t)
		sources := map[string]*object{}
		for name, annotations := range everywhere() {
			src := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}, data: pairs{"v": "1"}})
			b.originals(src, two)
			sources[name] = src
			fresh := name + "-new"
			sources[fresh] = b.make(object{kind: kind, ObjectMeta: src.rename(fresh), data: pairs{"v": "1"}})
		}
		follower := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: two, Name: "follower",
			Annotations: pairs{reflects: b.ns + "/reflector"}}, data: pairs{"v": "mine"}})
		b.operate(func(o *operator.Options) {
			within(b.ns, one, two)(o)
			o.Protected = []string{two}
		})
		for name, reason := range map[string]string{"reflector-new": "Reflected", "kubed-new": "Synced"} {
			b.event(sources[name], reason, two+" is protected: see --protect-namespace")
			b.pass(sources[name], one)
			b.absent(kind, two, name)
		}
		for _, name := range []string{"reflector", "kubed"} {
			b.set(sources[name], "v", "2")
			b.holds(kind, two, name, "2")
		}
		b.holds(kind, two, follower.Name, "2")
		for _, name := range []string{"reflector", "kubed"} {
			b.remove(sources[name])
			b.gone(kind, two, name)
		}
		b.holds(kind, two, follower.Name, "2")
	})
}
