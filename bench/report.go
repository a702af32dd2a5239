package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// figure is one thing that was measured.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
	Goal  string  `json:"goal,omitempty"`
	Met   *bool   `json:"met,omitempty"` // absent where there is no goal
	Note  string  `json:"note,omitempty"`
}

// goal is a bound; the zero goal is none.
type goal struct {
	sign  string
	bound float64
}

func atLeast(bound float64) goal { return goal{"≥", bound} }
func atMost(bound float64) goal  { return goal{"≤", bound} }
func exactly(bound float64) goal { return goal{"=", bound} }

func (g goal) met(v float64) bool {
	switch g.sign {
	case "≥":
		return v >= g.bound
	case "=":
		return v == g.bound
	}
	return v <= g.bound
}

// result is what a workload showed.
type result struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Failure string   `json:"failure,omitempty"` // why it did not complete
	Figures []figure `json:"figures"`
}

func (r *result) plain(name string, v float64, unit string) { r.add(name, v, unit, goal{}) }

func (r *result) add(name string, v float64, unit string, g goal) {
	f := figure{Name: name, Value: v, Unit: unit}
	if g.sign != "" {
		met := g.met(v)
		f.Met = &met
		f.Goal = strings.TrimSpace(g.sign + " " + number(g.bound) + " " + unit)
	}
	r.Figures = append(r.Figures, f)
}

func (r *result) value(name string) (float64, bool) {
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Value, true
		}
	}
	return 0, false
}

// report is everything of one run.
type report struct {
	Date    time.Time `json:"date"`
	Command string    `json:"command"`
	Commit  string    `json:"commit,omitempty"`
	Machine machine   `json:"machine"`
	Results []result  `json:"results"`
}

func (r *report) empty() bool { return len(r.Results) == 0 }

func (r *report) find(name string) *result {
	i := slices.IndexFunc(r.Results, func(res result) bool { return res.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Results[i]
}

func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// writeTables prints a plain table a workload.
func (r *report) writeTables(w io.Writer) error {
	for _, res := range r.Results {
		_, _ = fmt.Fprintf(w, "\n%s\n", res.Title)
		if res.Failure != "" {
			_, _ = fmt.Fprintf(w, "  did not complete: %s\n", res.Failure)
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, row := range res.rows() {
			_, _ = fmt.Fprintln(t, "  "+strings.Join(row, "\t"))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", r.Machine)
	return err
}

// rows are the cells of each figure: name, result, goal, verdict or note.
func (r *result) rows() [][]string {
	var rows [][]string
	for _, f := range r.Figures {
		verdict := f.Note
		if f.Met != nil {
			verdict = map[bool]string{true: "met", false: "NOT MET"}[*f.Met]
		}
		rows = append(rows, []string{f.Name, strings.TrimSpace(number(f.Value) + " " + f.Unit), f.Goal, verdict})
	}
	return rows
}

// number shows three digits, and all of those before the point.
func number(v float64) string {
	abs := max(v, -v)
	switch {
	case v == float64(int64(v)) || abs >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case abs >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// sorted are the kinds of request, the most frequent first.
func sorted(counts map[testkit.Request]int) []testkit.Request {
	var all []testkit.Request
	for q := range counts {
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b testkit.Request) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.Resource, b.Resource),
			cmp.Compare(a.Verb, b.Verb), cmp.Compare(a.Subresource, b.Subresource))
	})
	return all
}
