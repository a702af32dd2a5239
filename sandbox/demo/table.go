package main

import (
	"strings"
	"unicode/utf8"
)

// cell is a field of a table.
type cell struct {
	text   string
	colour colour
}

// columns lays rows out in columns below a head.
func (s *screen) columns(head []string, rows [][]cell) []string {
	first := make([]cell, len(head))
	for i, title := range head {
		first[i] = cell{title, bold}
	}
	rows = append([][]cell{first}, rows...)
	widths := make([]int, len(head))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		var b strings.Builder
		for i, c := range row {
			b.WriteString("  " + s.paint(c.colour, c.text))
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)))
		}
		lines[n] = strings.TrimRight(b.String(), " ")
	}
	return lines
}
