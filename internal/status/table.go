package status

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/duration"
)

// How the table speaks:
//
//   - A row is an object; what does not apply is a dash.
//   - Times are ages, as kubectl writes them.
//   - The message comes last, so that a long one moves nothing.
//   - Colour repeats what the words say.
//   - What the cluster says is printed without control characters: a status can
//     be written by anybody with the right to.

// Style is how a table is printed.
type Style struct {
	// Wide adds the language and names every key.
	Wide bool
	// Colour marks what is ready and what is not.
	Colour bool
	// Now is what ages are counted from.
	Now time.Time
}

// Columns are the widths of a table so far; they only grow, so that rows which
// are printed later stand below those printed before.
type Columns struct{ widths []int }

const (
	gap  = "   "
	dash = "-"
)

// Header returns the line above the rows. It is fitted to them.
func (c *Columns) Header(rows []Row, s Style) string {
	for i := range rows {
		c.fit(cells(&rows[i], s))
	}
	head := []string{"KIND", "NAMESPACE", "NAME", "FROM", "TO", "READY", "LAST SUCCESS", "LAST CHANGE", "RESTARTED", "MESSAGE"}
	if s.Wide {
		head = append([]string{"LANGUAGE"}, head...)
	}
	return c.line(head, "", s)
}

// Row returns the line of a row.
func (c *Columns) Row(r *Row, s Style) string { return c.line(cells(r, s), r.Ready, s) }

func (c *Columns) fit(cells []string) {
	for len(c.widths) < len(cells) {
		c.widths = append(c.widths, 0)
	}
	for i, cell := range cells {
		c.widths[i] = max(c.widths[i], utf8.RuneCountInString(cell))
	}
}

func (c *Columns) line(cells []string, ready string, s Style) string {
	c.fit(cells)
	var b strings.Builder
	for i, cell := range cells {
		pad := strings.Repeat(" ", c.widths[i]-utf8.RuneCountInString(cell))
		if s.Colour && cell == ready {
			cell = colour(cell)
		}
		b.WriteString(cell)
		if i < len(cells)-1 {
			b.WriteString(pad + gap)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

func colour(ready string) string {
	codes := map[string]string{True: "32", False: "31", Unknown: "33"}
	return "\x1b[" + codes[ready] + "m" + ready + "\x1b[0m"
}

// Write prints the whole table.
func Write(w io.Writer, rows []Row, s Style) error {
	var c Columns
	if _, err := fmt.Fprintln(w, c.Header(rows, s)); err != nil {
		return err
	}
	for i := range rows {
		if _, err := fmt.Fprintln(w, c.Row(&rows[i], s)); err != nil {
			return err
		}
	}
	return nil
}

func cells(r *Row, s Style) []string {
	kind := r.Kind
	if r.annotated && !s.Wide {
		kind += " (" + r.Language + ")"
	}
	all := []string{
		kind, r.Namespace, r.Name, r.places(r.From, s), r.places(r.To, s), r.Ready,
		age(r.LastSuccess, s.Now), age(r.LastChange, s.Now), age(r.Restarted, s.Now), r.Message,
	}
	if s.Wide {
		all = append([]string{r.Language}, all...)
	}
	for i := range all {
		if all[i] = plain(all[i]); all[i] == "" && i < len(all)-1 {
			all[i] = dash
		}
	}
	return all
}

// shown is how many keys or objects a narrow table names.
const shown = 2

// places joins what is at the same place. In a narrow table it names only so
// much, and no namespace but others than the row's.
func (r *Row) places(all []End, s Style) string {
	var parts []string
	last, more := "", 0
	for i, p := range all {
		if !s.Wide {
			p = p.near(r.Namespace)
		}
		switch {
		case !s.Wide && i >= shown:
			more++
		case p.Key != "" && p.holder() == last:
			parts[len(parts)-1] += ", " + p.Key
		default:
			parts = append(parts, p.String())
		}
		last = p.holder()
	}
	text := strings.Join(parts, ", ")
	if more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return text
}

func age(t *time.Time, now time.Time) string {
	if t == nil {
		return ""
	}
	return duration.HumanDuration(max(now.Sub(*t), 0))
}

// plain is text on one line without anything that a terminal obeys.
func plain(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
	}), " ")
}
