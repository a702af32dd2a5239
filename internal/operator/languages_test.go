package operator

import (
	"strings"
	"testing"
)

// Every name that is listed can be done without, and does what it says.
func TestLanguagesCanBeDoneWithoutByName(t *testing.T) {
	t.Parallel()
	all := len(Languages(LanguageOptions{})) + len(Workloads(LanguageOptions{}))
	for _, name := range LanguageNames() {
		o := LanguageOptions{Without: []string{name}}
		if err := o.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(Languages(o))+len(Workloads(o)) == all {
			t.Errorf("without %s nothing less is served", name)
		}
	}
	none := LanguageOptions{Without: LanguageNames()}
	if langs, loads := Languages(none), Workloads(none); len(langs)+len(loads) > 0 {
		t.Errorf("without all of them there are still %v and %v", langs, loads)
	}
	// Both of Doppler's: the original serves both.
	if got := len(Workloads(LanguageOptions{Without: []string{"doppler"}})); got != 1 {
		t.Errorf("without doppler %d languages restart workloads", got)
	}
	err := LanguageOptions{Without: []string{"reloaded"}}.Check()
	if err == nil || !strings.Contains(err.Error(), `no language "reloaded" to do without; there are external-secrets, mirrors, doppler, `) || !strings.HasSuffix(err.Error(), "reloader") {
		t.Errorf("an unknown name: %v", err)
	}
}
