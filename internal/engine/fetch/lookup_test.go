package fetch_test

import (
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
	"github.com/tacit-secrets/tacit/internal/secret"
)

func TestPropertyOfJSON(t *testing.T) {
	t.Parallel()
	const doc = `{
		"password":"s3cr\u0065t\n", "port":5432, "big":12345678901234567890123, "exp":1e3, "float":1.10,
		"tls":true, "none":null, "empty":"",
		"db":{"user":"app","hosts":["a","b"],"read.only":{"user":"ro"}, "html":"<&>"},
		"a.b":"dotted", "a":{"b":"nested","c":"plain"}, "x.y":{"z":"deep"},
		"users":[{"name":"ann","id":1},{"name":"bob","id":2}],
		"twice":"first","twice":"second", "#":"hash"
	}`
	for property, want := range map[string]string{
		"password":                "s3cret\n",
		"port":                    "5432",
		"big":                     "12345678901234567890123",
		"exp":                     "1e3",
		"float":                   "1.10",
		"tls":                     "true",
		"none":                    "",
		"empty":                   "",
		"db.user":                 "app",
		"db.hosts":                `["a","b"]`,
		"db.hosts.1":              "b",
		"db.hosts.#":              "2",
		"db.html":                 "<&>",
		"db.read.only":            `{"user":"ro"}`,
		`db.read\.only`:           `{"user":"ro"}`,
		"a.b":                     "dotted",
		`a\.b`:                    "dotted",
		"a.c":                     "plain",
		"x.y.z":                   "deep",
		`x\.y.z`:                  "deep",
		"db.read.only.user":       "ro",
		`users.#(name=="bob").id`: "2",
		"users.#.name":            `["ann","bob"]`,
		"users|@reverse|0.name":   "bob",
		"twice":                   "second",
		"#":                       "hash",
	} {
		t.Run(property, func(t *testing.T) {
			t.Parallel()
			got, ok, fault := fetch.Property(backend.Document{Value: secret.NewString(doc)}, property)
			if !ok || fault != "" {
				t.Fatalf("not found (%s)", fault)
			}
			if string(got.Reveal()) != want {
				t.Errorf("got %q, want %q", got.Reveal(), want)
			}
		})
	}
	for _, property := range []string{"nope", "db.nope", "db.user.name", "a.b.c", "users.7", ".", "db."} {
		if v, ok, _ := fetch.Property(backend.Document{Value: secret.NewString(doc)}, property); ok {
			t.Errorf("%q was found: %q", property, v.Reveal())
		}
	}
}

func TestPropertyOfFields(t *testing.T) {
	t.Parallel()
	d := backend.Document{
		Value: secret.NewString(`{"tls.crt":"mangled","conf":"{}"}`),
		Fields: secret.Data{
			"tls.crt": secret.New([]byte{0, 0xff}),
			"conf":    secret.NewString(`{"db":{"port":5432},"x":"y"}`),
			"a.json":  secret.NewString(`{"k":"v"}`),
			"plain":   secret.NewString("not json"),
		},
	}
	for property, want := range map[string]string{
		"tls.crt": "\x00\xff", `tls\.crt`: "\x00\xff", "conf.db.port": "5432", "conf.x": "y", "a.json.k": "v",
	} {
		if got, ok, _ := fetch.Property(d, property); !ok || string(got.Reveal()) != want {
			t.Errorf("%q: got %q, %v; want %q", property, got.Reveal(), ok, want)
		}
	}
	for _, property := range []string{"nope", "plain.x", "conf.nope", "tls"} {
		if _, ok, _ := fetch.Property(d, property); ok {
			t.Errorf("%q was found", property)
		}
	}
}

func TestPropertyIsBounded(t *testing.T) {
	t.Parallel()
	big := `{"a":"` + strings.Repeat(`\"`, 100_000) + `"}`
	deep := strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)
	for name, c := range map[string]struct{ doc, property string }{
		"modifiers that double":     {big, "a" + strings.Repeat("|@tostr", 40)},
		"multipaths that double":    {big, "a" + strings.Repeat("|[@this,@this]", 40)},
		"literal for every element": {"[" + strings.Repeat("1,", 200_000) + "1]", `#.{"` + strings.Repeat("x", 900) + `":@this}`},
		"indent":                    {strings.Repeat("[", 900) + strings.Repeat("1,", 50_000) + "1" + strings.Repeat("]", 900), `@pretty:{"indent":"` + strings.Repeat(" ", 900) + `"}`},
		"long path":                 {`{"a":1}`, strings.Repeat("a.", 2000) + "a"},
	} {
		if v, ok, fault := fetch.Property(backend.Document{Value: secret.NewString(c.doc)}, c.property); ok || fault == "" {
			t.Errorf("%s: found %d bytes, fault %q", name, v.Len(), fault)
		}
	}
	if _, ok, _ := fetch.Property(backend.Document{Value: secret.NewString(deep)}, "a.a"); ok {
		t.Error("a property of JSON nested 100,000 deep was found")
	}
	// Brackets in strings are no nesting.
	flat := `{"a":"` + strings.Repeat("[", 5000) + `","b":"ok"}`
	if v, ok, _ := fetch.Property(backend.Document{Value: secret.NewString(flat)}, "b"); !ok || string(v.Reveal()) != "ok" {
		t.Error("brackets in a string count as nesting")
	}
}
