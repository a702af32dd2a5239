package testkit

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Namespace makes a namespace for one test, named after it, and has it
// deleted when the test ends.
func Namespace(t testing.TB, plane *Plane) string {
	t.Helper()
	clients, err := kubernetes.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	name := namespaceName(t.Name())
	namespaces := clients.CoreV1().Namespaces()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := namespaces.Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatalf("make the test's namespace: %v", err)
	}
	t.Cleanup(func() {
		// Its controllers finish the work after the test; a test that took
		// the API server away has nothing left to clean.
		_ = namespaces.Delete(context.Background(), name, metav1.DeleteOptions{})
	})
	return name
}

// namespaceName makes a valid name out of a test's, unique by its end.
func namespaceName(test string) string {
	valid := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(test))
	const longest = 40
	return "t-" + strings.Trim(valid[:min(len(valid), longest)], "-") + "-" + strings.ToLower(rand.Text()[:8])
}

// Client is a cluster-admin's client without a cache. It knows the kinds of
// Kubernetes itself and those that add brings.
func Client(t testing.TB, plane *Plane, add ...func(*runtime.Scheme) error) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, f := range append(add, clientgoscheme.AddToScheme) {
		if err := f(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(plane.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Eventually polls check until it succeeds, and fails the test with check's
// last error after timeout.
func Eventually(t testing.TB, timeout time.Duration, check func() error) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(timeout)
	for {
		last := check()
		if last == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("not within %v: %v", timeout, last)
		case <-tick.C:
		}
	}
}
