package seal_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/seal"
)

// What cannot be changed without changing something else is refused.
func TestWhatIsTiedToOthersIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ key, value, text string }{
		"an anchor that others take":     {"b", "NEW", head + "  encryptedData:\n    a: &x OLD\n    b: *x\n    c: &y OLD\n    d: *y\n"},
		"a mapping that others take":     {"c", "NEW", head + "  encryptedData: &x {c: OLD}\n  template:\n    data: *x\n"},
		"of another's":                   {"c", "NEW", "a: &x {c: OLD}\n" + head + "  encryptedData: *x\n"},
		"a merge's, removed":             {"c", "", "a: &x {c: OLD}\n" + head + "  encryptedData:\n    <<: *x\n    d: OLD\n"},
		"written with a question mark":   {"c", "", head + "  encryptedData:\n    ? c\n    : OLD\n    d: OLD\n"},
		"none":                           {"c", "NEW", head + "  template: {}\n"},
		"no mapping":                     {"c", "NEW", head + "  encryptedData: text\n"},
		"a spec that comes from a merge": {"c", "NEW", "a: &x {spec: {encryptedData: {c: OLD}}}\n<<: *x\n" + strings.TrimSuffix(head, "spec:\n")},
		"a value that is none":           {"c", "NEW", head + "  encryptedData:\n    c: {x: OLD}\n"},
	} {
		if name == "an anchor that others take" {
			c.key = "c"
		}
		f, err := seal.ParseFile([]byte(c.text))
		if err != nil || len(f.Objects) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := f.Apply(seal.Change{Object: f.Objects[0], Key: c.key, Value: c.value}); err == nil {
			t.Errorf("%s: changed into\n%s", name, got)
		} else if strings.Contains(err.Error(), "OLD") {
			t.Errorf("%s: told: %v", name, err)
		}
	}
}

func TestFilesThatAreRefusedAreNotQuoted(t *testing.T) {
	t.Parallel()
	const canary = "canary"
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'k'; i++ {
		last := "*" + string(i-1)
		bomb += string(i) + ": &" + string(i) + " [" + strings.Repeat(last+",", 9) + last + "]\n"
	}
	for name, text := range map[string]string{
		"no YAML":         "a: [canary",
		"an unknown tag":  "a: !!int canary",
		"a tab":           "a:\n\tcanary: x",
		"no UTF-8":        "canary: \xff",
		"a key twice":     "canary: 1\ncanary: 2",
		"a list as key":   "[canary]: 1",
		"!!binary":        "a: !!binary canary",
		"a strange merge": "<<: canary",
		"too deep":        "canary: " + deep,
		"a bomb":          bomb,
		"too large":       "canary: " + strings.Repeat("x", 17<<20),
		"no SealedSecret": "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nspec: {template: {type: [canary]}}",
		"no metadata":     "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {creationTimestamp: canary}",
	} {
		_, err := seal.ParseFile([]byte(text))
		_, asSecret := seal.ParseSecrets([]byte(text))
		if err == nil || asSecret == nil || strings.Contains(err.Error()+asSecret.Error(), canary) || len(err.Error()) > 200 {
			t.Errorf("%s: %v; %v", name, err, asSecret)
		}
	}
}

func TestSecretsThatAreRefusedAreNotQuoted(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\n"
	for text, want := range map[string]string{
		"":                                        "no Secret in it",
		"canary":                                  "document 1 is no Secret",
		"kind: Secret":                            "it is",
		head + "data: {pw: canary!}":              "data.pw is not base64",
		head + "data: {pw: [canary]}":             "data.pw is no text",
		head + "data: canary":                     "its data holds no keys",
		head + "stringData: {pw: 1.5}":            "stringData.pw is no text",
		head + "stringData: {'a key': canary}":    "a key is made of",
		head + "immutable: canary":                "malformed",
		head + "type: {canary: 1}":                "type cannot be",
		`{"kind": "List", "items": ["canary"]}`:   "only Secrets",
		`{"apiVersion": "v1", "kind": "Secret", `: "this is no YAML",
	} {
		_, err := seal.ParseSecrets([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for name, c := range map[string]string{
		"no name":        `{apiVersion: v1, kind: Secret, metadata: {namespace: shop}}`,
		"no namespace":   `{apiVersion: v1, kind: Secret, metadata: {name: db}}`,
		"a bad name":     `{apiVersion: v1, kind: Secret, metadata: {name: ../db, namespace: shop}}`,
		"a bad place":    `{apiVersion: v1, kind: Secret, metadata: {name: db, namespace: shop/x}}`,
		"nameless, wide": `{apiVersion: v1, kind: Secret, metadata: {annotations: {sealedsecrets.bitnami.com/cluster-wide: "true"}}}`,
	} {
		in, err := seal.ParseSecrets([]byte(c))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in[0].Seal(rand.Reader, clusters()[0].Certificates); err == nil {
			t.Errorf("%s: sealed", name)
		}
	}
}

// A text that another program wrote for JSON alone is read too.
func TestJSONThatYAMLDoesNotKnow(t *testing.T) {
	t.Parallel()
	in, err := seal.ParseSecrets([]byte("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"db\"},\"data\":{\"pw\":\"\\/\\/8=\"}}"))
	if err != nil || string(in[0].Data["pw"].Reveal()) != "\xff\xff" {
		t.Fatal(err)
	}
}
