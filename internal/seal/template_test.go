package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/tacit-secrets/tacit/internal/seal"
)

const (
	// braces are what a SealedSecret's own template looks like.
	braces = "  template:\n    data:\n      url: 'https://{{ .user }}:{{ .password }}@db'\n      conf: |\n        {{ if .user }}\n        user = {{ .user }}\n        {{ end }}\n"
	own    = head + "  encryptedData: {a: AAAA}\n" + braces
)

// A file is a template only if what another program puts in is what it lacks.
func TestABrokenFileIsNoTemplate(t *testing.T) {
	t.Parallel()
	if _, err := seal.ParseFile([]byte(own)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a conflict":                "<<<<<<< HEAD\n" + own + "=======\n" + own + ">>>>>>> theirs\n",
		"a conflict of values":      strings.Replace(own, "  template:", "<<<<<<< HEAD\n  a: 1\n=======\n  b: 1\n>>>>>>> theirs\n  template:", 1),
		"indentation":               strings.Replace(own, "  template:", "   template:", 1),
		"a key twice":               own + "  encryptedData: {a: BBBB}\n",
		"a key of the values twice": strings.Replace(own, "{a: AAAA}", "{a: AAAA, a: AAAA}", 1),
		"a tab":                     strings.Replace(own, "    data:", "\tdata:", 1),
		"cut short":                 own + "  x: [",
		"another type":              own + "    type: [x]\n",
		"a value in braces, cut":    strings.Replace(own, "{a: AAAA}", "{a: \"{{ .a }}\"", 1),
		"Helm's, in a conflict":     "{{- if .Values.db }}\n<<<<<<< HEAD\n" + own + "=======\n>>>>>>> theirs\n{{- end }}\n",
		"ends, in a conflict":       "metadata: {{- toYaml .m | nindent 2 }}\n  a: b\n<<<<<<< HEAD\n" + own + "=======\n" + own + ">>>>>>> theirs\n",
		"ends, and indentation":     strings.Replace(own, "  template:", "  x: {{- toYaml .x | nindent 4 }}\n    y: z\n   template:", 1),
		"Jinja's, in a conflict":    "{% if db %}\n<<<<<<< HEAD\n" + own + "=======\n>>>>>>> theirs\n{% endif %}\n",
		"comments that do not end":  "{{/* of\n" + own + "{# the\n",
		"braces that do not end":    own + "    type: {{ .type\n",
		"JSON":                      `{"kind": "SealedSecret", "a": "\/{{ .a }}", "a": 1}`,
	} {
		if _, err := seal.ParseFile([]byte(text)); err == nil || errors.Is(err, seal.ErrTemplate) || strings.Contains(err.Error(), "rendered") || !errors.Is(err, seal.ErrFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"a value":                strings.Replace(own, "name: db", "name: {{ .Values.name }}", 1),
		"values in one line":     strings.Replace(own, "name: db", "name: {{ .a }}-{{ .b }}, {{ .k }}: x, {{ .k }}-2: {{ \"}}\" }}", 1),
		"keys":                   strings.Replace(own, "{a: AAAA}", "\n    {{ .k }}: {{ .a }}\n    {{ .l }}: {{ .b }}", 1),
		"a default":              strings.Replace(own, "name: db", `name: "{{ .name | default "db" }}"`, 1),
		"a condition":            "{{- if .Values.db }}\n" + own + "{{- end }}\n",
		"an alternative":         strings.Replace(own, "  template:", "  {{- if .x }} # one\n  x: 1\n  {{- else }}\n  x: 2\n  {{- end }}\n  template:", 1),
		"a part":                 strings.Replace(own, "  template:", "  x:\n    {{- toYaml .x | nindent 4 }}\n  template:", 1),
		"a part behind its key":  strings.Replace(own, "  template:", "  x: {{- toYaml .x | nindent 4 }}\n  y:{{ toYaml .y | nindent 4 }}\n  template:", 1),
		"a part in CRLF":         strings.ReplaceAll(strings.Replace(own, "  template:", "{{ toYaml .x | indent 2 }}\n  template:", 1), "\n", "\r\n"),
		"over several lines":     "{{- /* of }}\n the shop */}}\n{{- include \"x\" (dict\n  \"a\" .a\n) }}{{ .y }}\n" + own,
		"braces for its own":     strings.Replace(own, "'https:", "{{ .scheme }} # ", 1) + "      raw: \"{{ \"{{\" }} .password {{ \"}}\" }}\"\n      tick: {{`{{ .password }}`}}\n",
		"a condition in a value": strings.Replace(own, "name: db", "name: {{ if .x }}a{{ else }}b{{ end }}", 1),
		"a part and more":        strings.Replace(own, "  template:", "  x: {{- include \"x\" . | nindent 4 }}\n    y: {{ .y }}\n  z:\n  - {{- toYaml .z | nindent 4 }}\n    z: {{ .z }}-{{ .z }}\n  template:", 1),
		"a loop behind its key":  strings.Replace(own, "{a: AAAA}", "{{- range $k, $v := .values }}\n    {{ $k }}: {{ $v }}\n    {{- end }}", 1),
		"a block behind its key": strings.Replace(own, "  template:", "  x: {{ if .x }} # one\n    y: z\n    {{ end }}\n  template:", 1),
		"separators":             "{{ range $i, $x := .all }}{{ if $i }}\n---{{ end }}\n" + own + "{{ end }}\n",
		"a licence":              "{{- /*\n" + strings.Repeat("It is free. }} {{\n", 1000) + "*/ -}}\nx: {{ .x }}\n---\n" + own,
		"Jinja":                  "{# of\n" + strings.Repeat("the shop }}\n", 1000) + "#}\n{% if db %}\n" + own + "  {%- for x in all -%}\n  x{{ x }}: {{ x.y }}\n  {% endfor %}{# x #}\n{% endif %}\n",
		"an item":                "{{ range .all }}\n---\n" + own + "  x:\n  - {{ . }}\n  - k: {{ .k }}\n    v: {{ .v }}\n{{ end }}",
	} {
		if _, err := seal.ParseFile([]byte(text)); !errors.Is(err, seal.ErrTemplate) || !strings.HasSuffix(err.Error(), "(a template must be rendered first)") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The line is that of what is broken, not of what would be rendered.
func TestABrokenTemplateNamesTheLine(t *testing.T) {
	t.Parallel()
	const broken = own + "\tx: y\n"
	_, plain := seal.ParseFile([]byte(strings.ReplaceAll(broken, "{{", "{")))
	_, err := seal.ParseFile([]byte("{{- if .db }}\n{{- /* of\nthe shop */}}\n" + broken + "{{- end }}\n"))
	var line, same int
	if _, scan := fmt.Sscanf(fmt.Sprint(err), "line %d: this is no YAML", &line); scan != nil {
		t.Fatal(err)
	}
	if _, scan := fmt.Sscanf(fmt.Sprint(plain), "line %d: this is no YAML", &same); scan != nil || line != same+3 {
		t.Errorf("%v; without what would be rendered %v", err, plain)
	}
}

// Ansible puts things in between quotes.
func TestWhatDoesNotFitYetIsATemplate(t *testing.T) {
	t.Parallel()
	const labels = "  template:\n    metadata: {labels: %s}\n"
	for text, template := range map[string]bool{
		head + "  encryptedData: {a: AAAA}\n" + fmt.Sprintf(labels, "'{{ labels }}'"):                      true,
		head + "  encryptedData: {a: AAAA}\n  template: {immutable: '{{ immutable }}'}\n":                  true,
		head + "  encryptedData: {a: AAAA}\n  template: '{{ template }}'\n":                                true,
		strings.Replace(own, "{name: db, namespace: shop}", "{name: db, labels: '{{ labels }}'}", 1):       true,
		strings.Replace(own, "{name: db, namespace: shop}", "'{{ metadata }}'", 1):                         true,
		strings.Replace(own, "\nspec:\n", "\nspec: '{{ spec }}'\nx:\n", 1):                                 true,
		strings.Replace(own, "name: db, ", "labels: {a: 1}, name: '{{ name }}', ", 1):                      true,
		head + "  encryptedData: {a: '{{ a }}'}\n" + fmt.Sprintf(labels, "x"):                              true,
		head + "  encryptedData: '{{ a }}'\n" + fmt.Sprintf(labels, "x"):                                   true,
		own + "    metadata: {labels: x}\n":                                                                false,
		own + "    metadata: {labels: {a: '{{ a }}', b: 1}}\n":                                             false,
		own + "    immutable: 'true'\n    metadata: {annotations: {a: '{{ a }}'}, labels: {b: '{{ b }}'}}": false,
	} {
		_, err := seal.ParseFile([]byte(text))
		if err == nil || errors.Is(err, seal.ErrTemplate) != template || !errors.Is(err, seal.ErrFile) || !strings.Contains(err.Error(), " cannot be a ") {
			t.Errorf("%s%v", text, err)
		}
	}
	f, err := seal.ParseFile([]byte(head + "  encryptedData: '{{ values }}'\n"))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := seal.Verify(t.Context(), f.Objects[0], "", nil); err != nil || !errors.Is(v.Problem, seal.ErrTemplate) {
		t.Error(v, err)
	}
}

// What the operator renders must be quoted; nobody else need render it.
func TestBracesOfItsOwnTemplateWantQuotes(t *testing.T) {
	t.Parallel()
	unquoted := own + "      word: {{ .a }}\n"
	for text, want := range map[string]bool{
		unquoted: true,
		"a: b\n---\n" + unquoted + "---\n" + unquoted:                                       true,
		strings.Replace(unquoted, "name: db", "name: '{{ .name }}'", 1):                     false,
		strings.Replace(unquoted, "{a: AAAA}", "{a: {{ .a }}}", 1):                          false,
		"replicas: {{ .replicas }}\n---\n" + unquoted:                                       false,
		"replicas: {{ .replicas }}\n---\n" + own:                                            false,
		"{{ if .x }}\n" + unquoted + "{{ end }}\n":                                          false,
		strings.Replace(unquoted, "  template:", "  x: {{ .x }}\n    y: z\n  template:", 1): false,
	} {
		if _, err := seal.ParseFile([]byte(text)); !errors.Is(err, seal.ErrTemplate) || errors.Is(err, seal.ErrUnquoted) != want {
			t.Errorf("%s%v", text, err)
		}
	}
}

// Neither of these may take as long as its square.
func TestManyActionsAreReadOnce(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("{{/* ", 1<<18), strings.Repeat("{{a}}", 1<<18) + " x", strings.Repeat("{#\n", 1<<18)} {
		if _, err := seal.ParseFile([]byte(own + "  - x\n" + text)); err == nil || errors.Is(err, seal.ErrTemplate) {
			t.Errorf("%.5s…: %v", text, err)
		}
	}
}

// What nobody reads is not passed over.
func TestAFileInUTF16IsTold(t *testing.T) {
	t.Parallel()
	units := utf16.Encode([]rune("\ufeff" + own))
	var little, big bytes.Buffer
	for _, u := range units {
		little.Write([]byte{byte(u), byte(u >> 8)})
		big.Write([]byte{byte(u >> 8), byte(u)})
	}
	for _, text := range [][]byte{little.Bytes(), little.Bytes()[2:], big.Bytes(), big.Bytes()[2:]} {
		if f, err := seal.FindSealed(text); err == nil || errors.Is(err, seal.ErrTemplate) {
			t.Errorf("%x…: %v", text[:4], f)
		}
	}
	if f, err := seal.FindSealed(little.Bytes()[:10]); err != nil || len(f.Objects) > 0 {
		t.Error(err)
	}
}

// Aliases make little text stand for much.
func TestAliasesAreCountedInBytes(t *testing.T) {
	t.Parallel()
	word := strings.Repeat("x", 1<<20)
	for name, text := range map[string]string{
		"values": "a: &a " + word + "\n" + head + "  template:\n    data:\n" + lines(300, "      k%d: *a\n"),
		"keys":   "a: &a {" + word[:1000] + ": x}\nb:\n" + lines(20_000, "  k%d: *a\n"),
		"merged": "a: &a {x: " + word + "}\nb:\n" + lines(300, "  k%d: {<<: *a}\n"),
	} {
		_, err := seal.ParseFile([]byte(text))
		_, asSecret := seal.ParseSecrets([]byte(text))
		if err == nil || asSecret == nil || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%s: %v; %v", name, err, asSecret)
		}
	}
	few := "a: &a " + word + "\n" + head + "  template: {data: {x: *a, y: *a}}\n"
	if f, err := seal.ParseFile([]byte(few)); err != nil || f.Objects[0].Spec.Template.Data["y"] != word {
		t.Error(err)
	}
}

// lines are many, each with its number.
func lines(n int, line string) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, line, i)
	}
	return out.String()
}
