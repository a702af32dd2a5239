// Package docs holds the documentation to what is there.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/controller"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := testkit.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// testsIn is the source of all tests in a folder.
func testsIn(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		all.WriteString(read(t, file))
	}
	return all.String()
}

func TestEveryTestThatAPromiseNamesIsThere(t *testing.T) {
	t.Parallel()
	dir := root(t)
	named := regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)\\w+)`").
		FindAllStringSubmatch(read(t, filepath.Join(dir, "docs", "promises.md")), -1)
	if len(named) < 20 {
		t.Fatalf("only %d tests are named; has the way to write them changed?", len(named))
	}
	for _, name := range named {
		if !strings.Contains(testsIn(t, filepath.Join(dir, name[1])), "\nfunc "+name[2]+"(") {
			t.Errorf("there is no %s in %s", name[2], name[1])
		}
	}
}

func TestMetricsAreThoseThatAreDescribed(t *testing.T) {
	t.Parallel()
	there := described(broker.NewMetrics(), controller.NewMetrics(), rollout.NewMetrics(nil), operator.NewMirrorMetrics())
	said := regexp.MustCompile("(?m)^\\| `((?:tacit|mirrors)_\\w+)`").
		FindAllStringSubmatch(read(t, filepath.Join(root(t), "docs", "metrics.md")), -1)
	var names []string
	for _, name := range said {
		names = append(names, name[1])
	}
	slices.Sort(names)
	if !slices.Equal(names, there) {
		t.Errorf("docs/metrics.md describes\n%v, and there are\n%v", names, there)
	}
}

// described lists the metrics of collectors by name, sorted.
func described(collectors ...prometheus.Collector) []string {
	descriptions := make(chan *prometheus.Desc, 100)
	for _, c := range collectors {
		c.Describe(descriptions)
	}
	close(descriptions)
	var names []string
	for d := range descriptions {
		_, rest, _ := strings.Cut(d.String(), `fqName: "`)
		name, _, _ := strings.Cut(rest, `"`)
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	dir := root(t)
	link := regexp.MustCompile(`\]\(([^)#]+)\)`)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", ".tmp", "bin"}, entry.Name()) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		for _, to := range link.FindAllStringSubmatch(read(t, path), -1) {
			if strings.Contains(to[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), to[1])); err != nil {
				t.Errorf("%s links to %s: %v", path, to[1], err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
