package spread

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Fault says why the first malformed part of the rules admits nothing: a
// *delivery.Error of kind Invalid that names the pattern or selector, or nil.
// A pattern that was too slow in Admits counts as malformed for as long as it
// is remembered.
func (m *Matcher) Fault(rules []delivery.NamespaceRule) error {
	if n := count(rules); n > MaxPatterns {
		return invalid(rules[0].Field, fmt.Sprintf("%d patterns are more than the %d that are matched; "+
			"join some by | or use a label selector", n, MaxPatterns))
	}
	for i := range rules {
		rule := &rules[i]
		for _, expr := range rule.Regexes {
			if err := m.fault(rule.Field, grammarRE2, expr); err != nil {
				return err
			}
		}
		for _, expr := range rule.DotNet {
			if err := m.fault(rule.Field, grammarDotNet, expr); err != nil {
				return err
			}
		}
		if !rule.HasSelector {
			continue
		}
		if err := m.fault(rule.Field, grammarSelector, rule.Selector); err != nil {
			return err
		}
	}
	return nil
}

func (m *Matcher) fault(field string, g grammar, expr string) error {
	why := m.form(g, expr).fault()
	if why == "" {
		return nil
	}
	return invalid(field, fmt.Sprintf("the %s %s %s", g, quote(expr), why))
}

func invalid(field, message string) error {
	if field != "" {
		message = field + ": " + message
	}
	return &delivery.Error{Kind: delivery.Invalid, Message: message}
}

// maxQuote bounds what is quoted of a pattern: it is a hint, not a copy.
const maxQuote = 80

func quote(s string) string {
	const dots = "…"
	if len(s) > maxQuote {
		s = strings.ToValidUTF8(s[:maxQuote-len(dots)], "") + dots
	}
	return strconv.Quote(s)
}
