package tmpl

import (
	"errors"
	"maps"
	"slices"
)

var (
	SprigAllowed = sprigAllowed
	SprigDenied  = sprigDenied
	Names        = names
	CheckRounds  = checkRounds
)

// Annotated are the functions that the tables of reaches, costs and guards
// name.
func Annotated() []string {
	return slices.Concat(
		slices.Collect(maps.Keys(reaches)), slices.Collect(maps.Keys(costs)), slices.Collect(maps.Keys(guards)),
	)
}

// ExecError is what an error of text/template comes out as, for a template
// that spells the given fields out.
func ExecError(text string, fields ...string) error {
	c := &compiled{fields: map[string]bool{}}
	for _, f := range fields {
		c.fields[f] = true
	}
	return c.execError(errors.New(text))
}
