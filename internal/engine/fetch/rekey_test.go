package fetch_test

import (
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	odd := `{"a/b":"1","ü":"2","ok.-_9":"3"}`
	unicode := extract("k", "")
	unicode.Convert = delivery.ConvertUnicode
	asIs := extract("k", "")
	asIs.Convert = delivery.ConvertNone
	for name, c := range map[string]struct {
		doc  string
		src  delivery.Source
		want map[string]string
	}{
		"default":               {odd, extract("k", ""), map[string]string{"a_b": "1", "_": "2", "ok.-_9": "3"}},
		"unicode":               {odd, unicode, map[string]string{"a_U002f_b": "1", "_U00fc_": "2", "ok.-_9": "3"}},
		"as they are":           {`{"a/b":"1","a b":"2","..":"3","":"4"}`, asIs, map[string]string{"a/b": "1", "a b": "2", "..": "3", "": "4"}},
		"regexp":                {`{"app/a":"1","app/b":"2","c":"3"}`, extract("k", "", regex("^app/(.*)$", "x_$1")), map[string]string{"x_a": "1", "x_b": "2", "c": "3"}},
		"regexps in turn":       {`{"a":"1"}`, extract("k", "", regex("a", "b"), regex("b", "c")), map[string]string{"c": "1"}},
		"later wins":            {`{"b":"2","a":"1"}`, extract("k", "", regex(".", "x")), map[string]string{"x": "2"}},
		"rewritten to nothing":  {`{"a":"1","b":"2"}`, extract("k", "", regex("a", "")), map[string]string{"b": "2"}},
		"transform":             {`{"My Key":"1"}`, extract("k", "", transform(`{{ .value | lower | replace " " "-" }}`)), map[string]string{"my-key": "1"}},
		"transform, lax":        {`{"a":"1"}`, extract("k", "", transform(`{{ .value }}{{ with .other }}x{{ end }}`)), map[string]string{"a": "1"}},
		"found, path taken off": {"v", found("k", regex("^k$", "new")), map[string]string{"new": "v"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := run(t, store("k", c.doc), fetch.Options{}, c.src)
			wantData(t, got, err, c.want)
		})
	}
}

func TestKeyErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		doc     string
		src     delivery.Source
		kind    delivery.ErrorKind
		message string
	}{
		"collision":           {`{"a/b":"` + canary + `","a b":"` + canary + `"}`, extract("k", ""), delivery.Malformed, `the keys "a b" and "a/b" both become "a_b"`},
		"rewrite, no convert": {`{"a/b":"` + canary + `"}`, extract("k", "", regex("x", "y")), delivery.Malformed, `the key "a/b" has characters`},
		"too long":            {`{"` + strings.Repeat("k", 254) + `":"` + canary + `"}`, extract("k", ""), delivery.Malformed, "has 254 characters"},
		"dot":                 {`{".":"` + canary + `"}`, extract("k", ""), delivery.Malformed, `must not be "."`},
		"dots":                {`{"..a":"` + canary + `"}`, extract("k", ""), delivery.Malformed, `must not begin with "..": rename it`},
		"regexp":              {`{"a":"` + canary + `"}`, extract("k", "", regex("(", "")), delivery.Invalid, "rewrite[0].regexp: error parsing regexp"},
		"transform parse":     {`{"a":"` + canary + `"}`, extract("k", "", regex("a", "b"), transform("{{ nope }}")), delivery.Invalid, `rewrite[1].transform: line 1: function "nope" not defined`},
		"transform exec":      {`{"a":"` + canary + `"}`, extract("k", "", transform("{{ range 9999999999 }}{{ end }}")), delivery.Malformed, "rewrite[0].transform: takes more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := run(t, store("k", c.doc), fetch.Options{}, c.src)
			wantError(t, err, c.kind, c.message)
		})
	}
}

func merge(op delivery.RewriteMerge) delivery.Rewrite { return delivery.Rewrite{Merge: &op} }

func TestMerge(t *testing.T) {
	t.Parallel()
	kv := []string{"a", `{"x":"a","n":12345678901234567890}`, "b", `{"x":"b","o":{"p":1.50}}`, "c", `{"x":"c","h":"<>"}`}
	for name, c := range map[string]struct {
		op   delivery.RewriteMerge
		want map[string]string
	}{
		"extract": {
			delivery.RewriteMerge{Extract: true, IgnoreConflicts: true},
			map[string]string{"x": "c", "n": "12345678901234567890", "o": `{"p":1.50}`, "h": "<>"},
		},
		"priority": {
			delivery.RewriteMerge{Extract: true, IgnoreConflicts: true, Priority: []string{"b", "a"}},
			map[string]string{"x": "a", "n": "12345678901234567890", "o": `{"p":1.50}`, "h": "<>"},
		},
		"missing ignored": {
			delivery.RewriteMerge{Extract: true, IgnoreConflicts: true, IgnoreMissing: true, Priority: []string{"a", "nope"}},
			map[string]string{"x": "a", "n": "12345678901234567890", "o": `{"p":1.50}`, "h": "<>"},
		},
		"JSON": {
			delivery.RewriteMerge{Into: "all", IgnoreConflicts: true},
			map[string]string{"a": kv[1], "b": kv[3], "c": kv[5], "all": `{"h":"<>","n":12345678901234567890,"o":{"p":1.50},"x":"c"}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := run(t, store(kv...), fetch.Options{}, found("", merge(c.op)))
			wantData(t, got, err, c.want)
		})
	}
	for name, c := range map[string]struct {
		op      delivery.RewriteMerge
		kind    delivery.ErrorKind
		message string
	}{
		"conflict":              {delivery.RewriteMerge{Extract: true}, delivery.Malformed, `rewrite[0].merge: "b" and another value both have the key "x"`},
		"conflict and priority": {delivery.RewriteMerge{Extract: true, Priority: []string{"c"}}, delivery.Malformed, `both have the key "x"`},
		"priority missing":      {delivery.RewriteMerge{Extract: true, Priority: []string{"nope"}, IgnoreConflicts: true}, delivery.PropertyMissing, `priority names "nope"`},
		"no into":               {delivery.RewriteMerge{}, delivery.Invalid, "needs into"},
	} {
		_, err := run(t, store(kv...), fetch.Options{}, found("", merge(c.op)))
		t.Log(name)
		wantError(t, err, c.kind, c.message)
	}
	_, err := run(t, store("a", `{"x":1}`, "b", canary), fetch.Options{}, found("", merge(delivery.RewriteMerge{Extract: true})))
	wantError(t, err, delivery.Malformed, `the value of "b" is not JSON`)
}

func TestDecodeAndNUL(t *testing.T) {
	t.Parallel()
	r := store("b64", "AP8=", "text", canary+"!", "k", `{"x":"`+canary+`!","y":"AP8="}`)
	src := value("v", "b64", "")
	src.Decode = delivery.DecodeBase64
	got, err := run(t, r, fetch.Options{}, src)
	wantData(t, got, err, map[string]string{"v": "\x00\xff"})
	src.RefuseNUL = true
	_, err = run(t, r, fetch.Options{}, src)
	wantError(t, err, delivery.Malformed, `key "b64": the value for the key "v" contains a NUL byte`)
	src.Remote.Key = "text"
	_, err = run(t, r, fetch.Options{}, src)
	wantError(t, err, delivery.Malformed, `for the key "v", the value is not valid Base64`)
	all := extract("k", "")
	all.Decode = delivery.DecodeAuto
	got, err = run(t, r, fetch.Options{}, all)
	wantData(t, got, err, map[string]string{"x": canary + "!", "y": "\x00\xff"})
}
