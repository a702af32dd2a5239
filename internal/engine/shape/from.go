package shape

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch/codec"
	"github.com/tacit-secrets/tacit/internal/engine/shape/tmpl"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// from renders the templates of one entry.
func (s *shaper) from(f *delivery.TemplateFrom) error {
	if f.Object == nil {
		return s.keysAndValues(f, f.Field+".literal", tmpl.Source{Text: f.Literal})
	}
	for _, item := range f.Object.Items {
		field := fmt.Sprintf("%s: %s %q, key %q", f.Field, f.Object.Kind, f.Object.Name, item.Key)
		text, err := s.lookup(s.ctx, f.Object.Kind, f.Object.Name, item.Key)
		if err != nil {
			return failedLookup(field, err)
		}
		// A template out of a Secret is itself secret, as far as errors go.
		src := tmpl.Source{Text: string(text.Reveal()), Opaque: f.Object.Kind == "Secret"}
		if item.KeysAndValues {
			err = s.keysAndValues(f, field, src)
		} else {
			err = s.value(f, field, item.Key, src)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// failedLookup keeps what the reader knows of retrying, under a kind of ours.
func failedLookup(field string, err error) error {
	out := failed(field, err.Error(), err)
	var e *delivery.Error
	if errors.As(err, &e) {
		out.RetryAfter = e.RetryAfter
	}
	return out
}

// value renders a template into the value of one key.
func (s *shaper) value(f *delivery.TemplateFrom, field, key string, src tmpl.Source) error {
	out, err := s.run.Render(src, s.vars, false)
	if err != nil {
		return fail(field, err)
	}
	v, err := codec.Decode(f.Decode, secret.New(out))
	if err != nil {
		return failed(field, "rendered, "+err.Error(), nil)
	}
	if fault := s.put(f.Target, key, v); fault != "" {
		return failed(field, "the key "+fault, nil)
	}
	return nil
}

// keysAndValues renders a template into a YAML map and takes every entry. The
// keys are rendered, and may hold values: errors count them instead.
func (s *shaper) keysAndValues(f *delivery.TemplateFrom, field string, src tmpl.Source) error {
	out, err := s.run.Render(src, s.vars, false)
	if err != nil {
		return fail(field, err)
	}
	entries, reason := parseMap(out)
	if reason != "" {
		return failed(field, reason, nil)
	}
	for i, key := range slices.Sorted(maps.Keys(entries)) {
		v, err := codec.Decode(f.Decode, secret.NewString(entries[key]))
		if err != nil {
			return failed(field, fmt.Sprintf("rendered, of entry %d in alphabetical order %s", i+1, err), nil)
		}
		if fault := s.put(f.Target, key, v); fault != "" {
			return failed(field, fmt.Sprintf("rendered, the key of entry %d in alphabetical order %s", i+1, fault), nil)
		}
	}
	return nil
}

// maxUnfolded bounds what the aliases of a rendered YAML document stand for.
const maxUnfolded = 64 << 20

var yamlLine = regexp.MustCompile(`yaml: line (\d+):`)

// parseMap reads YAML whose values are scalars. Of the parser's error only
// the line stays: the rest quotes the document.
func parseMap(doc []byte) (map[string]string, string) {
	if tmpl.YAMLSize(string(doc)) > maxUnfolded {
		return nil, "rendered, it unfolds to more than 64 MiB of YAML"
	}
	entries := map[string]string{}
	if err := yaml.Unmarshal(doc, &entries); err != nil {
		const want = "rendered, it is no YAML map of keys and strings"
		// Only where the parser puts it, before anything that it quotes.
		head, _, _ := strings.Cut(err.Error(), "\n")
		if m := yamlLine.FindStringSubmatchIndex(head); m != nil && m[0] <= len("error converting YAML to JSON: ") {
			return nil, want + " (line " + head[m[2]:m[3]] + ")"
		}
		return nil, want
	}
	return entries, ""
}

func validLabel(key, value string) bool {
	return len(validation.IsQualifiedName(key)) == 0 && len(validation.IsValidLabelValue(value)) == 0
}

func validAnnotation(key string) bool {
	return len(validation.IsQualifiedName(strings.ToLower(key))) == 0
}
