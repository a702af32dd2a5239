package restarts

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// contested waits until an event says who else writes the record of "auto", and
// returns how many say so.
func (b *bed) contested(who string) (events int) {
	b.T.Helper()
	b.Eventually(func() error {
		list := &corev1.EventList{}
		b.must(b.List(b.T.Context(), list, client.InNamespace(b.NS)))
		events = 0
		for _, e := range list.Items {
			if e.InvolvedObject.Name == "auto" && e.Type == corev1.EventTypeWarning && e.Reason == "ReloadContested" && strings.Contains(e.Message, who) {
				events += int(e.Count)
			}
		}
		if events == 0 {
			return fmt.Errorf("no event names %s", who)
		}
		return nil
	})
	return events
}

// peace is after how long of it a contest is told anew.
const peace = 10 * time.Second

// written is how often operators wrote to "auto".
func written(operators ...*one) (n int) {
	for _, o := range operators {
		n += len(o.Which(func(c testkit.Call) bool {
			return c.On("deployments") && c.Writes() && strings.HasSuffix(c.Path, "/auto") && c.Succeeded()
		}))
	}
	return n
}

// TestTwoOperatorsDoNotFight: each has a key of digests of its own, so neither
// can read what the other records. What changes is rolled out once all the
// same.
func TestTwoOperatorsDoNotFight(t *testing.T) {
	b := newBed(t)
	b.keep("own", "one")
	b.keep("last", "one")
	b.apply(deployment("auto", auto, "own") + deployment("last", auto, "last"))
	first := b.serve()
	b.recorded("auto", "own")
	b.recorded("last", "last")
	second := b.serve(func(o *operator.Options) { o.HomeNamespace = b.other })
	start := time.Now()
	b.contested(`field manager "tacit"`)
	for i := range 3 {
		b.keep("own", fmt.Sprint("round ", i))
		b.sets("auto", 2+i)
	}
	b.keep("last", "two") // proves that all else is done
	b.sets("last", 2)
	b.sets("auto", 4)
	if n := written(first, second); n > 10 {
		t.Errorf("together they wrote %d times", n)
	}
	// One of each, and again if they had been at peace in between.
	if n := b.contested(`field manager "tacit"`); n > 2+2*int(time.Since(start)/peace) {
		t.Errorf("%d events of two operators", n)
	}
}

// TestAToolThatPutsTheRecordBackIsNotFought: it takes the record for a part of
// its manifest, or for none. That restarts nobody, and hides no change.
func TestAToolThatPutsTheRecordBackIsNotFought(t *testing.T) {
	t.Parallel()
	const named = `field manager "gitops"`
	for name, c := range map[string]struct {
		puts func(old string) any
		who  string
	}{
		"an old one": {func(old string) any { return old }, named},
		"none":       {func(string) any { return nil }, "somebody keeps removing"},
		"nonsense":   {func(string) any { return "nonsense" }, named},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.keep("own", "one")
			b.apply(deployment("auto", auto, "own"))
			o := b.serve()
			b.recorded("auto", "own")
			old := b.deployed("auto").Annotations[rollout.Recorded]
			b.keep("own", "two")
			b.sets("auto", 2)
			body, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{rollout.Recorded: c.puts(old)}}})
			b.must(err)
			ctx, stop := context.WithCancel(t.Context())
			ended, start := make(chan struct{}), time.Now()
			go func() {
				defer close(ended)
				for ctx.Err() == nil {
					d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "auto"}}
					_ = b.Patch(ctx, d, client.RawPatch(types.MergePatchType, body), client.FieldOwner("gitops"))
				}
			}()
			defer stop()
			b.contested(c.who)
			b.settled()
			b.sets("auto", 2)
			b.keep("own", "three")
			b.sets("auto", 3)
			b.settled()
			b.sets("auto", 3)
			stop()
			<-ended
			if n := written(o); n > 20 {
				t.Errorf("it wrote %d times", n)
			}
			// Again after a peace, which there was not while the tool was at work.
			if n := b.contested(c.who); n > 1+int(time.Since(start)/peace) {
				t.Errorf("%d events", n)
			}
			b.Eventually(func() error {
				if is := b.deployed("auto").Annotations[rollout.Recorded]; is == old || is == "" || is == "nonsense" {
					return fmt.Errorf("the record is %q", is)
				}
				return nil
			})
			b.sets("auto", 3)
		})
	}
}
