package fetch_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// harmless fails t if err tells a value.
func harmless(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var e *delivery.Error
	if !errors.As(err, &e) || e.Kind == "" || e.Message == "" {
		t.Errorf("error %#v is no whole *delivery.Error", err)
	}
	for _, form := range []string{canary, hex.EncodeToString([]byte(canary)), "Y2FuYXJ5"} {
		if strings.Contains(err.Error(), form) {
			t.Errorf("error %q holds a value", err)
		}
	}
}

func FuzzProperty(f *testing.F) {
	f.Add(`{"a":{"b":"x"}}`, "a.b")
	f.Add(`{"a.b":[1,2,{"c":null}]}`, `a\.b.#(c=="").c`)
	f.Add(`{"a":"\ud800\u0000"}`, "@this|@tostr|@fromstr|a")
	f.Add(`[[[[[]]]]]`, "#.#.#|@flatten|@pretty")
	f.Add(`{"a":1`, "a")
	f.Add(`{"":{"":1}}`, "..")
	f.Add(`{"a":1,"a":2}`, "{a,b}")
	f.Fuzz(func(t *testing.T, doc, property string) {
		if strings.Contains(property, canary) {
			return
		}
		for _, d := range []backend.Document{
			{Value: secret.NewString(doc)},
			{Fields: secret.Data{"a": secret.NewString(doc), "": secret.NewString(doc)}},
		} {
			v, ok, fault := fetch.Property(d, property)
			if fault != "" && (ok || v.Len() > 0) {
				t.Errorf("fault %q beside a value", fault)
			}
			if v.Len() > 64<<20 {
				t.Errorf("%d bytes out of %d", v.Len(), len(doc))
			}
		}
		r := store("k", doc+canary)
		_, err := fetch.Fetch(t.Context(), r, []delivery.Source{value("v", "k", property)}, fetch.Options{})
		harmless(t, err)
	})
}

func FuzzKeyConversion(f *testing.F) {
	for _, key := range []string{"a", "a/b", "..", "ü ö", "\xff", "..\x00", strings.Repeat("/", 253)} {
		f.Add(key, "b", true)
		f.Add(key, key+"/", false)
	}
	f.Fuzz(func(t *testing.T, one, two string, unicode bool) {
		if strings.Contains(one+two, canary) {
			return
		}
		r := &memory{docs: map[string]backend.Document{"k": {
			Fields: secret.Data{one: secret.NewString(canary), two: secret.NewString(canary)},
		}}}
		src := extract("k", "")
		if unicode {
			src.Convert = delivery.ConvertUnicode
		}
		got, err := fetch.Fetch(t.Context(), r, []delivery.Source{src}, fetch.Options{})
		harmless(t, err)
		for key := range got.Data {
			if faults := validation.IsConfigMapKey(key); len(faults) > 0 {
				t.Errorf("%q became %q: %v", one, key, faults)
			}
		}
	})
}

func FuzzRewrite(f *testing.F) {
	f.Add("a/b", `{"x":1}`, "^a/(.*)$", "$1", "{{ .value | upper }}", "into")
	f.Add("a", `{"x":{"y":null}}`, "(", "$$", "{{ range 99999999 }}{{ end }}", "")
	f.Add("k", "no json", "(a*)*b", "${1}${1}${1}", `{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}`, "k")
	f.Add("k", `{"a":1,"a":2}`, ".", "\x00", "{{ .other.more }}", "..")
	f.Fuzz(func(t *testing.T, key, doc, source, target, text, into string) {
		if strings.Contains(key+doc+source+target+text+into, canary) {
			return
		}
		r := &memory{docs: map[string]backend.Document{"k": {Fields: secret.Data{
			key: secret.NewString(doc), "other": secret.NewString(canary), "json": secret.NewString(`{"x":"` + canary + `"}`),
		}}}}
		for _, rewrites := range [][]delivery.Rewrite{
			{regex(source, target)},
			{transform(text)},
			{merge(delivery.RewriteMerge{Into: into, IgnoreConflicts: true})},
			{regex("^other$", ""), merge(delivery.RewriteMerge{Extract: true, Priority: []string{key}})},
		} {
			got, err := fetch.Fetch(t.Context(), r, []delivery.Source{extract("k", "", rewrites...)}, fetch.Options{})
			harmless(t, err)
			for out := range got.Data {
				if faults := validation.IsConfigMapKey(out); len(faults) > 0 {
					t.Errorf("%q: %v", out, faults)
				}
			}
		}
	})
}
