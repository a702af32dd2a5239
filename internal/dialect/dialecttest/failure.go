package dialecttest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Failure is the line of an error in a golden file; empty if there is none.
func Failure(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	failure := failureOf(t, err)
	return fmt.Sprintf("error %s: %s\n", failure.Kind, failure.Message)
}

// field is how a message begins that names one. A part of its path that a
// manifest is free to choose is quoted, and may hold anything.
var field = regexp.MustCompile(`^([^ "]|"(\\.|[^"\\])*")+: .`)

// CheckError checks that an error is of one of the kinds, and that it names a
// field whose path begins with prefix.
func CheckError(t testing.TB, err error, prefix string, kinds ...delivery.ErrorKind) {
	t.Helper()
	failure := failureOf(t, err)
	if !slices.Contains(kinds, failure.Kind) {
		t.Errorf("the error is %s", failure.Kind)
	}
	if !strings.HasPrefix(failure.Message, prefix) || !field.MatchString(failure.Message) {
		t.Errorf("the error names no field: %q", failure.Message)
	}
}

func failureOf(t testing.TB, err error) *delivery.Error {
	t.Helper()
	var failure *delivery.Error
	if !errors.As(err, &failure) {
		t.Fatalf("the error is a %T, not a *delivery.Error: %v", err, err)
	}
	return failure
}
