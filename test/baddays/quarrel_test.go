package baddays

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
)

// TestAQuarrelIsToldAndEnds: somebody who undoes every repair is named, and when
// they stop the Secret is right again before long.
func TestAQuarrelIsToldAndEnds(t *testing.T) {
	t.Parallel()
	b := delivered(t, "Retain")
	other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "app"}}
	edits, quick, last := 0, 0, time.Now()
	edit := func() {
		// Repairs count that follow each other quickly. Each as late as this may
		// be the first of a new count.
		if quick++; time.Since(last) > 5*time.Second {
			quick = 0
		}
		edits, last = edits+1, time.Now()
		body := fmt.Sprintf(`{"stringData":{"password":"theirs-%d"}}`, edits)
		must(t, b.Patch(t.Context(), other, client.RawPatch(types.MergePatchType, []byte(body)), client.FieldOwner("the-other-tool")))
	}
	b.Eventually(func() error {
		if string(b.Secret("app").Data["password"]) == "one" {
			edit()
		}
		if s := b.States(); !strings.Contains(s, "the-other-tool") {
			return fmt.Errorf("after %d edits: %s", edits, s)
		}
		return nil
	})
	b.Event("app", "UpdateFailed", `field manager "the-other-tool"`, "let only one of the two write it")
	if quick > 20 {
		t.Errorf("repaired %d times before it was told", quick)
	}
	edit()
	b.Holds("app", map[string]string{"password": "one"})
	b.Synced("app")
}

// TestAQuarrelThatTheOtherGivesUpIsOver, though there is nothing left to write.
func TestAQuarrelThatTheOtherGivesUpIsOver(t *testing.T) {
	t.Parallel()
	b := delivered(t, "Retain")
	other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "app"}}
	write := func(value string) {
		body := fmt.Sprintf(`{"stringData":{"password":%q}}`, value)
		must(t, b.Patch(t.Context(), other, client.RawPatch(types.MergePatchType, []byte(body)), client.FieldOwner("the-other-tool")))
	}
	b.Eventually(func() error {
		if string(b.Secret("app").Data["password"]) == "one" {
			write("theirs")
		}
		if s := b.States(); !strings.Contains(s, "the-other-tool") {
			return fmt.Errorf("%s", s)
		}
		return nil
	})
	write("one")
	b.Synced("app")
}

// TestAQuarrelOverACopyIsTold in each language that copies.
func TestAQuarrelOverACopyIsTold(t *testing.T) {
	t.Parallel()
	for lang, ask := range askFor {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			far := team(b)
			create(b, &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "app", Annotations: ask(b, "app", far)}, StringData: map[string]string{"k": "one"},
			})
			s := copyOf(b, far, "app", "k", "one")
			b.Eventually(func() error {
				must(t, b.Get(t.Context(), keyOf(far, "app"), s))
				if string(s.Data["k"]) == "one" {
					must(t, b.Patch(t.Context(), s, client.RawPatch(types.MergePatchType, []byte(`{"stringData":{"k":"theirs"}}`)), client.FieldOwner("the-other-tool")))
				}
				return warned(b, "app", "the-other-tool")
			})
			copyOf(b, far, "app", "k", "one")
			if lang == "mirrors" {
				mirrorSays(b, "app", "Active")
			}
		})
	}
}
