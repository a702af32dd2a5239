package seal_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/seal"
)

// FuzzApply changes any file: what comes out says what was meant, or nothing
// comes out. What is set and then taken out again leaves nothing behind.
func FuzzApply(f *testing.F) {
	for _, body := range []string{
		"  encryptedData:\n    a: AAA=\n    b: OLD # x\n", "  encryptedData: {a: AAA=, 'b': \"OLD\"}\n", "  encryptedData: {}\n", "  encryptedData:\n",
		"  encryptedData:\n    b: >-\n      OLD\n      OLD\n", "  encryptedData: &x\n    a: &y A\n    b: *y\n", "  encryptedData:\r\n    b: OLD\r\n",
	} {
		f.Add([]byte(head+body), "b", "NEW==")
		f.Add([]byte(head+body), "c", "tacit1:AA==")
		f.Add([]byte("a: 1\n---\n"+head+body+"---\n"+head+body), "zz", "NEW")
	}
	// What cannot be read is read again with something in place of braces.
	f.Add([]byte("{{- if .x }} # y\n"+own+"  x:{{ .y | default \"}}\" }}\n{{`{{`}}: [{{/* }} */}}\n"), "b", "NEW")
	f.Fuzz(func(t *testing.T, content []byte, key, value string) {
		file, err := seal.ParseFile(content)
		if err != nil || len(file.Objects) == 0 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || key == "" ||
			strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=:") != "" || value == "" || value[0] < 'A' {
			return
		}
		o := file.Objects[0]
		_, had := o.Spec.EncryptedData[key]
		set, err := file.Apply(seal.Change{Object: o, Key: key, Value: value})
		if err != nil {
			return
		}
		after, err := seal.ParseFile(set)
		if err != nil || len(after.Objects) != len(file.Objects) || after.Objects[0].Spec.EncryptedData[key] != value {
			t.Fatalf("%v: %q", err, set)
		}
		for _, line := range bytes.Split(content, []byte("\n")) {
			// Comments stay, whatever becomes of the lines around them.
			if line = bytes.TrimSpace(line); bytes.HasPrefix(line, []byte("#")) && !bytes.Contains(set, line) {
				t.Fatalf("the line %q is gone: %q", line, set)
			}
		}
		gone, err := after.Apply(seal.Change{Object: after.Objects[0], Key: key})
		if err != nil || had {
			return
		}
		if back, err := seal.ParseFile(gone); err != nil || len(back.Objects[0].Spec.EncryptedData) != len(o.Spec.EncryptedData) {
			t.Fatalf("%v: %q", err, gone)
		}
	})
}
