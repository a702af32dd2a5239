package wire_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend/wire"
)

func TestTheLatestCredentialsAreKnown(t *testing.T) {
	t.Parallel()
	var known wire.Known
	known.Add("first", "second")
	known.Add("first")
	if got := known.All(); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("known are %q", got)
	}
	for i := range 100 {
		known.Add("token "+strconv.Itoa(i), "answer "+strconv.Itoa(i))
	}
	all := known.All()
	if len(all) > 12 {
		t.Errorf("%d are kept", len(all))
	}
	for _, latest := range []string{"token 98", "answer 98", "token 99", "answer 99"} {
		if !slices.Contains(all, latest) {
			t.Errorf("%q is forgotten: %q", latest, all)
		}
	}
	all[0] = "changed"
	if slices.Contains(known.All(), "changed") {
		t.Error("who asks can change what is known")
	}
}
