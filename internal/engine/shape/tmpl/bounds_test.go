package tmpl_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/engine/shape/tmpl"
)

// chains builds maps that are linked into one that is far deeper than any of
// the calls that built it could see.
const chains = `{{ $top := dict }}{{ $bottom := $top }}
{{ range 20000 }}{{ $next := dict }}{{ $_ := set $bottom "k" $next }}{{ $_ := set $bottom "l" $next }}{{ $bottom = $next }}{{ end }}`

// bombs are templates that would loop, grow or crash the process.
var bombs = map[string]string{
	"endless range":          `{{ range 1000000000 }}{{ end }}`,
	"nested ranges":          `{{ range 100000 }}{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}{{ end }}`,
	"range with else":        `{{ range 1000000000 }}{{ if false }}{{ else }}{{ end }}{{ end }}`,
	"recursion":              `{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}`,
	"exponential recursion":  `{{ define "x" }}{{ range 10 }}{{ template "x" . }}{{ end }}{{ end }}{{ template "x" . }}`,
	"recursion two ways":     `{{ define "x" }}{{ if lt (len .) 60 }}{{ $n := print . "a" }}{{ template "x" $n }}{{ template "x" $n }}{{ end }}{{ end }}{{ template "x" "" }}`,
	"doubling string":        `{{ $x := "aaaa" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}`,
	"doubling by cat":        `{{ $x := "aaaa" }}{{ range 100 }}{{ $x = cat $x $x }}{{ end }}`,
	"doubling by printf":     `{{ $x := "aaaa" }}{{ range 100 }}{{ $x = printf "%[1]s%[1]s%[1]s" $x }}{{ end }}`,
	"doubling by replace":    `{{ $x := "aaaa" }}{{ range 100 }}{{ $x = replace "a" $x $x }}{{ end }}`,
	"doubling by regex":      `{{ $x := "aaaa" }}{{ range 100 }}{{ $x = regexReplaceAll "a*" $x "$0$0$0" }}{{ end }}`,
	"doubling by join":       `{{ $x := "aaaa" }}{{ range 100 }}{{ $x = join $x (splitList "" $x) }}{{ end }}`,
	"doubling by quote":      `{{ $x := "\"" }}{{ range 100 }}{{ $x = quote $x $x }}{{ end }}`,
	"doubling by dict":       `{{ $x := "a" }}{{ range 100 }}{{ $x = dict "a" $x "b" $x }}{{ end }}{{ $x }}`,
	"doubling by list":       `{{ $x := list 1 }}{{ range 100 }}{{ $x = concat $x $x }}{{ end }}`,
	"hoarding strings":       `{{ $s := repeat 1000000 "x" }}{{ $l := list }}{{ range $i := until 10000 }}{{ $l = append $l (print $s $i) }}{{ end }}`,
	"repeat":                 `{{ repeat 1000000000 "x" }}`,
	"repeat overflowing":     `{{ repeat 9223372036854775807 "xx" }}`,
	"negative repeat":        `{{ repeat -1 "x" }}`,
	"until":                  `{{ until 1000000000 }}`,
	"until below":            `{{ until -1000000000 }}`,
	"untilStep":              `{{ untilStep 0 1000000000 1 }}`,
	"seq":                    `{{ seq 1000000000 }}`,
	"seq below":              `{{ seq 5 -1000000000 }}`,
	"seq by step":            `{{ seq 0 1 1000000000 }}`,
	"indent":                 `{{ indent 1000000000 .a }}`,
	"indented lines":         `{{ indent 100000 (repeat 10000 "\n") }}`,
	"nindent":                `{{ nindent 1000000000 .a }}`,
	"randAlphaNum":           `{{ randAlphaNum 1000000000 }}`,
	"randAscii":              `{{ randAscii 1000000000 }}`,
	"randBytes":              `{{ randBytes 1000000000 }}`,
	"wrapWith":               `{{ wrapWith 1 (repeat 10000 "x") (repeat 100000 "y") }}`,
	"printf width":           `{{ printf "` + strings.Repeat("%999999d", 100) + `" 1 }}`,
	"printf star":            `{{ range 1000 }}{{ $x := printf "%*d" 999999 1 }}{{ end }}`,
	"map in itself":          `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ $d }}`,
	"map in itself, by way":  `{{ $a := dict }}{{ $b := dict "a" $a }}{{ $_ := set $a "b" $b }}{{ $b }}`,
	"map in itself, as JSON": `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ toJson $d }}`,
	"map in itself, as YAML": `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ toYaml $d }}`,
	"map in itself, merged":  `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ $e := dict "a" (dict "a" (dict)) }}{{ merge $e $d }}`,
	"merged into itself":     `{{ $d := dict "a" (dict) }}{{ range 1000 }}{{ $_ := set $d.a "b" (merge $d (dict "c" $d)) }}{{ end }}{{ $d }}`,
	"map in itself, copied":  `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ deepCopy $d }}`,
	"map in itself, equal":   `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ $e := dict }}{{ $_ := set $e "a" $e }}{{ deepEqual $d $e }}`,
	"map in itself, printed": `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ print $d }}{{ printf "%v" $d }}{{ html $d }}`,
	"map in itself, string":  `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ toString $d }}`,
	"map in itself, field":   `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ template "x" $d }}{{ define "x" }}{{ .a }}{{ end }}`,
	"deep map":               `{{ $d := dict }}{{ range 100000 }}{{ $d = dict "a" $d }}{{ end }}{{ $d }}`,
	"deep list":              `{{ $d := list }}{{ range 100000 }}{{ $d = list $d }}{{ end }}{{ $d }}`,
	"linked, printed":        chains + `{{ $top }}`,
	"linked, as JSON":        chains + `{{ toJson $top }}`,
	"linked, as a list":      chains + `{{ list $top $top | join "," }}`,
	"linked, by with":        chains + `{{ with $top }}{{ .k }}{{ end }}`,
	"linked, by default":     chains + `{{ default "x" $top }}`,
	"linked, by and":         chains + `{{ and true $top }}`,
	"linked, by dig":         chains + `{{ dig "x" "y" $top (dict) }}`,
	"deep JSON":              `{{ fromJson (repeat 5000 "[") }}{{ fromJson (print (repeat 5000 "[") (repeat 5000 "]")) }}`,
	"deep YAML":              `{{ fromYaml (print "a: " (repeat 9000 "[") (repeat 9000 "]")) }}`,
	"YAML aliases": `{{ fromYaml "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n` +
		`d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]" | len }}{{ fail "x" }}`,
	"YAML alias to a lot": `{{ fromYaml (print "a: &a " (repeat 100000 "x") "\nb: [" (repeat 10000 "*a, ") "*a]") }}`,
	"split":               `{{ split "" (repeat 1000000 "x") | len }}`,
	"regex program":       `{{ regexMatch "` + strings.Repeat("(x{1000})", 100) + `" .a }}`,
	"regex nested":        `{{ regexMatch "((x{10}){10}){10}" (repeat 1000000 "x") }}`,
	"regex too long":      `{{ regexMatch (repeat 100000 "x") .a }}`,
	"trim":                `{{ trimAll (repeat 300000 "ü") (repeat 300000 "é") }}`,
	"uniq":                `{{ uniq (until 50000) | len }}`,
	"hoarding maps":       `{{ $l := dict }}{{ range $i := until 300000 }}{{ $_ := set $l (toString $i) (dict "k" "v") }}{{ end }}`,
	"much JSON":           `{{ fromJson (print "[" (repeat 3000000 "[],") "[]]") }}`,
	"much YAML":           `{{ fromYaml (repeat 1000000 "- a\n") }}`,
	"quotes in parens":    `{{ ` + strings.Repeat("(", 3000) + "1" + strings.Repeat(")", 3000) + ` }}`,
	"nested ifs":          strings.Repeat("{{ if 1 }}", 30000) + strings.Repeat("{{ end }}", 30000),
	"huge text":           strings.Repeat("x", 1<<20+1),
	"much output":         `{{ range 100000 }}` + strings.Repeat("x", 1000) + `{{ end }}`,
	"chunk":               `{{ chunk 0 (until 10) }}`,
	"layout":              `{{ $l := repeat 1000000 "2006" }}{{ range 10000 }}{{ now.Format $l }}{{ end }}`,
}

func TestBombsAreDefused(t *testing.T) {
	t.Parallel()
	for name, text := range bombs {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := render(t, text, tmpl.Limits{})
			if err == nil {
				t.Error("it was rendered")
			}
			t.Log(err)
			if took := time.Since(start); took > time.Minute {
				t.Errorf("it took %s", took)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("%q holds a value", err)
			}
		})
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.Sys > 1<<30 {
		t.Errorf("the process has grown to %d MiB", m.Sys>>20)
	}
}

// Functions that take long are priced by the time that they take, lest a
// template call them for as long as it has steps.
func TestDearFunctions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call  string
		steps int // of one call and a half
	}{
		"bcrypt":         {`bcrypt "x"`, 22_000},
		"genPrivateKey":  {`genPrivateKey "rsa"`, 150_000},
		"genCA":          {`genCA "x" 1`, 90_000},
		"derivePassword": {`derivePassword 1 "long" "p" "u" "s"`, 150_000},
	} {
		_, err := render(t, `{{ range 100 }}{{ $x := `+c.call+` }}{{ end }}`, tmpl.Limits{Steps: c.steps, Time: unhurried.Time})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%s: takes more than %d steps", name, c.steps)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is large but fair is rendered.
func TestFairTemplatesPass(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"long file":     strings.Repeat("line {{ .user }} {{ .pass | quote }}\n", 5000),
		"long loop":     `{{ range $i := until 10000 }}{{ $i }} {{ end }}`,
		"long template": strings.Repeat("x", 1<<20),
		"deep":          strings.Repeat("{{ if 1 }}", 500) + strings.Repeat("{{ end }}", 500),
		"nested JSON":   `{{ fromJson (print (repeat 90 "[") (repeat 90 "]")) }}`,
		"a large value": `{{ $x := repeat 500000 "x" }}{{ $x | b64enc | b64dec | sha256sum }}`,
		"two keys":      `{{ genPrivateKey "ecdsa" | len }}{{ bcrypt "x" | len }}`,
	} {
		if _, err := render(t, text, unhurried); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, text := range bombs {
		if len(text) < 1000 {
			f.Add(text)
		}
	}
	f.Add(`{{ .a | upper | b64enc }}{{ with .json | fromJson }}{{ .k | quote }}{{ end }}`)
	f.Add(`{{ range $k, $v := . }}{{ index $ $k | mustFromJson }}{{ end }}`)
	f.Add(`{{ $x := .yaml | fromYaml }}{{ toYaml $x }}{{ $x.list | first | int | until }}`)
	f.Add(`{{ pkcs12key .a }}{{ filterPEM "X" .a }}{{ jwkPublicKeyPem .json }}{{ hexdec .a }}`)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "canary") {
			return
		}
		lim := tmpl.Limits{Steps: 20_000, Memory: 4 << 20, Output: 1 << 16, Time: time.Second}
		start := time.Now()
		_, err := render(t, text, lim)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("it took %s", took)
		}
		if err == nil {
			return
		}
		for _, form := range []string{canary, strings.ToUpper(canary), fmt.Sprintf("%x", canary), "Y2FuYXJ5", "yranac"} {
			if strings.Contains(err.Error(), form) {
				t.Errorf("error %q holds a value", err)
			}
		}
	})
}
