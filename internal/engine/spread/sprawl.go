package spread

import (
	"regexp"
	"strconv"
	"strings"
)

// The bounds on the groups of a .NET pattern. Time alone does not bound the
// memory that backtracking takes: some patterns ask for a gigabyte a second.
const (
	maxGroups = 64
	// maxRounds is the product of the counts on groups. Counts on a single
	// character or class cost nothing and are not bounded.
	maxRounds = 1 << 10
)

// groupCount is a count that may be on a group: after ")", or after what a
// pattern with the option x may have in between.
var groupCount = regexp.MustCompile(`[)\s]\{([0-9]+)(?:,([0-9]*))?\}`)

// sprawls reports that a pattern exceeds the bounds on groups. It looks at the
// text alone and takes an escaped parenthesis for a group: rather too many
// than too few.
func sprawls(expr string) bool {
	if strings.Count(expr, "(") > maxGroups {
		return true
	}
	rounds := 1
	for _, count := range groupCount.FindAllStringSubmatch(expr, -1) {
		rounds *= max(1, number(count[1]), number(count[2]))
		if rounds > maxRounds {
			return true
		}
	}
	return false
}

// number reads the digits of a count, at most maxRounds+1.
func number(digits string) int {
	if digits == "" {
		return 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return maxRounds + 1
	}
	return min(n, maxRounds+1)
}
