package controller

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine"
)

// listener is a language that counts what it is told.
type listener struct {
	dialect.Deliveries
	told int
}

func (l *listener) Report(client.Object, delivery.Outcome, time.Time) []dialect.Event {
	l.told++
	return nil
}

// A language is told what it has words for; whatever else a run ended with runs
// again for the reason that it ran for.
func TestALanguageIsToldNewsAlone(t *testing.T) {
	t.Parallel()
	failed := func(kind delivery.ErrorKind) delivery.Outcome {
		return delivery.Outcome{Result: delivery.Failed, Err: &delivery.Error{Kind: kind}}
	}
	for name, c := range map[string]struct {
		out  delivery.Outcome
		news bool
	}{
		"synced":               {delivery.Outcome{Result: delivery.Synced}, true},
		"nothing to copy":      {delivery.Outcome{Result: delivery.Retained}, true},
		"failed":               {failed(delivery.WriteFailed), true},
		"another class":        {delivery.Outcome{Result: delivery.Untouched}, false},
		"store to come":        {delivery.Outcome{Result: delivery.Waiting}, false},
		"somebody was quicker": {failed(delivery.Conflict), false},
	} {
		lang := &listener{}
		r := &deliveryReconciler{
			Shared:  &Shared{Metrics: NewMetrics(), Now: time.Now},
			dialect: lang, kind: dialect.Kind{Annotated: true}, wakes: newWakes(), memories: newMemories(),
		}
		obj := partial("Secret")
		obj.SetName("app")
		woken := wake{asked: time.Now(), store: true}
		run := &turn{Job: engine.Job{Plan: &delivery.Delivery{}}, obj: obj, woken: woken}
		if _, err := r.conclude(t.Context(), run, c.out); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if news := lang.told == 1; lang.told > 1 || news != c.news {
			t.Errorf("%s: told %d times", name, lang.told)
		}
		if again, ok := r.wakes.take(types.NamespacedName{Name: "app"}); ok == c.news || ok && again != woken {
			t.Errorf("%s: runs again %v, for %+v", name, ok, again)
		}
	}
}
