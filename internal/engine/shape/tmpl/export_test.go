package tmpl

import (
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
