package tmpl

import (
	"errors"
	"maps"
	"reflect"
	"slices"
)

var (
	SprigAllowed  = sprigAllowed
	SprigReplaced = sprigReplaced
	SprigDenied   = sprigDenied
	Names         = names
	Varying       = varying
	CheckRounds   = checkRounds
)

// Signature is the type of a function as templates call it; nil if there is
// none.
func Signature(name string) reflect.Type {
	if f, ok := functions()[name]; ok {
		return f.typ
	}
	return nil
}

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
