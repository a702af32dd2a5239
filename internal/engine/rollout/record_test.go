package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

func TestDigestIsBoundToItsObjectAndKey(t *testing.T) {
	t.Parallel()
	data := secret.Data{"k": secret.NewString("v")}
	ref := delivery.ObjectRef{Kind: "Secret", Namespace: "ns", Name: "app"}
	one, two := &Runner{Key: secret.Key{1}}, &Runner{Key: secret.Key{2}}
	base := one.Digest(ref, data)
	if len(data) != 1 {
		t.Errorf("the data became %d keys", len(data))
	}
	for name, other := range map[string]string{
		"another key":       two.Digest(ref, data),
		"another namespace": one.Digest(delivery.ObjectRef{Kind: "Secret", Namespace: "other", Name: "app"}, data),
		"another name":      one.Digest(delivery.ObjectRef{Kind: "Secret", Namespace: "ns", Name: "twin"}, data),
		"another kind":      one.Digest(delivery.ObjectRef{Kind: "ConfigMap", Namespace: "ns", Name: "app"}, data),
		"no data":           one.Digest(ref, nil),
	} {
		if other == base {
			t.Errorf("%s gives the same digest", name)
		}
	}
	if short := one.Short(base); !one.Known(short) || two.Known(short) || !one.Known(one.Absent()) || one.Known("") {
		t.Errorf("%q: known to its key %v, to another %v", short, one.Known(short), two.Known(short))
	}
}

func TestReadRecordTakesNothingForGranted(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON": "{", "a list": "[]", "null": "null", "numbers": `{"Secret/a":1}`, "empty": "",
		"too large": `{"a":"` + strings.Repeat("x", maxRecord) + `"}`,
	} {
		if r, known := ReadRecord(map[string]string{Recorded: text}); known || len(r) != 0 || r == nil {
			t.Errorf("%s: read %v, %v", name, r, known)
		}
	}
	r, known := ReadRecord(map[string]string{Recorded: Record{"Secret/a": "b"}.String()})
	if !known || r["Secret/a"] != "b" {
		t.Errorf("read %v, %v", r, known)
	}
}

func TestLimitIsFairAndForgetsWhoLeaves(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	l := NewLimit(60, 2)
	w := func(name string) delivery.Workload { return delivery.Workload{Name: name} }
	for i, want := range []time.Duration{0, 0, time.Second, 2 * time.Second, 3 * time.Second} {
		if got := l.Wait(w(string(rune('a'+i))), now); got != want {
			t.Errorf("number %d waits %v, want %v", i, got, want)
		}
	}
	if got := l.Wait(w("d"), now); got != 2*time.Second {
		t.Errorf("asking again costs another turn: %v", got)
	}
	l.Leave(w("e"), now)
	if got := l.Wait(w("f"), now); got != 3*time.Second {
		t.Errorf("the turn of who left is lost: %v", got)
	}
	now = now.Add(2 * time.Second)
	if c, d := l.Wait(w("c"), now), l.Wait(w("d"), now); c != 0 || d != 0 {
		t.Errorf("their turn came, and they wait %v and %v", c, d)
	}
	l.Return(w("d"), now)
	if got := l.Wait(w("d"), now); got != 0 {
		t.Errorf("a turn that came to nothing is lost: %v", got)
	}
	if got := l.Waiting(); got != 1 {
		t.Errorf("%d wait, want 1", got)
	}
	none := NewLimit(-1, 0)
	for i := range 1000 {
		if got := none.Wait(w(string(rune(i))), now); got != 0 {
			t.Fatalf("without a limit one waits %v", got)
		}
	}
}

func TestARecordIsOneWorkloads(t *testing.T) {
	t.Parallel()
	web := delivery.Workload{Kind: "Deployment", Namespace: "ns", Name: "web"}
	mine := map[string]string{Recorded: Record{"Secret/a": "b"}.Of(web)}
	for name, c := range map[string]struct {
		w           delivery.Workload
		annotations map[string]string
		want        int
	}{
		"its own":               {web, mine, 1},
		"of before it was said": {web, map[string]string{Recorded: `{"Secret/a":"b"}`}, 1},
		"another namespace's":   {delivery.Workload{Kind: "Deployment", Namespace: "other", Name: "web"}, mine, 0},
		"another name's":        {delivery.Workload{Kind: "Deployment", Namespace: "ns", Name: "other"}, mine, 0},
		"another kind's":        {delivery.Workload{Kind: "StatefulSet", Namespace: "ns", Name: "web"}, mine, 0},
	} {
		if r, known := RecordOf(c.w, c.annotations); len(r) != c.want || known != (c.want == 1) || r == nil {
			t.Errorf("%s: read %v, %v", name, r, known)
		}
	}
	if r, _ := ReadRecord(mine); len(r) != 1 {
		t.Errorf("whose it is is among its entries: %v", r)
	}
}
