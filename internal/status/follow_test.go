package status

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// show returns what a follower prints for a table.
func show(t *testing.T, f *Follower, b *strings.Builder, table Table) string {
	t.Helper()
	b.Reset()
	if err := f.Show(table, noon()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFollowingPrintsWhatChanged(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	f := &Follower{Out: &b}
	rows := sample()
	if got := show(t, f, &b, Table{Rows: rows}); strings.Count(got, "\n") != 4 || !strings.HasPrefix(got, "KIND") {
		t.Errorf("first:\n%s", got)
	}
	// A success again and again is no news.
	rows = sample()
	rows[0].LastSuccess = ago(-time.Minute)
	if got := show(t, f, &b, Table{Rows: rows}); got != "" {
		t.Errorf("nothing new, and yet:\n%s", got)
	}
	rows = sample()
	rows[2].Ready, rows[2].Message = True, ""
	if got := show(t, f, &b, Table{Rows: rows}); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "VaultSyncStatus") || !strings.Contains(got, "True") {
		t.Errorf("after a change:\n%s", got)
	}
	if got := show(t, f, &b, Table{Rows: rows[1:]}); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "ExternalSecret") || !strings.HasSuffix(got, "gone\n") {
		t.Errorf("after a deletion:\n%s", got)
	}
	if got := show(t, f, &b, Table{Rows: sample()}); strings.Count(got, "\n") != 2 {
		t.Errorf("back again:\n%s", got)
	}
}

func TestFollowingInJSON(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	f := &Follower{Out: &b, JSON: true, Size: func() (int, int) { return 80, 24 }}
	if got := show(t, f, &b, Table{Rows: sample()}); strings.Count(got, "\n") != 3 || strings.Contains(got, "gone") {
		t.Errorf("first:\n%s", got)
	}
	got := show(t, f, &b, Table{Rows: sample()[1:]})
	if !strings.HasPrefix(got, `{"language":"external-secrets.io/v1"`) || !strings.HasSuffix(got, `"gone":true}`+"\n") {
		t.Errorf("after a deletion:\n%s", got)
	}
}

func TestTheTerminalIsDrawnOver(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	f := &Follower{Out: &b, Size: func() (int, int) { return 40, 6 }, Style: Style{Colour: true}}
	var rows []Row
	for i := range 20 {
		rows = append(rows, Row{Kind: "ExternalSecret", Namespace: "team", Name: fmt.Sprintf("app-%02d", i), Ready: True})
	}
	rows[17].Ready = False
	got := show(t, f, &b, Table{Rows: rows, Notes: []string{"you may not list Secrets"}})
	if !strings.HasPrefix(got, home) || !strings.HasSuffix(got, clearBelow) {
		t.Errorf("it is not drawn over: %q", got)
	}
	lines := strings.Split(strings.TrimSuffix(strings.TrimPrefix(got, home), clearBelow), "\n")
	if n := len(lines) - 1; n > 6 {
		t.Errorf("%d lines on a terminal of 6:\n%s", n, got)
	}
	for _, part := range []string{"app-00", "app-17", "and 17 more", "note: you may not"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is missing:\n%s", part, got)
		}
	}
	for _, line := range lines {
		for _, code := range []string{clearLine, "\x1b[31m", "\x1b[32m", "\x1b[0m"} {
			line = strings.ReplaceAll(line, code, "")
		}
		if n := len([]rune(line)); n > 40 {
			t.Errorf("%q is %d wide", line, n)
		}
	}
}
