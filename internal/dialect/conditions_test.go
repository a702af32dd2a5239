package dialect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/dialect"
)

func shown(c *metav1.Condition) dialect.Condition[metav1.Time] {
	return dialect.Condition[metav1.Time]{
		Type: c.Type, Status: string(c.Status), Reason: c.Reason, Message: &c.Message, Since: &c.LastTransitionTime,
	}
}

func TestSetConditionTellsNewsFromNone(t *testing.T) {
	t.Parallel()
	at := func(hour int) metav1.Time { return metav1.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC) }
	was := metav1.Condition{
		Type: "Ready", Status: "True", Reason: "OK", Message: "fine", LastTransitionTime: at(1), ObservedGeneration: 1,
	}
	for name, c := range map[string]struct {
		change  func(*metav1.Condition)
		changed bool
		since   metav1.Time
	}{
		"nothing":    {func(*metav1.Condition) {}, false, at(1)},
		"generation": {func(c *metav1.Condition) { c.ObservedGeneration = 2 }, false, at(1)},
		"message":    {func(c *metav1.Condition) { c.Message = "finer" }, true, at(1)},
		"reason":     {func(c *metav1.Condition) { c.Reason = "Fine" }, true, at(1)},
		"status":     {func(c *metav1.Condition) { c.Status = "False" }, true, at(2)},
		"type":       {func(c *metav1.Condition) { c.Type = "Other" }, true, at(2)},
	} {
		is := was
		is.LastTransitionTime = at(2)
		c.change(&is)
		all := []metav1.Condition{{Type: "Before"}, was}
		if changed := dialect.SetCondition(&all, is, shown); changed != c.changed {
			t.Errorf("%s: changed: %v", name, changed)
		}
		is.LastTransitionTime = c.since
		if diff := cmp.Diff(&is, dialect.FindCondition(all, is.Type, shown)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if all[0].Type != "Before" || len(all) != 2 && is.Type != "Other" {
			t.Errorf("%s: left %+v", name, all)
		}
	}
}

func TestSetConditionBoundsTheMessage(t *testing.T) {
	t.Parallel()
	var all []metav1.Condition
	endless := metav1.Condition{Type: "Ready", Message: strings.Repeat("x", 2*dialect.MaxMessage)}
	if !dialect.SetCondition(&all, endless, shown) || len(all) != 1 || len(all[0].Message) != dialect.MaxMessage {
		t.Errorf("a message of %d bytes", len(all[0].Message))
	}
	if dialect.SetCondition(&all, endless, shown) {
		t.Error("the same endless message is news")
	}
}
