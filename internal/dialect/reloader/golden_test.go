package reloader

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

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
	dialecttest.Golden(t, translated)
}

func translated(t testing.TB, text dialecttest.Manifest) string {
	t.Helper()
	var m manifest
	if err := yaml.UnmarshalStrict(text.Text, &m); err != nil {
		t.Fatal(err)
	}
	language := New(m.Options)
	plan, err := language.Translate(m.workload())
	var b strings.Builder
	b.WriteString(dialecttest.Failure(t, err))
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
