package spread

import (
	"strconv"
	"testing"
)

func TestTheMemoryIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	t.Parallel()
	m := remember(3)
	used := place{grammarRE2, "used"}
	first := m.put(used, &form{})
	for i := range 10 {
		m.put(place{grammarRE2, strconv.Itoa(i)}, &form{})
		if m.get(used) != first {
			t.Fatalf("what was used a moment ago is forgotten after %d others", i+1)
		}
	}
	if len(m.at) != 3 || m.used.Len() != 3 {
		t.Errorf("%d and %d are remembered, not 3", len(m.at), m.used.Len())
	}
	if m.get(place{grammarDotNet, "used"}) != nil {
		t.Error("another grammar's form is taken for it")
	}
	if m.put(used, &form{}) != first {
		t.Error("a second form takes the place of the first, which may know that it is slow")
	}
}
