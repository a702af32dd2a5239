package status

import (
	"context"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// asking finds the rows of a workload.
type asking map[types.UID][]int

// told is what an event says of the restart of a workload.
type told struct {
	at               time.Time
	version, message string
	trouble          bool
}

// after orders events of one workload. Their times are whole seconds, and those
// of warnings are written by themselves.
func (a told) after(b told) bool {
	if !a.at.Equal(b.at) {
		return a.at.After(b.at)
	}
	order, err := resourceversion.CompareResourceVersion(a.version, b.version)
	return err != nil || order > 0
}

// troubles has the rows of workloads of a kind say what their events do: that a
// restart waits, or failed. Only the operator could tell from their records, for
// those are keyed.
func (r *gathering) troubles(ctx context.Context, kind string, asking asking) error {
	if len(asking) == 0 {
		return nil
	}
	last := map[types.UID]told{}
	events := listOf(schema.GroupVersionKind{Version: "v1", Kind: "Event"})
	mine := client.MatchingFields{"involvedObject.kind": kind, "source": manager}
	err := r.list(ctx, "events of "+kind+"s", events, r.Namespace, func(obj runtime.Object) {
		o, ok := obj.(*unstructured.Unstructured)
		if !ok {
			return
		}
		uid, said, about := tellingOf(o)
		if asking[uid] != nil && about && said.after(last[uid]) {
			last[uid] = said
		}
	}, mine)
	if err != nil {
		return err
	}
	for uid, said := range last {
		for _, i := range asking[uid] {
			if row := &r.rows[i]; said.trouble && row.Ready != False {
				row.Ready, row.Message = False, said.message
			}
		}
	}
	return nil
}

// tellingOf is what an event says; about is false if it is of something else
// than whether the workload was restarted.
func tellingOf(o *unstructured.Unstructured) (uid types.UID, said told, about bool) {
	text := func(path ...string) string {
		s, _, err := unstructured.NestedString(o.Object, path...)
		if err != nil {
			return ""
		}
		return s
	}
	said.trouble, about = rollout.Tells(text("reason"))
	// Of no time, it is older than all others.
	said.at, _ = time.Parse(time.RFC3339, text("lastTimestamp"))
	said.version = o.GetResourceVersion()
	said.message = strings.TrimPrefix(text("message"), "(combined from similar events): ")
	return types.UID(text("involvedObject", "uid")), said, about
}
