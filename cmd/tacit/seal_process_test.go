//go:build unix

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/seal/sealtest"
)

const emptySealed = `apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: db, namespace: shop}
spec:
  encryptedData: {}
`

// newCluster writes what belongs to a cluster of this name, and returns it.
func newCluster(t *testing.T, dir, name string) *sealtest.Cluster {
	t.Helper()
	c, err := sealtest.NewCluster(time.Now(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeCluster(dir, name, c); err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Many who set a key of a file at once lose none.
func TestParallelSetsLoseNoKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newCluster(t, dir, "a")
	file := write(t, filepath.Join(dir, "db.yaml"), emptySealed)
	var all []*process
	for i := range 6 {
		all = append(all, start(t, "seal", "set", file, fmt.Sprintf("key%d", i), "--from-literal", "x", "--cert", filepath.Join(dir, "a.pem")))
	}
	for _, p := range all {
		if got := p.end(t); got != "exit status 0" {
			t.Errorf("%s\n%s", got, p.stderr.String())
		}
	}
	f, err := seal.ParseFile([]byte(read(t, file)))
	if err != nil || len(f.Objects) != 1 || len(f.Objects[0].Spec.EncryptedData) != len(all) {
		t.Errorf("%v: %d keys\n%s", err, len(f.Objects[0].Spec.EncryptedData), read(t, file))
	}
}

// What is written while set waits for the value is kept.
func TestSetReadsTheFileWhenItHasTheValue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newCluster(t, dir, "a")
	file := write(t, filepath.Join(dir, "db.yaml"), emptySealed)
	p := start(t, "seal", "set", file, "password", "--cert", filepath.Join(dir, "a.pem"))
	if _, err := p.stdin.Write(bytes.Repeat([]byte("x"), 256<<10)); err != nil { // it waits for the rest
		t.Fatal(err)
	}
	write(t, file, "# edited meanwhile\n"+emptySealed)
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if got := p.end(t); got != "exit status 0" {
		t.Fatalf("%s\n%s", got, p.stderr.String())
	}
	if got := read(t, file); !strings.HasPrefix(got, "# edited meanwhile\n") || !strings.Contains(got, "password: ") {
		t.Error(got)
	}
}

// asked starts rotate, whose cluster answers only once the test lets it.
func asked(t *testing.T, dir string) (p *process, file string, release func()) {
	t.Helper()
	newCluster(t, dir, "a")
	file = write(t, filepath.Join(dir, "db.yaml"), strings.Replace(emptySealed, "{}", "{a: AgAA"+strings.Repeat("A", 800)+"}", 1))
	arrived, free := make(chan struct{}), make(chan struct{})
	answer := strings.Replace(`{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{"name":"db","namespace":"shop"},"spec":{"encryptedData":{"a":"AgAB"}}}`, "AgAB", "AgAA"+strings.Repeat("B", 800), 1)
	api := sealtest.API(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-free
		_, _ = w.Write([]byte(answer))
	}))
	released := false
	release = func() {
		if !released {
			released = true
			close(free)
		}
	}
	t.Cleanup(release)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := sealtest.Kubeconfig(kubeconfig, []string{"a"}, api); err != nil {
		t.Fatal(err)
	}
	p = prepare(t, "seal", "rotate", file)
	p.Env = append(p.Env, "KUBECONFIG="+kubeconfig)
	p.run(t)
	select {
	case <-arrived:
	case <-time.After(patience):
		t.Fatal("the cluster is not asked")
	}
	return p, file, release
}

// What is written while rotate asks the cluster is kept, and told.
func TestRotateOverwritesNoEdit(t *testing.T) {
	t.Parallel()
	p, file, release := asked(t, t.TempDir())
	write(t, file, "# edited meanwhile\n"+read(t, file))
	before := read(t, file)
	release()
	if got := p.end(t); got != "exit status 1" || read(t, file) != before || p.stdout.String() != file+": it was changed meanwhile, and stays as it is now: run it again\n" {
		t.Errorf("%s\n%s%s", got, p.stdout.String(), p.stderr.String())
	}
}

func TestASignalEndsAQuestionToTheCluster(t *testing.T) {
	t.Parallel()
	p, _, _ := asked(t, t.TempDir())
	p.signal(t, os.Interrupt)
	if got := p.end(t); got != "exit status 130" || p.stderr.String() != "tacit: interrupted\n" {
		t.Errorf("%s\n%s", got, p.stderr.String())
	}
}

// As with diff(1), a difference is 1 and a mistake is 2.
func TestDiffTellsDifferencesFromMistakes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one := write(t, filepath.Join(dir, "one.yaml"), emptySealed)
	two := write(t, filepath.Join(dir, "two.yaml"), strings.Replace(emptySealed, "{}", "{a: AAAA}", 1))
	none := write(t, filepath.Join(dir, "none.yaml"), "kind: Secret\n")
	for want, cases := range map[string][][]string{
		"exit status 0": {{one, one, "--exit-code"}, {one, two}},
		"exit status 1": {{one, two, "--exit-code"}},
		"exit status 2": {{one, "nofile"}, {one, "nofile", "--exit-code"}, {one, none}, {none, one, "--exit-code"}, {one}, {one, two, "--flag"}, {one, "--live", "--exit-code"}},
	} {
		for _, args := range cases {
			p := start(t, append([]string{"seal", "diff"}, args...)...)
			if got := p.end(t); got != want {
				t.Errorf("%v: %s, want %s\n%s", args, got, want, p.stderr.String())
			}
		}
	}
}
