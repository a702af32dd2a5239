package rollout_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

func TestWhoseARecordIs(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for _, kind := range []string{"Deployment", "CronJob"} {
		w := b.make(kind, "web")
		is := func(want string) {
			t.Helper()
			if got, err := b.runner.RecordedBy(t.Context(), w); err != nil || got != want {
				t.Errorf("the record of the %s is %q's (%v), want %q", kind, got, err, want)
			}
		}
		put := func(value string) {
			t.Helper()
			patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%s,"other":"x"}}}`, rollout.Recorded, value)
			if err := b.Patch(t.Context(), b.get(w), client.RawPatch(types.MergePatchType, []byte(patch)), client.FieldOwner("gitops")); err != nil {
				t.Fatal(err)
			}
		}
		is("")
		often := wait.Backoff{Steps: 100, Duration: 10 * time.Millisecond}
		err := retry.RetryOnConflict(often, func() error { // its controller writes too
			_, err := b.runner.Apply(t.Context(), rollout.Act{Workload: w, Version: b.get(w).GetResourceVersion(), Record: rollout.Record{}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		is("tacit")
		put(`"{\"Secret/app\":\"x\"}"`)
		is("gitops")
		put("null")
		is("")
	}
	if _, err := b.runner.RecordedBy(t.Context(), delivery.Workload{Kind: "Deployment", Namespace: b.ns, Name: "none"}); err == nil {
		t.Error("whose the record is of what is not there is no error")
	}
}

func TestWhoContestsIsSaid(t *testing.T) {
	t.Parallel()
	for by, parts := range map[string][]string{
		"gitops": {`field manager "gitops" keeps replacing`, "take the annotation out"},
		"tacit":  {`another operator of our name (field manager "tacit") keeps replacing`, "let only one"},
		"":       {"somebody keeps removing"},
	} {
		told := &events{}
		runner := rollout.Runner{Warnings: told}
		runner.TellContested(delivery.Workload{Kind: "Deployment", Namespace: "ns", Name: "web"}, "uid", by)
		for _, part := range append(parts, "apps/v1 Deployment/web ReloadContested", rollout.Recorded) {
			if !strings.Contains(told.String(), part) {
				t.Errorf("%q: %q is not in %s", by, part, told)
			}
		}
	}
}
