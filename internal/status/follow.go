package status

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// Follower prints tables as they change.
type Follower struct {
	Out   io.Writer
	Style Style
	// JSON prints a row a line instead, when it is new or has changed. A row
	// whose object is gone has "gone": true.
	JSON bool
	// Size of the terminal on which the table is drawn over; nil where there is
	// none. Then rows are printed when they are new or have changed.
	Size func() (width, height int)

	columns Columns
	before  map[[4]string]Row
	started bool
}

// Show prints what the table has that the one before had not.
func (f *Follower) Show(t Table, now time.Time) error {
	f.Style.Now = now
	if f.Size != nil && !f.JSON {
		return f.draw(t)
	}
	if !f.started && !f.JSON {
		if _, err := fmt.Fprintln(f.Out, f.columns.Header(t.Rows, f.Style)); err != nil {
			return err
		}
	}
	f.started = true
	after := make(map[[4]string]Row, len(t.Rows))
	for _, r := range t.Rows {
		after[id(&r)] = r
		if old, ok := f.before[id(&r)]; ok && same(&old, &r) {
			continue
		}
		if err := f.print(&r, false); err != nil {
			return err
		}
	}
	for at, r := range f.before {
		if _, ok := after[at]; !ok {
			if err := f.print(&r, true); err != nil {
				return err
			}
		}
	}
	f.before = after
	return nil
}

func id(r *Row) [4]string { return [4]string{r.Language, r.Kind, r.Namespace, r.Name} }

// same reports that nothing happened but that time went by: a success that
// repeats another is no change.
func same(a, b *Row) bool {
	x, y := *a, *b
	x.LastSuccess, y.LastSuccess = nil, nil
	return reflect.DeepEqual(x, y)
}

func (f *Follower) print(r *Row, gone bool) error {
	if f.JSON {
		return json.NewEncoder(f.Out).Encode(struct {
			Row
			Gone bool `json:"gone,omitempty"`
		}{*r, gone})
	}
	shown := *r
	if gone {
		shown = Row{Language: r.Language, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, annotated: r.annotated, Message: "gone"}
	}
	_, err := fmt.Fprintln(f.Out, f.columns.Row(&shown, f.Style))
	return err
}

// What terminals obey.
const (
	home       = "\x1b[H"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
)

// draw draws the table over the one before, as much of it as fits: what is not
// ready comes first where not all does.
func (f *Follower) draw(t Table) error {
	width, height := f.Size()
	rows := t.Rows
	room := max(height-2-len(t.Notes), 1)
	hidden := 0
	if len(rows) > room {
		rows, hidden = troubled(rows, room), len(rows)-room
	}
	f.columns = Columns{}
	style := f.Style
	lines := []string{f.columns.Header(rows, style)}
	for i := range rows {
		lines = append(lines, f.columns.Row(&rows[i], style))
	}
	if hidden > 0 {
		lines = append(lines, fmt.Sprintf("and %d more that do not fit", hidden))
	}
	for _, note := range t.Notes {
		lines = append(lines, "note: "+plain(note))
	}
	var b strings.Builder
	b.WriteString(home)
	for _, line := range lines {
		b.WriteString(fit(line, width) + clearLine + "\n")
	}
	b.WriteString(clearBelow)
	_, err := io.WriteString(f.Out, b.String())
	return err
}

// troubled are n of the rows in their order, those that are not ready before
// others.
func troubled(rows []Row, n int) []Row {
	keep := make([]bool, len(rows))
	for _, ready := range []bool{false, true} {
		for i := range rows {
			if n > 0 && !keep[i] && (rows[i].Ready == True) == ready {
				keep[i] = true
				n--
			}
		}
	}
	var out []Row
	for i := range rows {
		if keep[i] {
			out = append(out, rows[i])
		}
	}
	return out
}

// fit cuts a line to the width of the terminal, not counting what colours it.
func fit(line string, width int) string {
	var b strings.Builder
	for n := 0; line != ""; {
		if strings.HasPrefix(line, "\x1b[") {
			end := strings.IndexByte(line, 'm') + 1
			b.WriteString(line[:end])
			line = line[end:]
			continue
		}
		_, size := utf8.DecodeRuneInString(line)
		if n++; n <= width {
			b.WriteString(line[:size])
		}
		line = line[size:]
	}
	return b.String()
}
