package controller

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// What a look found is compared with what is remembered by now: a run may have
// written it since.
func TestLooksAreComparedWithWhatIsRememberedByNow(t *testing.T) {
	t.Parallel()
	place := delivery.Place{Cluster: "east", Namespace: "ns", Name: "app"}
	wrote := func(version string) remembered {
		return remember([]engine.Spot{{Place: place, Memory: target.Memory{Name: "app", Version: version}}})
	}
	seen := func(version string) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "app", ResourceVersion: version}}
	}
	for name, c := range map[string]struct {
		before remembered
		seen   *metav1.PartialObjectMetadata
		want   string
	}{
		"as it was left":             {wrote("7"), seen("7"), "7"},
		"written since it was seen":  {wrote("7"), seen("6"), "7"},
		"edited":                     {wrote("7"), seen("8"), unread},
		"deleted":                    {wrote("7"), nil, unread},
		"nobody's so far":            {nil, seen("8"), unread},
		"nobody's, and gone already": {nil, nil, ""},
	} {
		if got := c.before.after([]engine.Spot{{Place: place, Seen: c.seen}}).of(place).Version; got != c.want {
			t.Errorf("%s: it is remembered as version %q, want %q", name, got, c.want)
		}
	}
}
