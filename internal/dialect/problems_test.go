package dialect_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

func TestTheFirstProblemIsKept(t *testing.T) {
	t.Parallel()
	var p dialect.Problems
	if err := p.Err(); err != nil {
		t.Fatalf("without a problem the error is %v", err)
	}
	p.OneOf("spec.mode", "", "a", "b")
	if got := p.OneOf("spec.mode", "b", "a", "b"); got != "b" || p.Err() != nil {
		t.Fatalf("a right word is %q, with error %v", got, p.Err())
	}
	if got := p.OneOf("spec.mode", "c", "a", "b"); got != "" {
		t.Errorf("a wrong word is %q", got)
	}
	p.Unsupported("spec.other", "%d is too late", 7)
	var failure *delivery.Error
	if !errors.As(p.Err(), &failure) || failure.Kind != delivery.Invalid || failure.Message != `spec.mode: "c" is none of a, b` {
		t.Errorf("the error is %+v", failure)
	}
	var q dialect.Problems
	q.Unsupported("spec.other", "%d", 7)
	if !errors.As(q.Err(), &failure) || failure.Kind != delivery.Unsupported || failure.Message != "spec.other: 7" {
		t.Errorf("the error is %+v", failure)
	}
}

func TestWrongKindNamesBoth(t *testing.T) {
	t.Parallel()
	if got := dialect.WrongKind("Thing", &corev1.Secret{}).Error(); got != "kind: want Thing, got a *v1.Secret" {
		t.Error(got)
	}
}

func TestQuotesAreBounded(t *testing.T) {
	t.Parallel()
	if got := dialect.Quote("a\nb"); got != `"a\nb"` {
		t.Error(got)
	}
	for n := range 3 {
		// The cut falls between, and into, characters of two bytes.
		long := strings.Repeat("x", n) + strings.Repeat("ä", 100)
		got := dialect.Cut(long, dialect.MaxQuote)
		if len(got) > dialect.MaxQuote || len(got) < dialect.MaxQuote-1 || !utf8.ValidString(got) || !strings.HasSuffix(got, "ä…") {
			t.Errorf("%d bytes: %q", len(got), got)
		}
	}
	if exact := strings.Repeat("x", dialect.MaxQuote); dialect.Cut(exact, dialect.MaxQuote) != exact {
		t.Error("what just fits is cut")
	}
}
