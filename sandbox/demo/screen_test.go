package main

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// newTestScreen is a screen of the given width without colours, and what it
// writes.
func newTestScreen(live bool, width int) (*screen, *strings.Builder) {
	var out strings.Builder
	return &screen{out: &out, live: live, size: func() (int, int) { return width, 10 }}, &out
}

// aTime is how long something took, whatever that was.
const aTime = `(\d+ ms|\d+\.\d s)`

func TestStepsWithoutATerminal(t *testing.T) {
	t.Parallel()
	s, out := newTestScreen(false, 80)
	if err := s.step("one")(nil); err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	if err := s.step("two")(broken); !errors.Is(err, broken) {
		t.Errorf("got %v, want the step's own error", err)
	}
	if want := "^==> one\n    done after " + aTime + "\n==> two\n$"; !regexp.MustCompile(want).MatchString(out.String()) {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestLivePartIsDrawnOverAndStaysBelow(t *testing.T) {
	t.Parallel()
	s, out := newTestScreen(true, 80)
	s.show(func() []string { return []string{"table"} })
	s.refresh()
	out.Reset()

	s.refresh()
	if out.String() != "" {
		t.Errorf("nothing changed, and it wrote %q", out)
	}
	s.say("said")
	want := "\r\x1b[3A\x1b[Jsaid\n\x1b[?25l\x1b[K\ntable\x1b[K\n\x1b[K\n\x1b[J"
	if out.String() != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestStepOnATerminalLeavesOneLine(t *testing.T) {
	t.Parallel()
	s, out := newTestScreen(true, 80)
	end := s.step("one")
	s.refresh()
	if !strings.Contains(out.String(), "… one: ") {
		t.Errorf("under way it shows %q", out)
	}
	if err := end(nil); err != nil {
		t.Error(err)
	}
	if len(s.drawn) != 0 || !regexp.MustCompile("✓ one: "+aTime+"\n").MatchString(out.String()) {
		t.Errorf("at the end it shows %q", out)
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line, want string
		width      int
	}{
		{"short", "short", 10},
		{"exactly 10", "exactly 10", 10},
		{"more than 10", "more than ", 10},
		{"äöü…", "äö", 2},
		{"\x1b[31mred\x1b[0m and more", "\x1b[31mred\x1b[0m a", 5},
		{"\x1b[31mred\x1b[0m", "\x1b[31mr\x1b[0m", 1},
	} {
		if got := fit(c.line, c.width); got != c.want {
			t.Errorf("fit(%q, %d) = %q, want %q", c.line, c.width, got, c.want)
		}
	}
}

func TestColumnsLineUpWithAndWithoutColour(t *testing.T) {
	t.Parallel()
	rows := [][]cell{{{text: "a"}, {"ok", green}}, {{text: "größer"}, {}}}
	s, _ := newTestScreen(true, 80)
	want := "  N       STATE\n  a       ok\n  größer"
	if got := strings.Join(s.columns([]string{"N", "STATE"}, rows), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s.colour = true
	if got, want := s.columns([]string{"N", "STATE"}, rows)[1], "  a       \x1b[32mok\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
