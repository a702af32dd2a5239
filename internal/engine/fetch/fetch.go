// Package fetch turns the sources of a plan into data: it reads what they
// name, looks up properties, rewrites and checks keys, and decodes values.
// What a property of a secret means is decided here, once for all backends.
package fetch

import (
	"context"
	"fmt"
	"maps"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Reader reads from stores.
type Reader interface {
	// Read returns the secret that ref names. It is called concurrently,
	// and fails with a *backend.Error, or a *delivery.Error where it is the
	// store that is the trouble.
	Read(ctx context.Context, store delivery.StoreRef, ref backend.Ref) (backend.Document, error)
	// Find returns the refs of all secrets that match, sorted by key. It
	// fails as Read does.
	Find(ctx context.Context, store delivery.StoreRef, q backend.Query) ([]backend.Ref, error)
}

// Options are the terms of a Fetch. Zero fields take the defaults.
type Options struct {
	// SkipMissing leaves out a source of which the store says that it does
	// not exist; otherwise that is an error. A missing property always is.
	SkipMissing bool
	// MaxBytes bounds keys and values together.
	MaxBytes int
	// Parallel bounds the reads under way at once.
	Parallel int
}

// The defaults of Options.
const (
	DefaultMaxBytes = 8 << 20 // a template may make less of it
	DefaultParallel = 8
)

// Fetch reads all sources and returns their data, later ones winning where
// keys collide. What several sources name is read once, so that all of them
// see the same state of it. skipped are the fields of the sources that were
// left out under SkipMissing.
//
// The error is a *delivery.Error that names the first source that failed, and
// never holds a value. Which one that is does not depend on timing.
func Fetch(ctx context.Context, r Reader, sources []delivery.Source, opts Options) (data secret.Data, skipped []string, err error) {
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = DefaultMaxBytes
	}
	if opts.Parallel <= 0 {
		opts.Parallel = DefaultParallel
	}
	reads := plan(sources)
	if err := reads.run(ctx, r, opts); err != nil {
		return nil, nil, err
	}
	data = secret.Data{}
	size := 0
	for i := range sources {
		src := &sources[i]
		one := reads.of(src)
		if one.missing {
			skipped = append(skipped, src.Field)
			continue
		}
		got, err := take(ctx, src, one)
		if err != nil {
			return nil, nil, err
		}
		if size += got.Size(); size > opts.MaxBytes {
			return nil, nil, problem(src, delivery.Malformed, "there is more than %d bytes of data", opts.MaxBytes)
		}
		maps.Copy(data, got)
	}
	return data, skipped, nil
}

// take makes a source's data of what was read for it.
func take(ctx context.Context, src *delivery.Source, got *read) (secret.Data, error) {
	switch src.Take {
	case delivery.TakeValue:
		return takeValue(src, got)
	case delivery.TakeMap:
		data, err := takeMap(src, got)
		if err != nil {
			return nil, err
		}
		return finish(ctx, src, data)
	case delivery.TakeFound:
		return finish(ctx, src, got.found)
	}
	return nil, problem(src, delivery.Unsupported, "there is no way to take %q", src.Take)
}

func takeValue(src *delivery.Source, got *read) (secret.Data, error) {
	if fault := keyFault(src.Into); fault != "" {
		return nil, problem(src, delivery.Invalid, "%s", fault)
	}
	v, err := part(src, got.doc)
	if err != nil {
		return nil, err
	}
	return decodeAll(src, secret.Data{src.Into: v})
}

func takeMap(src *delivery.Source, got *read) (secret.Data, error) {
	if src.Remote.Property == "" && got.doc.Fields != nil {
		return maps.Clone(got.doc.Fields), nil
	}
	v, err := part(src, got.doc)
	if err != nil {
		return nil, err
	}
	data, fault := properties(v)
	if fault != "" {
		return nil, problem(src, delivery.Malformed, "its value %s", fault)
	}
	return data, nil
}

// part is the property of the document that the source asks for, or all.
func part(src *delivery.Source, doc backend.Document) (secret.Value, error) {
	if src.Remote.Property == "" {
		return doc.Value, nil
	}
	v, ok, fault := Property(doc, src.Remote.Property)
	switch {
	case fault != "":
		return v, problem(src, delivery.Invalid, "%s", fault)
	case !ok:
		return v, problem(src, delivery.PropertyMissing, "no such property")
	}
	return v, nil
}

// finish gives many keys their final form, and decodes.
func finish(ctx context.Context, src *delivery.Source, data secret.Data) (secret.Data, error) {
	data, err := rekey(ctx, src, data)
	if err != nil {
		return nil, err
	}
	return decodeAll(src, data)
}

// where names the source in a message.
func where(src *delivery.Source) string {
	s := fmt.Sprintf("%s: %s", src.Field, src.Store)
	if src.Take == delivery.TakeFound {
		return s + ", find"
	}
	s += fmt.Sprintf(", key %q", src.Remote.Key)
	if src.Remote.Property != "" {
		s += fmt.Sprintf(", property %q", src.Remote.Property)
	}
	return s
}

func problem(src *delivery.Source, kind delivery.ErrorKind, format string, args ...any) *delivery.Error {
	return &delivery.Error{Kind: kind, Message: where(src) + ": " + fmt.Sprintf(format, args...)}
}
