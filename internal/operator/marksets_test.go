package operator

import (
	"slices"
	"strings"
	"testing"
)

// What is given to one language loses the marks of all others, so that every
// one must be known that makes a language take an object for its own.
func TestTheMarksOfEveryLanguageAreKnown(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"Secret mirrors.kts.studio/owned-by":    {"owned-by", "last-sync-at", "parent-version", "source-type", "vault-path", "vault-lease-id", "vault-lease-duration"},
		"Secret secrets.doppler.com/managed-by": {"subtype", "managed-by"},
	}
	for _, kind := range []string{"Secret", "ConfigMap"} {
		want[kind+" reflector.v1.k8s.emberstack.com/reflects"] = []string{"reflects", "auto-reflects", "reflected-version", "reflected-at"}
		want[kind+" kubed.appscode.com/origin"] = []string{"origin", "origin.name", "origin.namespace", "origin.cluster"}
	}
	for _, set := range markSets(Languages(LanguageOptions{})) {
		name := set.Kind + " " + set.Owner
		domain, _, _ := strings.Cut(set.Owner, "/")
		if want[name] == nil {
			t.Errorf("%q marks objects", name)
		}
		keys := slices.Concat(set.Labels, set.Annotations)
		for _, key := range want[name] {
			if !slices.Contains(keys, domain+"/"+key) {
				t.Errorf("%s: the mark %s is not known, only %q", name, key, keys)
			}
		}
		for _, key := range keys {
			if !strings.HasPrefix(key, domain+"/") {
				t.Errorf("%s: %s is not the language's own", name, key)
			}
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("nothing marks objects as %s", name)
	}
}
