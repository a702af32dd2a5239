package target_test

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/target"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestOlder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"9", "10", true},
		{"10", "9", false},
		{"10", "10", false},
		{"18446744073709551616", "18446744073709551617", true}, // more than 64 bits
		// What is no version is neither older nor newer.
		{"", "1", false},
		{"1", "", false},
		{"", "", false},
		{"a", "b", false},
		{"1", "b", false},
		{"-2", "1", false},
	} {
		if got := target.Older(c.a, c.b); got != c.want {
			t.Errorf("Older(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

func TestReadTakesBothKinds(t *testing.T) {
	t.Parallel()
	plane := testkit.SharedPlane(t)
	ns := testkit.Namespace(t, plane)
	core, err := corev1client.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	meta := metav1.ObjectMeta{Name: "one", Labels: map[string]string{"a": "b"}}
	if _, err := core.Secrets(ns).Create(t.Context(), &corev1.Secret{ObjectMeta: meta, Type: "x/y", Data: map[string][]byte{"k": []byte("s")}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	cm := &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"k": "c"}, BinaryData: map[string][]byte{"b": {0}}}
	if _, err := core.ConfigMaps(ns).Create(t.Context(), cm, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]map[string]string{
		"":          {"k": "s"},
		"Secret":    {"k": "s"},
		"ConfigMap": {"k": "c", target.Binary + "b": "\x00"},
	} {
		got, err := target.Read(t.Context(), core, delivery.ObjectRef{Kind: kind, Namespace: ns, Name: "one"})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Data) != len(want) || got.Labels["a"] != "b" || got.ResourceVersion == "" {
			t.Errorf("%s: read %v", kind, got)
		}
		for k, v := range want {
			if string(got.Data[k]) != v {
				t.Errorf("%s: %s is %q, want %q", kind, k, got.Data[k], v)
			}
		}
		// The last is what no object can be called.
		for _, name := range []string{"two", "one/../two"} {
			if _, err := target.Read(t.Context(), core, delivery.ObjectRef{Kind: kind, Namespace: ns, Name: name}); !apierrors.IsNotFound(err) {
				t.Errorf("%s %s: %v, want that there is none", kind, name, err)
			}
		}
	}
}
