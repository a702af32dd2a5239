package fetch

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// read is one thing to read, for one source or several.
type read struct {
	src     *delivery.Source // the first that needs it
	doc     backend.Document
	object  Object
	found   secret.Data
	opened  secret.Data
	key     string // that opened it
	missing bool   // the store says so, and that may be skipped
	failed  *delivery.Error
}

type readKey struct {
	store  delivery.StoreRef
	ref    backend.Ref
	object delivery.ObjectRef
}

// reads are the distinct reads of a Fetch, in order of their first use.
type reads struct {
	list  []*read
	byKey map[readKey]*read
	// own are those that no other source can share.
	own map[*delivery.Source]*read
}

func keyOf(src *delivery.Source) readKey {
	return readKey{store: src.Store, object: src.Object, ref: backend.Ref{
		Key: src.Remote.Key, Version: src.Remote.Version, Metadata: src.Remote.Metadata,
	}}
}

func plan(sources []delivery.Source) *reads {
	p := &reads{byKey: map[readKey]*read{}, own: map[*delivery.Source]*read{}}
	for i := range sources {
		src := &sources[i]
		if p.of(src) != nil {
			continue
		}
		one := &read{src: src}
		p.list = append(p.list, one)
		if alone(src) {
			p.own[src] = one
		} else {
			p.byKey[keyOf(src)] = one
		}
	}
	return p
}

func (p *reads) of(src *delivery.Source) *read {
	if alone(src) {
		return p.own[src]
	}
	return p.byKey[keyOf(src)]
}

// alone reports that what the source reads has no name by which another could
// read the same.
func alone(src *delivery.Source) bool {
	return src.Take == delivery.TakeFound || src.Take == delivery.TakeSealed
}

func (p *reads) run(ctx context.Context, r Reader, opts Options) error {
	spent := newBudget(len(p.list), opts)
	err := inOrder(ctx, len(p.list), opts.Parallel, func(ctx context.Context, i int) error {
		one := p.list[i]
		err := one.run(ctx, r, share{spent, i})
		if err == nil {
			return nil
		}
		fail := Failure(one.src, err)
		if fail.Kind == delivery.SourceMissing && opts.SkipMissing {
			one.missing = true
			return nil
		}
		one.failed = fail
		return fail
	})
	if fail := spent.verdict(p.list); fail != nil {
		return fail
	}
	if err != nil {
		return Failure(p.list[0].src, err) // the caller's context ended
	}
	return nil
}

// run reads the one thing.
func (one *read) run(ctx context.Context, r Reader, spent share) (err error) {
	switch one.src.Take {
	case delivery.TakeFound:
		one.found, err = find(ctx, r, one.src, spent)
		return err
	case delivery.TakeObject:
		one.object, err = r.Object(ctx, one.src.Object)
	case delivery.TakeSealed:
		one.opened, one.key, err = unseal(ctx, r, one.src)
	default:
		k := keyOf(one.src)
		one.doc, err = spent.document(ctx, r, k.store, k.ref)
		return err
	}
	if err == nil {
		err = spent.spend(one.object.Data.Size() + one.opened.Size())
	}
	return err
}

// unseal opens what stands in the manifest. Keys that a Secret cannot have are
// told before it costs anything.
func unseal(ctx context.Context, r Reader, src *delivery.Source) (secret.Data, string, error) {
	for _, key := range slices.Sorted(maps.Keys(src.Sealed.Entries)) {
		if fault := keyFault(key); fault != "" {
			return nil, "", &delivery.Error{Kind: delivery.Invalid, Message: fault}
		}
	}
	return r.Unseal(ctx, src.Sealed)
}

// find searches, and reads what was found. What is gone by the time that it
// is read was not found.
func find(ctx context.Context, r Reader, src *delivery.Source, spent share) (secret.Data, error) {
	q := backend.Query{Path: src.Search.Path, Name: src.Search.Name, Tags: src.Search.Tags}
	refs, err := r.Find(ctx, src.Store, q)
	if err != nil {
		return nil, err
	}
	docs := make([]*backend.Document, len(refs))
	err = inOrder(ctx, len(refs), cap(spent.slots), func(ctx context.Context, i int) error {
		doc, err := spent.document(ctx, r, src.Store, refs[i])
		if isMissing(err) {
			return nil
		}
		if err != nil {
			return &inFound{key: refs[i].Key, err: err}
		}
		docs[i] = &doc
		return nil
	})
	if err != nil {
		return nil, err
	}
	data := secret.Data{}
	for i, doc := range docs {
		if doc != nil {
			data[refs[i].Key] = doc.Value
		}
	}
	return data, nil
}

// inFound is the failure to read one of the secrets that were found.
type inFound struct {
	key string
	err error
}

func (e *inFound) Error() string { return e.err.Error() }
func (e *inFound) Unwrap() error { return e.err }

func isMissing(err error) bool {
	var e *backend.Error
	return errors.As(err, &e) && e.Kind == backend.NotFound
}
