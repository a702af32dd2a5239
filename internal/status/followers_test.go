package status

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// sources, and one who has what he follows.
const sources = `
apiVersion: v1
kind: Secret
metadata:
  name: open
  namespace: $COPIES
  annotations:
    reflector.v1.k8s.emberstack.com/reflection-allowed: "true"
    reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces: $TEAM
---
apiVersion: v1
kind: Secret
metadata:
  name: elsewhere
  namespace: $COPIES
  annotations:
    reflector.v1.k8s.emberstack.com/reflection-allowed: "true"
    reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces: no-.*
---
apiVersion: v1
kind: Secret
metadata:
  name: odd
  namespace: $COPIES
  annotations:
    reflector.v1.k8s.emberstack.com/reflection-allowed: "true"
    reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces: "(no"
---
apiVersion: v1
kind: Secret
metadata: {name: closed, namespace: $COPIES}
---
apiVersion: v1
kind: Secret
metadata:
  name: filled
  annotations:
    reflector.v1.k8s.emberstack.com/reflects: $COPIES/open
    reflector.v1.k8s.emberstack.com/auto-reflects: "False"
    reflector.v1.k8s.emberstack.com/reflected-version: "1"
    reflector.v1.k8s.emberstack.com/reflected-at: "2026-08-01T12:00:00Z"`

// following are the sources, and all who follow them.
func following() string {
	all := strings.TrimSpace(sources)
	for _, f := range []struct{ kind, name, of string }{
		{"Secret", "refused", "$COPIES/open"},
		{"Secret", "missing", "$COPIES/nothing"},
		{"Secret", "closed", "$COPIES/closed"},
		{"Secret", "outside", "$COPIES/elsewhere"},
		{"Secret", "odd", "$COPIES/odd"},
		{"Secret", "chained", "$TEAM/filled"},
		{"Secret", "malformed", "nowhere"},
		{"ConfigMap", "missing", "$COPIES/open"},
	} {
		all += fmt.Sprintf("\n---\n{apiVersion: v1, kind: %s, metadata: {name: %s, annotations: {reflector.v1.k8s.emberstack.com/reflects: %s}}}", f.kind, f.name, f.of)
	}
	return all
}

// TestAFollowerThatGetsNothingSaysWhy though nobody else does: neither its
// source nor an event.
func TestAFollowerThatGetsNothingSaysWhy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.apply(following())
	rows, notes := b.gather(nil)
	if len(notes) != 0 {
		t.Errorf("notes %q", notes)
	}
	b.are(rows, map[string]string{
		"Secret filled":     "Secret COPIES/open | Secret TEAM/filled | True | ",
		"Secret refused":    "Secret COPIES/open | Secret TEAM/refused | False | it has not been filled; the events of Secret COPIES/open say why",
		"Secret missing":    "Secret COPIES/nothing | Secret TEAM/missing | False | Secret COPIES/nothing does not exist",
		"Secret closed":     "Secret COPIES/closed | Secret TEAM/closed | False | Secret COPIES/closed does not let others follow it",
		"Secret outside":    "Secret COPIES/elsewhere | Secret TEAM/outside | False | Secret COPIES/elsewhere does not allow namespace TEAM by its annotation reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces",
		"Secret odd":        "Secret COPIES/odd | Secret TEAM/odd | False | Secret COPIES/odd: reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces",
		"Secret chained":    "Secret TEAM/filled | Secret TEAM/chained | False | Secret TEAM/filled does not let others follow it",
		"Secret malformed":  "- | - | False | reflector.v1.k8s.emberstack.com/reflects: ",
		"ConfigMap missing": "ConfigMap COPIES/open | ConfigMap TEAM/missing | False | ConfigMap COPIES/open does not exist",
	})
}

// TestASourceTellsOfItsFollowers which it allows; those that it does not are
// none of its concern.
func TestASourceTellsOfItsFollowers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.apply(following())
	rows, _ := b.gather(func(g *Gatherer) { g.Namespace = b.copies })
	if len(rows) != 0 {
		t.Fatalf("rows of another namespace: %v", rows)
	}
	table, err := (&Gatherer{Client: b.client, Languages: spoken(), Namespace: b.copies}).Gather(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range table.Rows {
		switch r.Name {
		case "open":
			if r.Ready != False || r.To[0].Followers != 1 || !strings.Contains(r.Message, "1 of 2 followers not filled") {
				t.Errorf("one of its followers is refused: %+v", r)
			}
		case "elsewhere":
			if r.Ready != True || r.To[0].Followers != 0 {
				t.Errorf("it allows nobody who follows it: %+v", r)
			}
		}
	}
	if len(table.Rows) != 3 {
		t.Errorf("%d rows, want 3", len(table.Rows))
	}
}

// TestAFilledFollowerIsDated by its own stamp.
func TestAFilledFollowerIsDated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.apply(following())
	rows, _ := b.gather(nil)
	want := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	if at := rows["Secret filled"].LastSuccess; at == nil || !at.Equal(want) {
		t.Errorf("filled at %v, want %v", at, want)
	}
}
