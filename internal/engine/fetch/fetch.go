// Package fetch turns the sources of a plan into data: it reads what they
// name, looks up properties, rewrites and checks keys, and decodes values.
// What a property of a secret means is decided here, once for all backends.
package fetch

import (
	"cmp"
	"context"
	"fmt"
	"maps"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Stores reads from stores.
type Stores interface {
	// Read returns the secret that ref names. It is called concurrently,
	// and fails with a *backend.Error, or a *delivery.Error where it is the
	// store that is the trouble.
	Read(ctx context.Context, store delivery.StoreRef, ref backend.Ref) (backend.Document, error)
	// Find returns the refs of all secrets that match, sorted by key. It
	// fails as Read does.
	Find(ctx context.Context, store delivery.StoreRef, q backend.Query) ([]backend.Ref, error)
}

// Reader reads whatever a source names.
type Reader interface {
	Stores
	// Object returns a Secret or ConfigMap of the cluster. Its error is a
	// *delivery.Error; of kind SourceMissing if the object is not there.
	Object(ctx context.Context, ref delivery.ObjectRef) (Object, error)
	// Unseal opens all entries, or none, and names the key that did. Its error
	// is a *delivery.Error.
	Unseal(ctx context.Context, s delivery.Sealed) (data secret.Data, key string, err error)
}

// Object is a Secret or ConfigMap of the cluster.
type Object struct {
	Data secret.Data
	Type string
	// Version is its resourceVersion.
	Version             string
	Labels, Annotations map[string]string
}

// Result is what a Fetch brings.
type Result struct {
	Data secret.Data
	// Skipped are the fields of the sources that were left out under
	// SkipMissing.
	Skipped []string
	// Object is the source that is an object of the cluster, without its
	// Data; nil if none is.
	Object *Object
	// Version, Link and Lease are those of the first source that has them. The
	// version of sealed data is the key that opened them.
	Version, Link string
	Lease         delivery.Lease
}

// learn takes over what is known of one read beside its data.
func (r *Result) learn(one *read) {
	if r.Version == "" {
		r.Version = cmp.Or(one.doc.Version, one.object.Version, one.key)
	}
	if r.Link == "" {
		r.Link = one.doc.Link
	}
	if r.Lease.IsZero() {
		r.Lease = one.doc.Lease
	}
	if one.src.Take == delivery.TakeObject {
		obj := one.object
		obj.Data = nil
		r.Object = &obj
	}
}

// Options are the terms of a Fetch. Zero fields take the defaults.
type Options struct {
	// SkipMissing leaves out a source of which the store says that it does
	// not exist; otherwise that is an error. A missing property always is.
	SkipMissing bool
	// MaxBytes bounds keys and values together. What is read for them may be
	// readFactor times as much.
	MaxBytes int
	// Parallel bounds the reads under way at once.
	Parallel int
}

// The defaults of Options. A Secret holds 1 MiB; a template may select from
// more.
const (
	defaultMaxBytes = 8 << 20
	defaultParallel = 8
)

// Fetch reads all sources and returns their data, later ones winning where
// keys collide. What several sources name is read once, so that all of them
// see the same state of it.
//
// The error is a *delivery.Error that names the first source that failed, and
// never holds a value. Which one that is does not depend on timing.
func Fetch(ctx context.Context, r Reader, sources []delivery.Source, opts Options) (Result, error) {
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = defaultMaxBytes
	}
	if opts.Parallel <= 0 {
		opts.Parallel = defaultParallel
	}
	reads := plan(sources)
	if err := reads.run(ctx, r, opts); err != nil {
		return Result{}, err
	}
	out := Result{Data: secret.Data{}}
	size := 0
	for i := range sources {
		src := &sources[i]
		one := reads.of(src)
		if one.missing {
			out.Skipped = append(out.Skipped, src.Field)
			continue
		}
		got, err := take(ctx, src, one)
		if err != nil {
			return Result{}, err
		}
		if size += got.Size(); size > opts.MaxBytes {
			return Result{}, problem(src, delivery.Malformed, "there is more than %d bytes of data", opts.MaxBytes)
		}
		maps.Copy(out.Data, got)
		out.learn(one)
	}
	return out, nil
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
	case delivery.TakeObject:
		return got.object.Data, nil
	case delivery.TakeSealed:
		return got.opened, nil
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
	switch src.Take {
	case delivery.TakeObject:
		return fmt.Sprintf("%s: %s", src.Field, src.Object)
	case delivery.TakeSealed:
		return src.Field
	}
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
