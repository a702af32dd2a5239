package shape_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/shape"
	"github.com/tacit-secrets/tacit/internal/secret"
)

const canary = "canary-7f3a"

// unhurried are the usual limits but for the time: a busy machine may take more.
var unhurried = shape.Limits{Time: 5 * time.Minute}

var read = secret.Data{
	"user": secret.NewString("app"), "password": secret.NewString(canary),
	"b64": secret.NewString("AP8="), "bin": secret.New([]byte{0, 0xff}),
}

// objects answers lookups: "Kind/name/key" is the text.
type objects map[string]string

func (o objects) lookup(_ context.Context, kind, name, key string) (secret.Value, error) {
	text, ok := o[kind+"/"+name+"/"+key]
	if !ok {
		return secret.Value{}, errors.New("there is no such key")
	}
	return secret.NewString(text), nil
}

func strs(d secret.Data) map[string]string {
	out := map[string]string{}
	for k, v := range d {
		out[k] = string(v.Reveal())
	}
	return out
}

func literal(text string) delivery.TemplateFrom {
	return delivery.TemplateFrom{Field: "spec.target.template.templateFrom[0]", Literal: text, Target: delivery.TargetData}
}

func object(kind, name string, items ...delivery.TemplateItem) delivery.TemplateFrom {
	return delivery.TemplateFrom{
		Field: "spec.target.template.templateFrom[0]", Target: delivery.TargetData,
		Object: &delivery.TemplateObject{Kind: kind, Name: name, Items: items},
	}
}

func to(f delivery.TemplateFrom, target delivery.TemplateTarget) delivery.TemplateFrom {
	f.Target = target
	return f
}

func decoded(f delivery.TemplateFrom, how delivery.Decoding) delivery.TemplateFrom {
	f.Decode = how
	return f
}

type texts = map[string]string

func TestRender(t *testing.T) {
	t.Parallel()
	cluster := objects{
		"ConfigMap/cm/conf":  "user={{ .user }}",
		"ConfigMap/cm/all":   "{{ .user }}: {{ .user | upper }}\nport: 5432\nflag: true\nnone:\n",
		"Secret/tpl/conf":    "secret {{ .user }}",
		"ConfigMap/cm/plain": "{{ .b64 }}",
	}
	whole := strs(read)
	for name, c := range map[string]struct {
		tpl  *delivery.Template
		want shape.Result
		data texts
	}{
		"no template":      {tpl: nil, data: whole},
		"empty template":   {tpl: &delivery.Template{}, data: whole},
		"only labels":      {tpl: &delivery.Template{Labels: texts{"app": "{{ .user }}"}}, data: whole, want: shape.Result{Labels: texts{"app": "app"}}},
		"only annotations": {tpl: &delivery.Template{Annotations: texts{"a/b": "x {{ .user }}"}}, data: whole, want: shape.Result{Annotations: texts{"a/b": "x app"}}},
		"replaces":         {tpl: &delivery.Template{Data: texts{"url": "pg://{{ .user }}:{{ .password }}@db"}}, data: texts{"url": "pg://app:" + canary + "@db"}},
		"merges": {
			tpl:  &delivery.Template{Merge: true, Data: texts{"user": "{{ .user }}2"}},
			data: texts{"user": "app2", "password": canary, "b64": "AP8=", "bin": "\x00\xff"},
		},
		"lax": {
			tpl:  &delivery.Template{Lax: true, Data: texts{"a": `{{ .none }}`, "b": `{{ .none | default "x" }}`, "c": `{{ if .none }}y{{ end }}`}},
			data: texts{"a": "<no value>", "b": "x", "c": ""},
		},
		"binary":          {tpl: &delivery.Template{Data: texts{"b": "{{ .bin }}"}}, data: texts{"b": "\x00\xff"}},
		"from, values":    {tpl: &delivery.Template{From: []delivery.TemplateFrom{object("ConfigMap", "cm", delivery.TemplateItem{Key: "conf"})}}, data: texts{"conf": "user=app"}},
		"from a Secret":   {tpl: &delivery.Template{From: []delivery.TemplateFrom{object("Secret", "tpl", delivery.TemplateItem{Key: "conf"})}}, data: texts{"conf": "secret app"}},
		"keys and values": {tpl: &delivery.Template{From: []delivery.TemplateFrom{object("ConfigMap", "cm", delivery.TemplateItem{Key: "all", KeysAndValues: true})}}, data: texts{"app": "APP", "port": "5432", "flag": "true", "none": ""}},
		"literal":         {tpl: &delivery.Template{From: []delivery.TemplateFrom{literal(`{"{{ .user }}": "{{ .password }}"}`)}}, data: texts{"app": canary}},
		"empty literal":   {tpl: &delivery.Template{From: []delivery.TemplateFrom{literal("{{ if false }}x{{ end }}")}}, data: texts{}},
		"targets": {
			tpl: &delivery.Template{From: []delivery.TemplateFrom{
				to(literal("app: {{ .user }}"), delivery.TargetLabels),
				to(object("ConfigMap", "cm", delivery.TemplateItem{Key: "conf"}), delivery.TargetAnnotations),
			}},
			data: texts{}, want: shape.Result{Labels: texts{"app": "app"}, Annotations: texts{"conf": "user=app"}},
		},
		"decoded values": {tpl: &delivery.Template{From: []delivery.TemplateFrom{
			decoded(object("ConfigMap", "cm", delivery.TemplateItem{Key: "plain"}), delivery.DecodeBase64),
			decoded(literal("lit: {{ .b64 }}"), delivery.DecodeAuto),
		}}, data: texts{"plain": "\x00\xff", "lit": "\x00\xff"}},
		"later and own win": {
			tpl: &delivery.Template{
				Merge: true,
				Data:  texts{"three": "own"},
				From:  []delivery.TemplateFrom{literal("user: first\ntwo: first\nthree: first"), literal("two: second\nthree: second")},
			},
			data: texts{"user": "first", "two": "second", "three": "own", "password": canary, "b64": "AP8=", "bin": "\x00\xff"},
		},
		"own labels win": {
			tpl:  &delivery.Template{Labels: texts{"a": "own"}, From: []delivery.TemplateFrom{to(literal("a: from"), delivery.TargetLabels)}},
			data: texts{}, want: shape.Result{Labels: texts{"a": "own"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := shape.Render(t.Context(), of(c.tpl), read, cluster.lookup, unhurried)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.data, strs(got.Data)); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
			for _, m := range []struct{ want, got texts }{{c.want.Labels, got.Labels}, {c.want.Annotations, got.Annotations}} {
				if len(m.want)+len(m.got) > 0 && !cmp.Equal(m.want, m.got) {
					t.Errorf("metadata: got %v, want %v", m.got, m.want)
				}
			}
		})
	}
}

func TestRenderLeavesItsInputAlone(t *testing.T) {
	t.Parallel()
	in := secret.Data{"a": secret.NewString("1")}
	for _, tpl := range []*delivery.Template{nil, {}, {Merge: true, Data: texts{"b": "2"}}} {
		got, err := shape.Render(t.Context(), of(tpl), in, nil, unhurried)
		if err != nil {
			t.Fatal(err)
		}
		got.Data["c"] = secret.NewString("3")
		if len(in) != 1 {
			t.Fatal("the data that was read has changed")
		}
	}
}

func TestRenderErrors(t *testing.T) {
	t.Parallel()
	const field = "spec.target.template"
	cluster := objects{
		"Secret/tpl/a": "x\n{{ .canary7f3a }}", "Secret/tpl/b": "{{ canary7f3a }}", "ConfigMap/cm/b": "{{ nope }}",
		"ConfigMap/cm/bad key": "x", "ConfigMap/cm/not64": "{{ .password }}!",
	}
	from := func(f delivery.TemplateFrom) *delivery.Template {
		return &delivery.Template{From: []delivery.TemplateFrom{f}}
	}
	item := func(key string) delivery.TemplateItem { return delivery.TemplateItem{Key: key} }
	for name, c := range map[string]struct {
		tpl  *delivery.Template
		want string
	}{
		"missing key":      {&delivery.Template{Data: texts{"config.yaml": "a\nb\n{{ .nope }}"}}, field + `.data["config.yaml"]: line 3: there is no "nope" among the values`},
		"no template":      {&delivery.Template{Data: texts{"k": "\n{{ if }}"}}, field + `.data["k"]: line 2: missing value for if`},
		"function fails":   {&delivery.Template{Data: texts{"k": "{{ mustFromJson .password }}"}}, field + `.data["k"]: line 1: mustFromJson: it failed on these arguments`},
		"in a label":       {&delivery.Template{Labels: texts{"k": "{{ .nope }}"}}, field + `.metadata.labels["k"]: line 1: there is no "nope"`},
		"in an annotation": {&delivery.Template{Annotations: texts{"k": "{{ .nope }}"}}, field + `.metadata.annotations["k"]: line 1`},
		"loop":             {&delivery.Template{Data: texts{"k": "{{ range 1000000000 }}{{ end }}"}}, field + `.data["k"]: takes more than 1000000 steps`},
		"growth":           {&delivery.Template{Data: texts{"k": `{{ range 10000000 }}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{ end }}`}}, field + `.data["k"]: renders more than`},
		"bad data key":     {&delivery.Template{Data: texts{"a b": "x"}}, field + `.data["a b"]: the key has characters`},
		"bad label":        {&delivery.Template{Labels: texts{"k": "{{ .password }} !"}}, field + `.metadata.labels["k"]: the key and its value make no valid label`},
		"bad annotation":   {&delivery.Template{Annotations: texts{"a b": ""}}, field + `.metadata.annotations["a b"]: the key is not valid for an annotation`},

		"literal fails":       {from(literal("{{ .nope }}: x")), field + `.templateFrom[0].literal: line 1: there is no "nope"`},
		"literal is no map":   {from(literal("{{ .password }}")), field + `.templateFrom[0].literal: rendered, it is no YAML map of keys and strings`},
		"literal is no YAML":  {from(literal("a: b\n{{ .password }}: [")), field + `.templateFrom[0].literal: rendered, it is no YAML map of keys and strings (line 2)`},
		"literal is nested":   {from(literal("a: {b: {{ .password }}}")), `rendered, it is no YAML map of keys and strings`},
		"rendered bad key":    {from(literal("a: b\n{{ .password }} x: y")), `.literal: rendered, the key of entry 2 in alphabetical order has characters`},
		"rendered bad label":  {from(to(literal("{{ .password }} x: y"), delivery.TargetLabels)), `the key of entry 1 in alphabetical order and its value make no valid label`},
		"entry not base64":    {from(decoded(literal("a: {{ .password }}!"), delivery.DecodeBase64)), `rendered, of entry 1 in alphabetical order the value is not valid Base64`},
		"value not base64":    {from(decoded(object("ConfigMap", "cm", item("not64")), delivery.DecodeBase64)), `ConfigMap "cm", key "not64": rendered, the value is not valid Base64`},
		"aliases":             {from(literal("a: &a " + strings.Repeat("x", 50_000) + "\nb: [" + strings.Repeat("*a, ", 3000) + "]")), `unfolds to more than 64 MiB`},
		"object is not there": {from(object("ConfigMap", "cm", item("nope"))), field + `.templateFrom[0]: ConfigMap "cm", key "nope": there is no such key`},
		"object's bad key":    {from(object("ConfigMap", "cm", item("bad key"))), `ConfigMap "cm", key "bad key": the key has characters`},
		"ConfigMap's text":    {from(object("ConfigMap", "cm", item("b"))), `key "b": line 1: function "nope" not defined`},
		"Secret's field":      {from(object("Secret", "tpl", item("a"))), field + `.templateFrom[0]: Secret "tpl", key "a": line 2: a key that it names is not among the values`},
		"Secret's text":       {from(object("Secret", "tpl", item("b"))), `Secret "tpl", key "b": line 1: is no valid template`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := shape.Render(t.Context(), of(c.tpl), read, cluster.lookup, unhurried)
			var e *delivery.Error
			if !errors.As(err, &e) || e.Kind != delivery.ShapeFailed {
				t.Fatalf("error %#v", err)
			}
			if !strings.Contains(e.Message, c.want) {
				t.Errorf("message %q\n     want %q", e.Message, c.want)
			}
			if strings.Contains(e.Message, canary) || strings.Contains(e.Message, "canary7f3a") {
				t.Errorf("message %q holds a value", e.Message)
			}
			if e.Err != nil && strings.Contains(e.Err.Error(), canary) {
				t.Errorf("cause %q holds a value", e.Err)
			}
			if got.Data != nil {
				t.Error("data beside an error")
			}
		})
	}
}

func TestRenderKeepsWhatTheLookupSays(t *testing.T) {
	t.Parallel()
	cause := &delivery.Error{Kind: delivery.Unavailable, Message: "the API server is away", RetryAfter: time.Minute}
	lookup := func(context.Context, string, string, string) (secret.Value, error) { return secret.Value{}, cause }
	tpl := &delivery.Template{From: []delivery.TemplateFrom{object("Secret", "s", delivery.TemplateItem{Key: "k"})}}
	_, err := shape.Render(t.Context(), of(tpl), read, lookup, unhurried)
	var e *delivery.Error
	if !errors.As(err, &e) || e.RetryAfter != time.Minute || !errors.Is(err, cause) || !strings.HasSuffix(e.Message, `Secret "s", key "k": the API server is away`) {
		t.Errorf("error %#v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = shape.Render(ctx, delivery.Shape{Template: &delivery.Template{Data: texts{"a": "b"}}}, read, nil, unhurried)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func BenchmarkRender(b *testing.B) {
	tpl := &delivery.Template{Data: texts{
		"config.yaml": "user: {{ .user }}\npassword: {{ .password | quote }}\n",
		"url":         "postgres://{{ .user }}:{{ .password | urlquery }}@db/app",
	}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := shape.Render(b.Context(), of(tpl), read, nil, unhurried); err != nil {
			b.Fatal(err)
		}
	}
}

// of is the shape with a template, at the place where External Secrets has it.
func of(tpl *delivery.Template) delivery.Shape {
	if tpl != nil {
		tpl.Field = "spec.target.template"
	}
	return delivery.Shape{Template: tpl}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	in := secret.Data{"A": secret.NewString("1"), "B": secret.NewString("Mg=="), "C": secret.NewString("3")}
	for name, c := range map[string]struct {
		shape delivery.Shape
		want  texts
		fault string
	}{
		"renamed":        {delivery.Shape{Keys: []delivery.KeyShape{{Key: "A", As: "a"}}}, texts{"a": "1", "B": "Mg==", "C": "3"}, ""},
		"swapped":        {delivery.Shape{Keys: []delivery.KeyShape{{Key: "A", As: "C"}, {Key: "C", As: "A"}}}, texts{"C": "1", "B": "Mg==", "A": "3"}, ""},
		"decoded, alone": {delivery.Shape{Only: true, Keys: []delivery.KeyShape{{Key: "B", Decode: delivery.DecodeBase64}, {Key: "gone"}}}, texts{"B": "2"}, ""},
		"none of them":   {delivery.Shape{Only: true}, texts{}, ""},
		"not decodable":  {delivery.Shape{Keys: []delivery.KeyShape{{Key: "A", Decode: delivery.DecodeBase64}}}, nil, `key "A": the value is not valid Base64`},
		"no such name":   {delivery.Shape{Keys: []delivery.KeyShape{{Key: "A", As: "a/b"}}}, nil, `cannot be named "a/b"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := shape.Render(t.Context(), c.shape, in, nil, unhurried)
			if c.fault != "" {
				if delivery.KindOf(err) != delivery.ShapeFailed || !strings.Contains(err.Error(), c.fault) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || !cmp.Equal(strs(got.Data), c.want) {
				t.Errorf("%v, %v", strs(got.Data), err)
			}
		})
	}
}
