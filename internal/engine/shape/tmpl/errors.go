package tmpl

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Error is why a template was not rendered. Its text is made of fixed words,
// numbers, and names that stand in the template itself; nothing in it comes
// out of a value.
type Error struct {
	// Line of the template; 0 if unknown.
	Line int
	// Func is the function that failed; empty if none did.
	Func   string
	Reason string
	// Parse: the text is no template. Limit: a bound was hit. Neither: it
	// failed on these values.
	Parse, Limit bool
	// Err is the cause where it is known to hold no value: ctx's error.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Func != "" {
		b.WriteString(e.Func + ": ")
	}
	b.WriteString(e.Reason)
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// fault is an error of our own making on its way through text/template.
type fault struct {
	fn, reason string
	limit      bool
	cause      error
}

func (f *fault) Error() string { return f.reason }
func (f *fault) Unwrap() error { return f.cause }

func limit(format string, args ...any) error {
	return &fault{reason: fmt.Sprintf(format, args...), limit: true}
}

// plain is an error of a function whose text holds no value and may be shown.
type plain string

func (p plain) Error() string { return string(p) }

// position matches the head of every error of text/template. The template is
// called rootName, so nothing else can look like one.
var position = regexp.MustCompile(`^template: ` + rootName + `:(\d+)`)

func lineOf(err error) int {
	m := position.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// parseError keeps text/template's words: they quote the template, never a
// value. Of an opaque template, which is itself a secret, only the line stays.
func parseError(err error, opaque bool) *Error {
	e := &Error{Line: lineOf(err), Reason: "is no valid template", Parse: true}
	if opaque {
		return e
	}
	if _, words, ok := strings.Cut(strings.TrimPrefix(err.Error(), "template: "+rootName+":"), ": "); ok {
		e.Reason = strings.ReplaceAll(words, rootName, "")
	}
	return e
}

// execError turns a failed execution into an Error. The text of err is used
// to recognise what happened, and then dropped: text/template quotes values.
func (c *compiled) execError(err error) *Error {
	e := &Error{Line: lineOf(err)}
	var f *fault
	if errors.As(err, &f) {
		e.Func, e.Reason, e.Limit, e.Err = f.fn, f.reason, f.limit, f.cause
		return e
	}
	text := err.Error()
	e.Func = calledIn(text)
	switch e.Reason = reasonOf(text); e.Reason {
	case reasonMissing:
		if key, ok := c.missingKey(text); ok {
			e.Reason = fmt.Sprintf("there is no %q among the values", key)
		}
	case reasonCount:
		if fn, words, ok := miscounted(text); ok {
			e.Func, e.Reason = fn, words
		}
	}
	return e
}

const (
	reasonMissing = "a key that it names is not among the values"
	reasonCount   = "a function gets the wrong number of arguments"
)

// reasons maps what text/template says to what we say. The first that matches
// counts, so those that quote a value, which may read like any other, come
// first.
var reasons = []struct{ mark, reason string }{
	{"range can't iterate over", "range cannot go over this kind of value"},
	{"range over send-only channel", "range cannot go over this kind of value"},
	{"to iterate over more than one variable", "range cannot go over this kind of value with two variables"},
	{"iterate over more than one variable", "range cannot go over this kind of value with two variables"},
	{"if/with can't use", "if and with cannot test this kind of value"},
	{"error calling", "it failed on these arguments"},
	{"map has no entry for key", reasonMissing},
	{"no entry for key", reasonMissing},
	{"nil pointer evaluating", "a field of nothing is asked for"},
	{"can't evaluate field", "a field is asked of a value that has no fields"},
	{"wrong type for value", "an argument has the wrong type"},
	{"wrong number of args", reasonCount},
	{"invalid value; expected", "an argument is missing or nothing"},
	{"can't handle", "an argument has the wrong type"},
	{"; found", "an argument has the wrong type"},
	{"has arguments but cannot be invoked", "a value is called like a function"},
	{"is not a method but has arguments", "a value is called like a function"},
	{"can't give argument to non-function", "a value is called like a function"},
	{"can't print", "this kind of value cannot be printed"},
	{"not defined", "a template that it calls is not defined"},
	{"exceeded maximum template depth", "templates are nested too deep"},
}

func reasonOf(text string) string {
	for _, r := range reasons {
		if strings.Contains(text, r.mark) {
			return r.reason
		}
	}
	return "it failed on these values"
}

var (
	missingKey = regexp.MustCompile(`no entry for key "([^"]*)"$`)
	calling    = regexp.MustCompile(`error calling (\w+):`)
	wrongCount = regexp.MustCompile(`wrong number of args for (\w+): want (at least )?(\d{1,3}) got (\d{1,5})$`)
)

// missingKey finds the key's name, and lets it pass only if the template
// spells it out as a field: a value can imitate the error, but not that.
func (c *compiled) missingKey(text string) (string, bool) {
	m := missingKey.FindStringSubmatch(text)
	if c.opaque || m == nil || !c.fields[m[1]] {
		return "", false
	}
	return m[1], true
}

// miscounted finds which function gets how many arguments, and lets the name
// pass only if it is one.
func miscounted(text string) (fn, reason string, ok bool) {
	m := wrongCount.FindStringSubmatch(text)
	if m == nil || !names()[m[1]] {
		return "", "", false
	}
	plural := "s"
	if m[4] == "1" {
		plural = ""
	}
	return m[1], fmt.Sprintf("gets %s argument%s, and takes %s%s", m[4], plural, m[2], m[3]), true
}

// calledIn finds the function's name, and lets it pass only if it is one.
func calledIn(text string) string {
	m := calling.FindStringSubmatch(text)
	if m == nil || !names()[m[1]] {
		return ""
	}
	return m[1]
}
