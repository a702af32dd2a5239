package copies

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const adopt = "tacit.dev/adopt"

// rivals are a namespace that both languages copy into: what kubed made of a
// source there, and the source with which reflector would.
func rivals(b *bed, kind, from, other string) (place string, kubeds, reflectors *object) {
	b.t.Helper()
	place = b.namespace("place", b.team())
	kubeds = b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: from, Name: "app", Annotations: b.syncing()}, data: pairs{"v": "kubed"}})
	b.holds(kind, place, "app", "kubed")
	if from == other {
		// At once: a part of these would ask for copies everywhere.
		kubeds = b.patch(kubeds, fmt.Sprintf(`{"metadata":{"annotations":{%q:"true",%q:"true",%q:%q}}}`, allowed, auto, autoNamespaces, place))
		return place, kubeds, kubeds
	}
	reflectors = b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "app", Annotations: into(place)}, data: pairs{"v": "reflector"}})
	return place, kubeds, reflectors
}

// marks are those of either language on an object.
func (o *object) marks() (all []string) {
	for _, m := range []pairs{o.Labels, o.Annotations} {
		for key := range m {
			if strings.HasPrefix(key, kubed) || strings.HasPrefix(key, reflector) {
				all = append(all, key)
			}
		}
	}
	return all
}

func TestWhatIsGivenToAnotherLanguageIsItsAlone(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one, two := b.namespace("one", nil), b.namespace("two", nil)
		place, kubeds, reflectors := rivals(b, kind, one, two)
		// The advice of the event is followed to the letter.
		_, told, _ := strings.Cut(b.event(reflectors, "ReflectFailed", place, adopt+"=").Message, adopt+"=")
		b.annotate(b.read(kind, place, "app"), adopt, told)
		given := b.holds(kind, place, "app", "reflector")
		for _, key := range given.marks() {
			if !strings.HasPrefix(key, reflector) {
				t.Errorf("what reflector has now bears %s still", key)
			}
		}
		b.event(kubeds, "SyncFailed", place, "given to "+two+"/app")
		for _, value := range []string{"2", "3"} {
			b.set(kubeds, "v", "kubed"+value)
			b.witness(kind)
			b.untouched(given)
			b.set(reflectors, "v", value)
			given = b.holds(kind, place, "app", value)
		}
		// It is not taken back either by whom it was given away.
		b.remove(kubeds)
		b.witness(kind)
		b.untouched(given)
	})
}

// Where the objects of two languages have one name, it does not tell them
// apart, and the advice says what does.
func TestANameThatTwoLanguagesHaveGivesNothingAway(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		place, source, _ := rivals(b, kind, b.ns, b.ns)
		const way = adopt + "=" + reflector
		b.event(source, "ReflectFailed", place, way+b.ns+"/app")
		unclear := b.annotate(b.read(kind, place, "app"), adopt, b.ns+"/app")
		b.event(source, "ReflectFailed", place, "two languages")
		b.witness(kind)
		b.untouched(unclear)
		b.annotate(unclear, adopt, reflector+b.ns+"/app")
		b.eventually(func() error {
			if o := b.read(kind, place, "app"); o.Annotations[reflects] == "" || o.Annotations[origin] != "" || o.Labels[originName] != "" {
				return errorf("it bears %v and %v", o.Annotations, o.Labels)
			}
			return nil
		})
		given := b.read(kind, place, "app")
		b.witness(kind)
		b.untouched(given)
	})
}

// What bears the marks of both languages, each of which would write it, is
// settled by a word too.
func TestWhatBearsTwoLanguagesMarksIsSettledByAWord(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one, two := b.namespace("one", nil), b.namespace("two", nil)
		place, _, reflectors := rivals(b, kind, one, two)
		b.event(reflectors, "ReflectFailed", place)
		o := b.read(kind, place, "app")
		b.patch(o, `{"metadata":{"annotations":{"`+adopt+`":"`+one+`/app","`+reflects+`":"`+two+`/app","`+autoReflects+`":"True"}}}`)
		b.eventually(func() error {
			if o = b.read(kind, place, "app"); o.data["v"] != "kubed" || o.Annotations[reflects] != "" || o.Annotations[origin] == "" {
				return errorf("it holds %v and bears %v", o.data, o.Annotations)
			}
			return nil
		})
		b.witness(kind)
		b.untouched(o)
	})
}
