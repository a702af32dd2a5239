package seal_test

import (
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/seal"
)

const head = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db, namespace: shop}\nspec:\n"

// In the cases ⟦old|new⟧ is what becomes of a place in the text; everything
// outside of the brackets must stay.
func split(t *testing.T, text string) (before, after string) {
	t.Helper()
	for {
		outer, rest, ok := strings.Cut(text, "⟦")
		before, after = before+outer, after+outer
		if !ok {
			return before, after
		}
		inner, rest, ok := strings.Cut(rest, "⟧")
		if !ok {
			t.Fatal("no end of a place")
		}
		i := strings.LastIndex(inner, "|")
		before, after, text = before+inner[:i], after+inner[i+1:], rest
	}
}

func TestOnlyWhatIsMeantChanges(t *testing.T) {
	t.Parallel()
	const long = "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
	for name, c := range map[string]struct{ key, value, text string }{
		"replaced":                {"b", "NEW==", head + "  encryptedData:\n    a: AAA=\n    b: ⟦OLD==|NEW==⟧\n    c: CCC=\n"},
		"comments and odd spaces": {"b", "NEW==", "# top\n" + head + "  # here\n  encryptedData:   # there\n\n      a:    AAA=   # one\n      # two\n      b :  ⟦OLD|NEW==⟧   # three\n\n# end\n"},
		"quoted":                  {"b", "NEW==", head + "  encryptedData:\n    'a': AAA=\n    \"b\": ⟦\"O\\\"LD\"|\"NEW==\"⟧ # \"\n"},
		"single quoted":           {"b", "NEW==", head + "  encryptedData:\n    b: ⟦'O''LD'|'NEW=='⟧\n"},
		"folded":                  {"b", "NEW==", head + "  encryptedData:\n    b: ⟦>-\n      OLD\n\n      OLD|NEW==⟧\n\n    # about c\n    c: CCC=\n"},
		"literal":                 {"b", "NEW==", head + "  encryptedData:\n    b: ⟦|2-\n      OLD\n      OLD|NEW==⟧\n  template: {}\n"},
		"plain on several lines":  {"b", "NEW==", head + "  encryptedData:\n    b: ⟦OLD\n      OLD\n      OLD|NEW==⟧ # x\n    c: CCC=\n"},
		"on the next line":        {"b", "NEW==", head + "  encryptedData:\n    b:\n      ⟦OLD|NEW==⟧\n"},
		"nothing":                 {"b", "NEW==", head + "  encryptedData:\n    b:⟦| NEW==⟧ # soon\n    c: CCC=\n"},
		"CRLF":                    {"b", "NEW==", strings.ReplaceAll(head+"  encryptedData:\n    a: AAA=\n    b: ⟦OLD|NEW==⟧\n    c: CCC=\n", "\n", "\r\n")},
		"CRLF, added":             {"b", "NEW==", strings.ReplaceAll(head+"  encryptedData:\n    a: AAA=⟦|\n    b: NEW==⟧\n    c: CCC=\n", "\n", "\r\n")},
		"long lines":              {"b", long, head + "  encryptedData:\n    a: " + long + "\n    b: ⟦OLD|" + long + "⟧\n    c: " + long + "\n"},
		"byte order mark":         {"b", "NEW==", "\xef\xbb\xbf" + head + "  encryptedData: {a: é, b: ⟦OLD|NEW==⟧}\n"},
		"beyond ASCII":            {"b", "NEW==", "# äöü\n" + head + "  encryptedData: {\"ä€\": 'ü\u2028 😀', b: ⟦OLD|NEW==⟧}\n"},
		"anchor of its own":       {"b", "NEW==", head + "  encryptedData: &all\n    a: AAA=\n    b: &b !!str ⟦OLD|NEW==⟧\n"},
		"an alias":                {"b", "NEW==", head + "  encryptedData:\n    a: &a AAA=\n    b: ⟦*a|NEW==⟧\n"},
		"over a merge":            {"b", "NEW==", "x: &x {b: OLD}\n" + head + "  encryptedData:\n    <<: *x⟦|\n    b: NEW==⟧\n    c: CCC=\n"},
		"one of several":          {"b", "NEW==", "a: 1\n---\n" + head + "  encryptedData:\n    b: ⟦OLD|NEW==⟧\n--- # three\n" + "kind: ConfigMap\ndata:\n  encryptedData: |\n    b: OLD\n...\n"},
		"of a list":               {"b", "NEW==", "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSuffix(head, "\n"), "\n", "\n  ") + "\n    encryptedData:\n      b: ⟦OLD|NEW==⟧\n- kind: ConfigMap\n"},
		"JSON":                    {"b", "NEW==", "{\n\t\"kind\": \"SealedSecret\",\n\t\"apiVersion\": \"bitnami.com/v1alpha1\",\n\t\"metadata\": {\"name\": \"db\"},\n\t\"spec\": {\n\t\t\"encryptedData\": {\n\t\t\t\"a\": \"A\\u0041\",\n\t\t\t\"b\": ⟦\"OLD\"|\"NEW==\"⟧\n\t\t}\n\t}\n}\n"},

		"added where it belongs":  {"b", "NEW==", head + "  encryptedData:\n    a: AAA= # one⟦|\n    b: NEW==⟧\n    # about c\n    c: CCC=\n"},
		"added first":             {"a", "NEW==", head + "  encryptedData: # all⟦|\n    a: NEW==⟧\n    # about b\n    b: BBB=\n"},
		"added last":              {"z", "NEW==", head + "  encryptedData:\n    b: >-\n      BBB\n      BBB⟦|\n    z: NEW==⟧\n  template: {}\n"},
		"added to unsorted ones":  {"b", "NEW==", head + "  encryptedData:\n    c: CCC=\n    a: AAA=⟦|\n    b: NEW==⟧\n"},
		"added without a newline": {"z", "NEW==", head + "  encryptedData:\n    c: CCC=⟦|\n    z: NEW==⟧"},
		"added to nothing":        {"a", "NEW==", head + "  encryptedData:⟦|\n    a: NEW==⟧\n  template: {}\n"},
		"added to braces":         {"a", "NEW==", head + "  encryptedData:⟦ {}|⟧ # none⟦|\n    a: NEW==⟧\n  template: {}\n"},
		"added to braces, wide":   {"a", "NEW==", strings.ReplaceAll(head, "spec:", "spec: # wide") + "    encryptedData:⟦ {}|⟧⟦|\n        a: NEW==⟧\n    template: {}\n"},
		"added to nothing, wide":  {"a", "NEW==", head + "    encryptedData:⟦|\n        a: NEW==⟧\n"},
		"added to braces, listed": {"a", "NEW==", "kind: List\nitems:\n  - " + strings.ReplaceAll(strings.TrimSuffix(head, "\n"), "\n", "\n    ") + "\n      encryptedData:⟦ {}|⟧⟦|\n        a: NEW==⟧\n"},
		"added to flow":           {"b", "NEW==", head + "  encryptedData: {a: AAA=⟦|, \"b\": \"NEW==\"⟧}\n"},
		"added to JSON":           {"b", "NEW==", "{\"kind\": \"SealedSecret\", \"apiVersion\": \"bitnami.com/v1alpha1\",\n  \"spec\": {\n    \"encryptedData\": {\n      \"a\": \"AAA=\"⟦|,\n      \"b\": \"NEW==\"⟧\n    }\n  }\n}"},
		"added to empty JSON":     {"b", "NEW==", "{\"kind\": \"SealedSecret\", \"apiVersion\": \"bitnami.com/v1alpha1\", \"spec\": {\"encryptedData\": {⟦|\"b\": \"NEW==\"⟧}}}"},
		"a key that YAML knows":   {"true", "NEW==", head + "  encryptedData:\n    a: AAA=⟦|\n    \"true\": NEW==⟧\n"},
		"a key of digits":         {"0x10", "NEW==", head + "  encryptedData:\n    a: AAA=\n    z: ZZZ=\n    b: BBB=⟦|\n    \"0x10\": NEW==⟧\n"},
		"for several clusters":    {"b", "tacit1:AA==", head + "  encryptedData: {b: ⟦OLD|tacit1:AA==⟧}\n"},

		"removed":                   {"b", "", head + "  encryptedData:\n    a: AAA=\n    # about b\n⟦    b: OLD # x\n|⟧    c: CCC=\n"},
		"removed, folded":           {"b", "", head + "  encryptedData:\n⟦    b: >\n      OLD\n      OLD\n|⟧    c: CCC=\n"},
		"removed, last":             {"b", "", head + "  encryptedData:\n    a: AAA=⟦\n    b: OLD|⟧"},
		"removed, CRLF":             {"b", "", strings.ReplaceAll(head+"  encryptedData:\n    a: AAA=⟦\n    b: OLD|⟧", "\n", "\r\n")},
		"removed, only":             {"b", "", head + "  encryptedData:⟦| {}⟧ # none\n⟦    b: OLD\n|⟧  template: {}\n"},
		"removed, only and last":    {"b", "", head + "  encryptedData:⟦| {}⟧⟦\n    b: OLD|⟧"},
		"removed from flow, first":  {"b", "", head + "  encryptedData: {⟦b: OLD, |⟧c: CCC=}\n"},
		"removed from flow, last":   {"b", "", head + "  encryptedData: {a: AAA=⟦, b: OLD|⟧}\n"},
		"removed from flow, only":   {"b", "", head + "  encryptedData: {⟦b: OLD|⟧}\n"},
		"removed from JSON, middle": {"b", "", "{\"kind\": \"SealedSecret\", \"apiVersion\": \"bitnami.com/v1alpha1\", \"spec\": {\"encryptedData\": {\n  \"a\": \"A\",\n  ⟦\"b\": \"OLD\",\n  |⟧\"c\": \"C\"\n}}}"},
	} {
		before, after := split(t, c.text)
		f, err := seal.ParseFile([]byte(before))
		if err != nil || len(f.Objects) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := f.Apply(seal.Change{Object: f.Objects[0], Key: c.key, Value: c.value})
		if err != nil || string(got) != after {
			t.Errorf("%s: %v\n--- have\n%s\n--- want\n%s", name, err, got, after)
		}
	}
}
