package controller

import (
	"slices"
	"testing"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// TestAPlaceElsewhereWaitsForItsNamespace: the namespace's coming wakes whoever
// has failed to write there, however long he would wait.
func TestAPlaceElsewhereWaitsForItsNamespace(t *testing.T) {
	t.Parallel()
	for namespace, want := range map[string]bool{"team": true, "home": false} {
		keys := planKeys(&delivery.Delivery{
			Object: delivery.Object{Namespace: "home", Name: "app"}, Destination: delivery.Destination{Namespace: namespace, Name: "app"},
		})
		if got := slices.Contains(keys, awayKey(namespace)); got != want {
			t.Errorf("of an object in home with its place in %s: %v, want %v, in %q", namespace, got, want, keys)
		}
	}
}
