package fetch

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/shape/tmpl"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// rewrite applies the source's rewrites, each to what the one before made.
// Keys are taken in alphabetical order, and the later wins where two become
// one, so that the result is the same every time.
func rewrite(ctx context.Context, src *delivery.Source, data secret.Data) (secret.Data, error) {
	for i := range src.Rewrites {
		var err error
		switch op := &src.Rewrites[i]; {
		case op.Regexp != nil:
			data, err = rewriteRegexp(src, i, data)
		case op.Transform != nil:
			data, err = rewriteTransform(ctx, src, i, data)
		case op.Merge != nil:
			data, err = rewriteMerge(src, i, data)
		}
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}

// maxKeyBytes bounds a rewritten key, long before a Secret refuses it.
const maxKeyBytes = 4096

func rewriteRegexp(src *delivery.Source, i int, data secret.Data) (secret.Data, error) {
	op := src.Rewrites[i].Regexp
	re, err := regexp.Compile(op.Source)
	if err != nil {
		return nil, problem(src, delivery.Invalid, "rewrite[%d].regexp: %v", i, err)
	}
	out := make(secret.Data, len(data))
	for _, key := range sorted(data) {
		if worth := (len(key) + 1) * (len(op.Target) + 1); worth > 1<<24 {
			return nil, problem(src, delivery.Malformed, "rewrite[%d].regexp: key and target are too long", i)
		}
		to := re.ReplaceAllString(key, op.Target)
		if len(to) > maxKeyBytes {
			return nil, problem(src, delivery.Malformed, "rewrite[%d].regexp: it makes a key of %d bytes", i, len(to))
		}
		out[to] = data[key]
	}
	return out, nil
}

func rewriteTransform(ctx context.Context, src *delivery.Source, i int, data secret.Data) (secret.Data, error) {
	// Keys are short, and so is what makes them.
	run := tmpl.Start(ctx, tmpl.Limits{Steps: 100_000, Output: 1 << 20, Memory: 8 << 20, Time: 2 * time.Second})
	t, err := run.Parse(tmpl.Source{Text: src.Rewrites[i].Transform.Template})
	if err != nil {
		return nil, transformProblem(src, i, err)
	}
	out := make(secret.Data, len(data))
	for _, key := range sorted(data) {
		// The original does not mind a name that is not there.
		to, err := t.Render(map[string]string{"value": key}, true)
		if err != nil {
			return nil, transformProblem(src, i, err)
		}
		out[string(to)] = data[key]
	}
	return out, nil
}

func transformProblem(src *delivery.Source, i int, err error) error {
	kind := delivery.Malformed
	var e *tmpl.Error
	if errors.As(err, &e) && e.Parse {
		kind = delivery.Invalid
	}
	return problem(src, kind, "rewrite[%d].transform: %v", i, err)
}
