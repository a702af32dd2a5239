package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// What terminals are told.
const (
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
)

// run keeps the live part true. The function that it returns ends that and
// leaves the table as it is.
func (s *screen) run() (end func()) {
	if !s.live {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			s.refresh()
			select {
			case <-tick.C:
			case <-stop:
				s.settle()
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// show puts a table into the live part.
func (s *screen) show(table func() []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table = table
}

// do puts the step under way into the live part.
func (s *screen) do(doing func() string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doing = doing
}

func (s *screen) refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if change := s.draw(s.lines()); change != "" {
		_, _ = io.WriteString(s.out, change)
	}
}

// lines are the live part as it should be. s.mu is held.
func (s *screen) lines() []string {
	var lines []string
	if s.table != nil {
		lines = append(append([]string{""}, s.table()...), "")
	}
	if s.doing != nil {
		lines = append(lines, s.doing())
	}
	return lines
}

// settle leaves what is drawn where it is, and begins anew below.
func (s *screen) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn, s.table, s.doing = nil, nil, nil
	_, _ = io.WriteString(s.out, showCursor)
}

// draw makes these lines the live part: it returns what to write, in one go
// and over what is there, so that nothing flickers. s.mu is held.
func (s *screen) draw(lines []string) string {
	width, height := s.size()
	lines = slices.Clone(lines[:min(len(lines), max(height-1, 1))])
	for i := range lines {
		// The last column stays free: terminals differ in what follows it.
		lines[i] = fit(lines[i], width-1)
	}
	if slices.Equal(lines, s.drawn) {
		return ""
	}
	var b strings.Builder
	b.WriteString(hideCursor + s.home())
	for _, line := range lines {
		b.WriteString(line + clearLine + "\n")
	}
	b.WriteString(clearBelow)
	s.drawn = lines
	return b.String()
}

// home moves to the first line of the live part. s.mu is held.
func (s *screen) home() string {
	if len(s.drawn) == 0 {
		return ""
	}
	return fmt.Sprintf("\r\x1b[%dA", len(s.drawn))
}

// fit cuts a line to width columns, for a line that wraps takes two. Every
// character is taken to be one column wide; colour takes none.
func fit(line string, width int) string {
	var b strings.Builder
	for column := 0; line != ""; {
		if code := colourCode(line); code != "" {
			b.WriteString(code)
			line = line[len(code):]
			continue
		}
		r, size := utf8.DecodeRuneInString(line)
		if column++; column <= width {
			b.WriteRune(r)
		}
		line = line[size:]
	}
	return b.String()
}

// colourCode is the sequence for colour that line begins with, if it does.
func colourCode(line string) string {
	if !strings.HasPrefix(line, "\x1b[") {
		return ""
	}
	return line[:strings.IndexByte(line, 'm')+1]
}
