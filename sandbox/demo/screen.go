package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// How this program speaks:
//
//   - What happened is said once, on a line of its own, and stays.
//   - What goes on now stands below, in a live part that is drawn over. Without
//     a terminal there is none, and steps are also said when they begin.
//   - With everything that a person waits for goes the time that it took.
//   - Colour repeats what the words say, and is left out where it cannot be
//     seen or is not wanted (NO_COLOR).
//   - Errors go to standard error, at the end, with the cause.

// screen is where the program speaks. Its methods may be called concurrently.
type screen struct {
	out    io.Writer
	live   bool // there is a live part
	colour bool
	size   func() (width, height int)

	mu    sync.Mutex
	drawn []string        // the live part as it stands
	table func() []string // what it shows, nil for nothing
	doing func() string   // the step under way, below the table; nil for none
}

func newScreen(out *os.File) *screen {
	live := term.IsTerminal(int(out.Fd())) && os.Getenv("TERM") != "dumb"
	return &screen{
		out: out, live: live, colour: live && os.Getenv("NO_COLOR") == "",
		size: func() (int, int) {
			width, height, err := term.GetSize(int(out.Fd()))
			if err != nil || width <= 0 || height <= 0 {
				return 80, 24
			}
			return width, height
		},
	}
}

// say prints a line, or several, above the live part.
func (s *screen) say(format string, args ...any) {
	text := fmt.Sprintf(format+"\n", args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live {
		_, _ = io.WriteString(s.out, text)
		return
	}
	above := s.home() + clearBelow + text
	s.drawn = nil
	_, _ = io.WriteString(s.out, above+s.draw(s.lines()))
}

// step says that something begins that takes a while. The function that it
// returns says how it ended, and passes the error on.
func (s *screen) step(what string) func(error) error {
	start := time.Now()
	took := func() string { return seconds(time.Since(start)) }
	if !s.live {
		s.say("==> %s", what)
		return func(err error) error {
			if err == nil {
				s.say("    done after %s", took())
			}
			return err
		}
	}
	s.do(func() string { return s.paint(dim, "… "+what+": "+took()) })
	return func(err error) error {
		s.do(nil)
		if err != nil {
			s.say("%s", s.paint(red, "✗ "+what+": "+took()))
			return err
		}
		s.say("%s %s: %s", s.paint(green, "✓"), what, took())
		return nil
	}
}

// A colour is a parameter of SGR.
type colour string

const (
	bold  colour = "1"
	dim   colour = "2"
	red   colour = "31"
	green colour = "32"
)

func (s *screen) paint(c colour, text string) string {
	if !s.colour || text == "" || c == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// seconds writes a duration as people read it.
func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
