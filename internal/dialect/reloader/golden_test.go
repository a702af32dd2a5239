package reloader

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

var update = flag.Bool("update", false, "write the plans of the golden files anew")

// manifest is as much of a workload as the language sees.
type manifest struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name        string            `json:"name"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Template struct {
			Metadata struct {
				Annotations map[string]string `json:"annotations"`
			} `json:"metadata"`
		} `json:"template"`
	} `json:"spec"`
	// Options of the language, in place of the defaults.
	Options Options `json:"options"`
}

func (m *manifest) workload() dialect.Workload {
	return dialect.Workload{
		Workload:    delivery.Workload{Kind: m.Kind, Namespace: "ns", Name: m.Metadata.Name},
		Annotations: m.Metadata.Annotations, Template: m.Spec.Template.Metadata.Annotations,
	}
}

// TestGolden translates each workload in testdata and compares the plan, and
// what a change of two objects leaves on it.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil || len(archive.Files) == 0 {
				t.Fatalf("no manifest: %v", err)
			}
			got := translated(t, archive.Files[0].Data)
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
		})
	}
}

func translated(t *testing.T, text []byte) string {
	t.Helper()
	var m manifest
	if err := yaml.UnmarshalStrict(text, &m); err != nil {
		t.Fatal(err)
	}
	language := New(m.Options)
	plan, err := language.Translate(m.workload())
	var b strings.Builder
	if err != nil {
		var failure *delivery.Error
		if !errors.As(err, &failure) {
			t.Fatalf("the error is a %T", err)
		}
		fmt.Fprintf(&b, "error %s: %s\n", failure.Kind, failure.Message)
	}
	for _, r := range plan.Rules {
		fmt.Fprintln(&b, rule(&r))
	}
	if plan.Hold != 0 {
		fmt.Fprintf(&b, "hold for %s, since %s\n", plan.Hold, plan.HeldAt)
	}
	if !plan.Asks() {
		return b.String() + "asks for nothing\n"
	}
	marks := language.Mark(m.workload(), []delivery.Reloaded{
		{Object: delivery.ObjectRef{Kind: "ConfigMap", Namespace: "ns", Name: "a.b--c"}, Digest: "d1", Container: "main"},
		{Object: delivery.ObjectRef{Kind: "Secret", Namespace: "ns", Name: "app"}, Digest: "d2", Container: "side"},
	}, time.Unix(1700000000, 0))
	fmt.Fprintf(&b, "marks: %+v\n", marks)
	return b.String()
}

// rule is a rule in one line.
func rule(r *delivery.ReloadRule) string {
	parts := []string{"restart for"}
	if r.Never {
		parts[0] = "never for"
	}
	if r.Kind == "" {
		parts = append(parts, "anything")
	} else {
		parts = append(parts, r.Kind+"s")
	}
	if r.Referenced {
		parts = append(parts, "that it uses")
	}
	if r.Names != nil {
		parts = append(parts, fmt.Sprintf("named %q", r.Names))
	}
	if r.Patterns != nil {
		parts = append(parts, fmt.Sprintf("like %q", r.Patterns))
	}
	for k, v := range r.With {
		parts = append(parts, fmt.Sprintf("with %s: %s", k, v))
	}
	return strings.Join(parts, " ")
}
