package restarts

import (
	"fmt"
	"strings"
	"testing"
)

// TestAMirrorGivesItsCopyAway to reflector, by the advice of the event: a
// SecretMirror often has the name of its source, so that the name alone does
// not tell the two apart.
func TestAMirrorGivesItsCopyAway(t *testing.T) {
	b := newBed(t)
	b.serve()
	b.apply(`
apiVersion: v1
kind: Secret
metadata: {name: cfg}
stringData: {k: one}
---
apiVersion: mirrors.kts.studio/v1alpha2
kind: SecretMirror
metadata: {name: cfg}
spec: {destination: {namespaces: ["^$OTHER$"]}}
`)
	b.holdsIn(b.other, "cfg", "k", "one")
	reflected := func(value string) {
		b.apply(`
apiVersion: v1
kind: Secret
metadata:
  name: cfg
  annotations:
    reflector.v1.k8s.emberstack.com/reflection-allowed: "true"
    reflector.v1.k8s.emberstack.com/reflection-auto-enabled: "true"
    reflector.v1.k8s.emberstack.com/reflection-auto-namespaces: $OTHER
stringData: {k: ` + value + `}
`)
	}
	reflected("two")
	const reflector, mirrors = "reflector.v1.k8s.emberstack.com/", "mirrors.kts.studio/"
	b.Event("cfg", "ReflectFailed", "tacit.dev/adopt="+reflector+b.NS+"/cfg")
	given := b.holdsIn(b.other, "cfg", "k", "two")
	given.Annotations["tacit.dev/adopt"] = reflector + b.NS + "/cfg"
	b.must(b.Update(b.T.Context(), given))
	b.Eventually(func() error {
		given = b.in(b.other, "cfg")
		if given.Annotations[reflector+"reflects"] == "" {
			return fmt.Errorf("it bears %v", given.Annotations)
		}
		return nil
	})
	for key := range given.Annotations {
		if strings.HasPrefix(key, mirrors) {
			t.Errorf("what reflector has now bears %s still", key)
		}
	}
	b.Event("cfg", "SyncError", "given to "+reflector+b.NS+"/cfg")
	reflected("three")
	b.holdsIn(b.other, "cfg", "k", "three")
	b.settled()
	if left := b.in(b.other, "cfg"); left.Annotations[mirrors+"owned-by"] != "" {
		t.Errorf("the SecretMirror has written it again: %v", left.Annotations)
	}
}
