package externalsecrets

import (
	"fmt"
	"maps"
	"regexp"
	"strings"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// sources reads dataFrom first, then data: later entries win.
func sources(p *dialect.Problems, es *esv1.ExternalSecret) []delivery.Source {
	spec := &es.Spec
	if len(spec.Data) == 0 && len(spec.DataFrom) == 0 {
		p.Invalid("spec", "neither data nor dataFrom has an entry, so there is nothing to read; add one")
	}
	out := make([]delivery.Source, 0, len(spec.Data)+len(spec.DataFrom))
	for i := range spec.DataFrom {
		field := fmt.Sprintf("spec.dataFrom[%d]", i)
		if s, ok := sourceFrom(p, field, es, &spec.DataFrom[i]); ok {
			out = append(out, s)
		}
	}
	for i := range spec.Data {
		field := fmt.Sprintf("spec.data[%d]", i)
		out = append(out, source(p, field, es, &spec.Data[i]))
	}
	refuseDuplicates(p, es)
	return out
}

// refuseDuplicates is the original's rule: where a missing secret is an
// error, two entries for one key can only be a mistake.
func refuseDuplicates(p *dialect.Problems, es *esv1.ExternalSecret) {
	if policy := es.Spec.Target.DeletionPolicy; policy != "" && policy != string(delivery.Retain) {
		return
	}
	seen := make(map[string]int, len(es.Spec.Data))
	for i := range es.Spec.Data {
		key := es.Spec.Data[i].SecretKey
		if first, dup := seen[key]; dup {
			p.Invalid(fmt.Sprintf("spec.data[%d].secretKey", i), "duplicate secretKey found: %s is that of spec.data[%d] too; remove one", dialect.Quote(key), first)
			continue
		}
		seen[key] = i
	}
}

func source(p *dialect.Problems, field string, es *esv1.ExternalSecret, d *esv1.ExternalSecretData) delivery.Source {
	if !validKey(d.SecretKey) {
		p.Invalid(field+".secretKey", "%s is no key of a Secret; it has 1 to 253 letters, digits, '-', '_' and '.', and does not begin with '..'", dialect.Quote(d.SecretKey))
	}
	s := delivery.Source{
		Field: field,
		Store: store(p, field, es, d.SourceRef),
		Take:  delivery.TakeValue,
		Into:  d.SecretKey,
	}
	// Conversion is about keys, and here the manifest gives the key. The
	// word is checked all the same.
	conversion(p, field+".remoteRef.conversionStrategy", d.RemoteRef.ConversionStrategy)
	remote(p, field+".remoteRef", &d.RemoteRef, &s)
	return s
}

func sourceFrom(p *dialect.Problems, field string, es *esv1.ExternalSecret, d *esv1.ExternalSecretDataFrom) (delivery.Source, bool) {
	if d.SourceRef != nil && d.SourceRef.GeneratorRef != nil {
		refuseGenerator(p, field, d.SourceRef)
		return delivery.Source{}, false
	}
	s := delivery.Source{Field: field}
	switch {
	case d.Extract != nil && d.Find != nil:
		p.Invalid(field, "extract and find are both set; make two entries of them")
		return s, false
	case d.Extract != nil:
		s.Take = delivery.TakeMap
		s.Convert = conversion(p, field+".extract.conversionStrategy", d.Extract.ConversionStrategy)
		remote(p, field+".extract", d.Extract, &s)
	case d.Find != nil:
		s.Take = delivery.TakeFound
		found(p, field+".find", d.Find, &s)
	default:
		p.Invalid(field, "neither extract nor find is set, so there is nothing to read; set one")
		return s, false
	}
	s.Store = store(p, field, es, d.SourceRef)
	for i := range d.Rewrite {
		s.Rewrites = append(s.Rewrites, rewrite(p, fmt.Sprintf("%s.rewrite[%d]", field, i), &d.Rewrite[i]))
	}
	if len(s.Rewrites) > 0 {
		s.Convert = ""
	}
	return s, true
}

func refuseGenerator(p *dialect.Problems, field string, ref *esv1.SourceRef) {
	p.Unsupported(field+".sourceRef.generatorRef", "generators such as %s are not served yet, only stores; "+
		"remove the entry, or let a generator of External Secrets fill a store that is read here", dialect.Quote(ref.GeneratorRef.Kind))
}

// store is the one that an entry reads: its own, or else that of the spec.
func store(p *dialect.Problems, field string, es *esv1.ExternalSecret, own *esv1.SourceRef) delivery.StoreRef {
	ref, at := es.Spec.SecretStoreRef, "spec.secretStoreRef"
	switch {
	case own == nil:
	case own.GeneratorRef != nil:
		refuseGenerator(p, field, own)
	case own.StoreRef == nil:
		p.Invalid(field+".sourceRef", "storeRef is missing; name a store or remove sourceRef")
	default:
		ref, at = *own.StoreRef, field+".sourceRef.storeRef"
	}
	if ref.Name == "" {
		p.Invalid(at+".name", "%s reads no store; name one here, or in the entry's sourceRef.storeRef", field)
	}
	out := delivery.StoreRef{
		Kind: choose(p, at+".kind", ref.Kind, esv1.SecretStoreKind, esv1.ClusterSecretStoreKind),
		Name: ref.Name,
	}
	if out.Kind == esv1.SecretStoreKind {
		out.Namespace = es.Namespace
	}
	return out
}

func remote(p *dialect.Problems, field string, r *esv1.RemoteRef, s *delivery.Source) {
	const fetch, none = "Fetch", "None"
	if r.Key == "" {
		p.Invalid(field+".key", "it is empty; name the secret in the store")
	}
	s.Remote = delivery.Remote{
		Key:      r.Key,
		Property: r.Property,
		Version:  r.Version,
		Metadata: choose(p, field+".metadataPolicy", r.MetadataPolicy, none, fetch) == fetch,
	}
	s.Decode = decoding(p, field+".decodingStrategy", r.DecodingStrategy)
	s.RefuseNUL = refuseNUL(p, field+".nullBytePolicy", r.NullBytePolicy)
}

func found(p *dialect.Problems, field string, f *esv1.Find, s *delivery.Source) {
	s.Search.Tags = maps.Clone(f.Tags)
	if f.Path != nil {
		s.Search.Path = *f.Path
	}
	if f.Name != nil {
		s.Search.Name = f.Name.RegExp
		checkRegexp(p, field+".name.regexp", f.Name.RegExp)
	}
	if f.Path == nil && f.Name == nil && len(f.Tags) == 0 {
		p.Invalid(field, "none of name, path and tags is set, which would take the whole store; to want that, set name.regexp to \".*\"")
	}
	s.Convert = conversion(p, field+".conversionStrategy", f.ConversionStrategy)
	s.Decode = decoding(p, field+".decodingStrategy", f.DecodingStrategy)
	s.RefuseNUL = refuseNUL(p, field+".nullBytePolicy", f.NullBytePolicy)
}

func decoding(p *dialect.Problems, field, got string) delivery.Decoding {
	return choose(p, field, got, delivery.DecodeNone, delivery.DecodeBase64, delivery.DecodeBase64URL, delivery.DecodeAuto)
}

func conversion(p *dialect.Problems, field, got string) delivery.Conversion {
	return choose(p, field, got, delivery.ConvertDefault, delivery.ConvertUnicode)
}

func refuseNUL(p *dialect.Problems, field, got string) bool {
	const ignore, fail = "Ignore", "Fail"
	return choose(p, field, got, ignore, fail) == fail
}

// maxRegexp bounds a pattern; what it compiles to can be a thousand times as
// large.
const maxRegexp = 4096

func checkRegexp(p *dialect.Problems, field, expr string) {
	if len(expr) > maxRegexp {
		p.Invalid(field, "a regexp of %d bytes is longer than %d; use several entries", len(expr), maxRegexp)
		return
	}
	if _, err := regexp.Compile(expr); err != nil {
		p.Invalid(field, "%s is no regular expression (RE2): %s", dialect.Quote(expr), dialect.Cut(err.Error(), dialect.MaxQuote))
	}
}

// validKey reports whether a Secret may have the key.
func validKey(key string) bool {
	if key == "" || len(key) > 253 || key == "." || strings.HasPrefix(key, "..") {
		return false
	}
	for i := range len(key) {
		switch c := key[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
