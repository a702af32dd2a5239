package restarts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/operator"
)

// says waits until the table says of a Deployment whether it is ready, and why
// not.
func (b *bed) says(name, ready, why string) {
	b.T.Helper()
	b.Eventually(func() error {
		for _, row := range b.table() {
			if row.Kind == "Deployment" && row.Name == name && row.Ready == ready && strings.Contains(row.Message, why) {
				return nil
			}
		}
		return fmt.Errorf("%s is not %s because of %q\n%s", name, ready, why, b.tableText())
	})
}

// TestTheTableSaysWhichRestartsAreToCome, and which are over.
func TestTheTableSaysWhichRestartsAreToCome(t *testing.T) {
	b := newBed(t)
	// A turn in half a minute: what waits for it is to be seen waiting.
	o := b.serve(func(o *operator.Options) { o.Rollouts.PerMinute, o.Rollouts.Burst = 2, 1 })
	b.keep("own", "one")
	b.keep("last", "one")
	b.apply(deployment("auto", auto, "own") + deployment("last", auto, "last"))
	b.recorded("auto", "own")
	b.recorded("last", "last")
	b.says("auto", "True", "")
	o.Set(refuseRollouts, nil)
	b.keep("own", "two")
	b.says("auto", "False", "the API server forbids the operator to restart Deployment")
	o.Set(nil, nil)
	b.says("auto", "True", "")
	b.sets("auto", 2)
	b.keep("last", "two")
	b.says("last", "False", "its turn to restart comes in")
	b.keep("last", "one") // as it was
	b.says("last", "True", "")
	b.keep("last", "three")
	b.sets("last", 2)
	b.says("last", "True", "")
}
