// Package dialecttest has what the tests of languages share: the run over
// their golden files and over the examples, and what fuzz tests check of any
// error. Only tests import it.
//
// A golden file is a txtar archive with a manifest above and its plan below.
// With the flag -update the plans are written anew, to be read before they are
// committed.
package dialecttest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the plans of the golden files anew")

// Manifest is a manifest as it stands in a file.
type Manifest struct {
	// Name of the manifest in its golden file, and the Comment above it: they
	// say how the language is configured, where that is not as usual. The
	// manifests of examples have neither.
	Name, Comment string
	Text          []byte
}

// goldenFiles are those of the package under test.
const goldenFiles = "testdata/*.txtar"

// Golden compares what each manifest in testdata comes to with the text that
// stands below it.
func Golden(t *testing.T, text func(testing.TB, Manifest) string) {
	t.Helper()
	for _, file := range found(t, goldenFiles) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, file, text)
		})
	}
}

func golden(t *testing.T, file string, text func(testing.TB, Manifest) string) {
	archive := parse(t, file)
	first := archive.Files[0]
	got := text(t, Manifest{Name: first.Name, Comment: string(archive.Comment), Text: first.Data})
	if *update {
		archive.Files = append(archive.Files[:1], txtar.File{Name: "plan", Data: []byte(got)})
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(archive.Files) != 2 {
		t.Fatal("no plan: run go test with -update, and read what it wrote")
	}
	if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
		t.Errorf("the plan differs (-want +got):\n%s", diff)
	}
}

// Seed adds the manifests in testdata, as []byte, to what a fuzz test begins
// with.
func Seed(f *testing.F) {
	f.Helper()
	for _, file := range found(f, goldenFiles) {
		f.Add(parse(f, file).Files[0].Data)
	}
}

// found are the files that match, of which there must be some.
func found(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no %s: %v", pattern, err)
	}
	return files
}

func parse(t testing.TB, file string) *txtar.Archive {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) == 0 {
		t.Fatalf("%s: no manifest", file)
	}
	return archive
}
