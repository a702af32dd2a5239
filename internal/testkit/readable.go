package testkit

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
)

// Readable is everything in the namespaces that somebody without rights on
// Secrets may read, as JSON by resource, and the metadata of the Secrets. What
// inClear lists as "resource/namespace/name" is left out: a test wrote it in the clear.
func Readable(t testing.TB, plane *Plane, inClear []string, namespaces ...string) map[string]string {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	found, err := discovery.NewDiscoveryClientForConfig(plane.Config())
	must(err)
	clients, err := dynamic.NewForConfig(plane.Config())
	must(err)
	lists, err := found.ServerPreferredNamespacedResources()
	must(err)
	out := map[string]string{}
	for _, l := range lists {
		gv, err := schema.ParseGroupVersion(l.GroupVersion)
		must(err)
		for _, r := range l.APIResources {
			if !strings.Contains(r.Verbs.String(), "list") {
				continue
			}
			for _, ns := range namespaces {
				list, err := clients.Resource(gv.WithResource(r.Name)).Namespace(ns).List(t.Context(), metav1.ListOptions{})
				must(err)
				for i := range list.Items {
					item := &list.Items[i]
					if slices.Contains(inClear, r.Name+"/"+ns+"/"+item.GetName()) {
						continue
					}
					if r.Name == "secrets" {
						delete(item.Object, "data")
						// What is rendered into the metadata is meant to be there.
						item.SetManagedFields(nil)
					}
					text, err := json.Marshal(item)
					must(err)
					out[r.Name] += string(text) + "\n"
				}
			}
		}
	}
	return out
}

// MetricsText is what a metrics endpoint shows.
func MetricsText(t testing.TB, registry prometheus.Gatherer) string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}
