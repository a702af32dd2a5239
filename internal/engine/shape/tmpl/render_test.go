package tmpl_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"

	"github.com/tacit-secrets/tacit/internal/engine/shape/tmpl"
)

// canary stands in the values, and must not come out in errors.
const canary = "canary-7f3a"

var vars = map[string]string{
	"a": canary, "user": "app", "pass": "p<w&d\"", "n": "3", "path": "foo/bar.exe",
	"json": `{"k":"` + canary + `","list":["x","y"],"null":null,"deep":{"er":[1,2.5,true]}}`,
	"yaml": "k: v\nlist:\n- 1\n- two\n", "lines": "one\ntwo", "with-dash": "dashed",
}

// unhurried are the usual limits but for the time: a busy machine may take more.
var unhurried = tmpl.Limits{Time: 5 * time.Minute}

func render(t testing.TB, text string, lim tmpl.Limits) (string, error) {
	t.Helper()
	out, err := tmpl.Start(t.Context(), lim).Render(tmpl.Source{Text: text}, vars, false)
	return string(out), err
}

// Templates that behave come out as text/template and sprig render them.
func TestRendersAsTextTemplateDoes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `plain`, `{{ .a }}`, `{{ .user | upper | quote }}`, `{{ $.user }}`,
		`{{- /* comment */ -}} x`, `{{ if eq .n "3" }}yes{{ else if .a }}no{{ else }}never{{ end }}`,
		`{{ range $k, $v := . }}{{ $k }}={{ $v }};{{ end }}`, `{{ range . }}{{ . }}{{ else }}x{{ end }}`,
		`{{ range 3 }}{{ . }}{{ end }}`, `{{ range $i := until 5 }}{{ if eq $i 3 }}{{ break }}{{ end }}{{ $i }}{{ end }}`,
		`{{ range until 5 }}{{ if eq . 3 }}{{ continue }}{{ end }}{{ . }}{{ end }}`,
		`{{ with .json | fromJson }}{{ .k }}{{ index .list 1 }}{{ .null }}{{ .deep }}{{ end }}`,
		`{{ define "x" }}[{{ . }}]{{ end }}{{ template "x" .a }}{{ template "x" (dict "k" .user) }}`,
		`{{ block "b" .user }}<{{ . }}>{{ end }}`, `{{ index . "with-dash" }}`,
		`{{ $x := 1 }}{{ $x = add $x 2 }}{{ $x }}`, `{{ $l := list 1 "b" 3.5 true nil }}{{ $l }}`,
		`{{ printf "%-10s|%05d|%v|%q" .user 42 (list 1 2) .pass }}`, `{{ print 1 2 "a" "b" nil }}`, `{{ println .a }}`,
		`{{ html .pass }}{{ js .pass }}{{ urlquery .pass }}`, `{{ len .a }}{{ slice (list 1 2 3) 1 }}`,
		`{{ .json | fromJson | toPrettyJson }}`, `{{ (.json | fromJson).deep.er | join "," }}`,
		`{{ dict "a" 1 "b" (list "x") | toJson }}`, `{{ $d := dict }}{{ $_ := set $d "k" "v" }}{{ $d.k }}{{ hasKey $d "z" }}`,
		`{{ merge (dict "a" 1) (dict "a" 2 "b" 3) | toJson }}`, `{{ mergeOverwrite (dict "a" 1) (dict "a" 2) | toJson }}`,
		`{{ .lines | indent 4 }}{{ .lines | nindent 2 }}`, `{{ splitList "," "a,b" | last }}{{ (split "/" .path)._1 }}`,
		`{{ regexReplaceAll "(b)ar" .path "$1$1" }}{{ regexFindAll "o" .path -1 }}{{ regexMatch "^foo" .path }}`,
		`{{ trimSuffix ".exe" .path | b64enc | b64dec | sha256sum }}`, `{{ default "d" "" }}{{ ternary 1 2 true }}{{ coalesce "" "c" }}`,
		`{{ seq 1 2 9 }}{{ untilStep 0 10 3 }}{{ max 1 5 3 }}{{ round 1.256 2 }}{{ mulf 1.5 2 }}`,
		`{{ date "2006" (toDate "2006-01-02" "2020-05-06") }}`, `{{ (semver "1.2.3").Minor }}{{ semverCompare ">1" "1.2.3" }}`,
		`{{ uniq (list 1 1 2) }}{{ without (list 1 2) 1 }}{{ has 1 (list 1) }}{{ chunk 2 (list 1 2 3) }}`,
		`{{ urlParse "https://u:p@h:1/x?q#f" | toJson }}{{ dig "a" "b" "z" (dict "a" (dict "b" 1)) }}`,
		`{{ "x" | repeat 3 }}{{ wrapWith 3 "-" "abc def" }}{{ trunc 2 "abc" }}{{ abbrev 5 "abcdefgh" }}`,
		`{{ kindOf .n }}{{ typeOf (list) }}{{ deepCopy (dict "a" 1) }}{{ keys (dict "a" 1) }}{{ pluck "a" (dict "a" 1) }}`,
		`{{ and .a .user }}{{ or "" .user }}{{ not .a }}{{ lt 1 2 }}`, "{{ `raw` }}{{ 'x' }}{{ 1.5 }}{{ true }}",
		`{{ if and (hasPrefix "foo" .path) (contains "bar" .path) }}ok{{ end }}`, `{{ (list 1 2) | toJson | b64enc }}`,
	} {
		plain := template.Must(template.New("root").Option("missingkey=error").Funcs(sprig.TxtFuncMap()).Parse(text))
		var want bytes.Buffer
		if err := plain.Execute(&want, vars); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := render(t, text, unhurried)
		if err != nil || got != want.String() {
			t.Errorf("%s\n got %q, %v\nwant %q", text, got, err, want.String())
		}
	}
}

func TestErrorsNameTheCauseAndNoValue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"x\n\n{{ .nope }}":                  `line 3: there is no "nope" among the values`,
		`{{ $.nope }}`:                      `line 1: there is no "nope" among the values`,
		`{{ (fromJson .json).nope }}`:       `line 1: there is no "nope" among the values`,
		"\n{{ nope .a }}":                   `line 2: function "nope" not defined`,
		`{{ env "HOME" }}`:                  `function "env" not defined`,
		`{{ expandenv "$HOME" }}`:           `function "expandenv" not defined`,
		`{{ getHostByName .a }}`:            `function "getHostByName" not defined`,
		`{{ _print .a }}`:                   `function "_print" not defined`,
		`{{ if }}`:                          `line 1: missing value for if`,
		`{{ .a`:                             `unclosed action`,
		`{{ mustFromJson .a }}`:             `line 1: mustFromJson: it failed on these arguments`,
		`{{ mustToDate "2006" .a }}`:        `mustToDate: it failed`,
		`{{ range .a }}{{ end }}`:           `range cannot go over this kind of value`,
		`{{ range $i, $c := .a }}{{ end }}`: `range cannot go over this kind of value`,
		`{{ index .a "x" }}`:                `line 1: index: it failed on these arguments`,
		`{{ .a.b }}`:                        `a field is asked of a value that has no fields`,
		`{{ .a "x" }}`:                      `a value is called like a function`,
		`{{ .a | 5 }}`:                      `non executable command in pipeline`,
		`{{ b64enc (list .a) }}`:            `an argument has the wrong type`,
		`{{ b64enc .a .a }}`:                `line 1: b64enc: gets 2 arguments, and takes 1`,
		`{{ "x" | replace "a" }}`:           `line 1: replace: gets 2 arguments, and takes 3`,
		`{{ randAlpha }}`:                   `line 1: randAlpha: gets 0 arguments, and takes 1`,
		`{{ index }}`:                       `line 1: index: gets 0 arguments, and takes at least 1`,
		`{{ template "nope" . }}`:           `a template that it calls is not defined`,
		`{{ template "\x00" . }}`:           `a template that it calls is not defined`,
		`{{ eq .a 5 }}`:                     `eq: it failed on these arguments`,
		`{{ fail "set a password" }}`:       `line 1: fail: the template gives up: set a password`,
		`{{ fail .a }}`:                     `line 1: fail: the template gives up`,
		`{{ fail (print "bad " .a) }}`:      `line 1: fail: the template gives up`,
		`{{ regexFind .a .a | int | until }}{{ regexFind (print "(" .a) .a }}`: `this is no valid regular expression`,
		`{{ substr 9 2 .a }}`:    `substr: it failed on these arguments`, // it panics
		`{{ chunk 0 (list 1) }}`: `the size of a chunk must be at least 1`,
		`{{ call .a }}`:          `call: it failed`,
		`{{ atoi .a | div 1 }}`:  `div: it failed on these arguments`,
		`{{ randBytes -1 }}`:     `randBytes: it failed`,
		`{{ required .a }}`:      `function "required" not defined`,
		`{{ b64enc .x.y }}`:      `there is no "x" among the values`,
	} {
		_, err := render(t, text, unhurried)
		var e *tmpl.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: error %v is no *tmpl.Error", text, err)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %q\nwant %q", text, err, want)
		}
		if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %q holds a value", text, err)
		}
	}
}

// A value that reads like an error of text/template is not taken for one.
func TestValuesCannotImitateErrors(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{
		`: map has no entry for key "` + canary + `"`,
		"error calling " + canary + ": map has no entry for key \"" + canary + "\"",
		"template: \x00:7:1: executing \"\x00\" at <x>: function \"" + canary + "\" not defined",
	} {
		for _, text := range []string{`{{ range .v }}{{ end }}`, `{{ fail .v }}`, `{{ mustFromJson .v }}`, `{{ index .v "x" }}`, `{{ call .v }}`} {
			_, err := tmpl.Start(t.Context(), unhurried).Render(tmpl.Source{Text: text}, map[string]string{"v": evil}, false)
			if err == nil || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "line 7") {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}

// Even an error that we never saw tells no name that the template does not.
func TestUnknownErrorsTellNothing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`template: x: map has no entry for key "` + canary + `"`: "a key that it names is not among the values",
		`template: x: map has no entry for key "known"`:          `there is no "known" among the values`,
		"error calling " + canary + ": x":                        "it failed on these arguments",
		"error calling index: " + canary:                         "index: it failed on these arguments",
		"something new: " + canary:                               "it failed on these values",

		"template: x: wrong number of args for " + canary + ": want 1 got 2":    "a function gets the wrong number of arguments",
		"template: x: wrong number of args for index: want 1 got 2" + canary:    "a function gets the wrong number of arguments",
		"template: x: wrong number of args for b64enc: want 1 got 2, " + canary: "a function gets the wrong number of arguments",
		"template: x: wrong number of args for b64enc: want 1 got 2":            "b64enc: gets 2 arguments, and takes 1",
	} {
		if got := tmpl.ExecError(text, "known").Error(); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// Of a template that is itself secret, errors quote nothing.
func TestOpaqueTemplates(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"\n{{ canary7f3a }}", "\n{{ .canary7f3a }}", "\n{{ fail \"canary7f3a\" }}", "\n{{ \"canary7f3a", "\n{{ canary7f3a.x", "\n{{ template \"canary7f3a\" }}",
	} {
		_, err := tmpl.Start(t.Context(), unhurried).Render(tmpl.Source{Text: text, Opaque: true}, vars, false)
		if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLax(t *testing.T) {
	t.Parallel()
	out, err := tmpl.Start(t.Context(), unhurried).Render(tmpl.Source{Text: `{{ .nope }}{{ if .nope }}x{{ end }}`}, vars, true)
	if err != nil || string(out) != "<no value>" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestContextEndsARun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := tmpl.Start(ctx, unhurried).Render(tmpl.Source{Text: "x"}, vars, false)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	_, err = tmpl.Start(t.Context(), tmpl.Limits{Time: time.Nanosecond}).Render(tmpl.Source{Text: "{{ range 99999 }}{{ end }}"}, vars, false)
	if err == nil || !strings.Contains(err.Error(), "takes longer than 1ns") {
		t.Errorf("error %v", err)
	}
}

func TestTemplatesShareTheBudget(t *testing.T) {
	t.Parallel()
	r := tmpl.Start(t.Context(), tmpl.Limits{Text: 10, Time: unhurried.Time})
	if _, err := r.Render(tmpl.Source{Text: "123456"}, vars, false); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Render(tmpl.Source{Text: "12345"}, vars, false); err == nil || !strings.Contains(err.Error(), "more than 10 bytes of templates") {
		t.Errorf("error %v", err)
	}
	r = tmpl.Start(t.Context(), tmpl.Limits{Output: 10, Time: unhurried.Time})
	if _, err := r.Render(tmpl.Source{Text: "123456"}, vars, false); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Render(tmpl.Source{Text: "12345"}, vars, false); err == nil || !strings.Contains(err.Error(), "renders more than 10 bytes") {
		t.Errorf("error %v", err)
	}
}

// Every function of sprig is either allowed or denied, so that a new one is
// looked at before templates can call it.
func TestEveryFunctionIsDecidedAbout(t *testing.T) {
	t.Parallel()
	theirs := slices.Sorted(maps.Keys(sprig.GenericFuncMap()))
	decided := slices.Sorted(slices.Values(slices.Concat(tmpl.SprigAllowed, tmpl.SprigReplaced, tmpl.SprigDenied)))
	if !slices.Equal(theirs, decided) {
		t.Errorf("sprig has\n%q\ndecided about are\n%q", theirs, decided)
	}
	for _, name := range tmpl.SprigDenied {
		if tmpl.Names()[name] {
			t.Errorf("%s can be called", name)
		}
	}
	for _, name := range tmpl.Annotated() {
		if !tmpl.Names()[name] {
			t.Errorf("%s has a cost, a guard or a reach, but is no function", name)
		}
	}
}

// What a template passes to a function elsewhere, it may pass to ours.
func TestFunctionsTakeWhatTheOriginalsDo(t *testing.T) {
	t.Parallel()
	type arity struct {
		args     int // the fewest
		variadic bool
	}
	of := func(typ reflect.Type) arity {
		if typ.IsVariadic() {
			return arity{typ.NumIn() - 1, true}
		}
		return arity{typ.NumIn(), false}
	}
	// Sealed Secrets has sprig's functions.
	for name, fn := range sprig.GenericFuncMap() {
		if slices.Contains(tmpl.SprigDenied, name) {
			continue
		}
		ours, theirs := tmpl.Signature(name), reflect.TypeOf(fn)
		want := of(theirs)
		if name == "htpasswd" {
			want.variadic = true
		}
		if ours == nil || of(ours) != want {
			t.Errorf("%s is %v, and sprig's %v", name, ours, theirs)
			continue
		}
		for i := range want.args {
			if ours.In(i) != theirs.In(i) {
				t.Errorf("argument %d of %s is %s, and sprig's %s", i+1, name, ours.In(i), theirs.In(i))
			}
		}
		if ours.Out(0) != theirs.Out(0) {
			t.Errorf("%s makes %s, and sprig's %s", name, ours.Out(0), theirs.Out(0))
		}
	}
	// Those that External Secrets has beside, all of them about strings.
	for name, args := range map[string]int{
		"pkcs12key": 1, "pkcs12keyPass": 2, "pkcs12cert": 1, "pkcs12certPass": 2,
		"pemToPkcs12": 2, "pemToPkcs12Pass": 3, "fullPemToPkcs12": 2, "fullPemToPkcs12Pass": 3,
		"pemTruststoreToPKCS12": 1, "pemTruststoreToPKCS12Pass": 2,
		"filterPEM": 2, "filterCertChain": 2, "certSANs": 1,
		"jwkPublicKeyPem": 1, "jwkPrivateKeyPem": 1, "toYaml": 1, "fromYaml": 1, "rsaDecrypt": 4, "hexdec": 1,
	} {
		if ours := tmpl.Signature(name); ours == nil || of(ours) != (arity{args, false}) {
			t.Errorf("%s is %v, and takes %d arguments elsewhere", name, ours, args)
		}
	}
}

// What renders otherwise each time is known to.
func TestVaryingTemplates(t *testing.T) {
	t.Parallel()
	varies := func(text string) bool {
		t.Helper()
		parsed, err := tmpl.Start(t.Context(), unhurried).Parse(tmpl.Source{Text: text})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return parsed.Varies()
	}
	for _, text := range []string{
		`{{ randAlphaNum 9 }}`, `{{ if .a }}{{ .a | bcrypt }}{{ end }}`, `{{ $x := (list (uuidv4)) }}{{ $x }}`,
		`{{ define "x" }}{{ genPrivateKey "ed25519" }}{{ end }}{{ template "x" }}`, `{{ date "2006" now }}`, `{{ printf "%s" (htpasswd "u" .a) }}`,
	} {
		if !varies(text) {
			t.Errorf("%s is taken for the same each time", text)
		}
	}
	for _, text := range []string{``, `{{ .a }}`, `now`, `{{ "now" }}`, `{{ .now }}`, `{{ .a | b64enc | sha256sum }}`, `{{ toDate "2006" "2020" }}`} {
		if varies(text) {
			t.Errorf("%s is taken for another each time", text)
		}
	}
	for name := range tmpl.Varying {
		if !tmpl.Names()[name] {
			t.Errorf("%s is no function", name)
		}
	}
	// sprig knows of some itself. Those that modify a date vary by the date.
	same := sprig.HermeticTxtFuncMap()
	for _, name := range tmpl.SprigAllowed {
		if same[name] == nil && !tmpl.Varying[name] && name != "dateModify" && name != "date_modify" {
			t.Errorf("%s varies, as sprig says", name)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	for name, text := range map[string]string{
		"field": "{{ .user }}",
		"small": "user={{ .user }}\npass={{ .pass | b64enc | quote }}\n",
		"loop":  "{{ range $k, $v := . }}{{ $k }}: {{ $v | quote }}\n{{ end }}",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := render(b, text, unhurried); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
