package baddays

import "k8s.io/apimachinery/pkg/runtime/schema"

// resourceOf names a resource as discovery lists it.
func resourceOf(groupVersion, resource string) schema.GroupVersionResource {
	gv, err := schema.ParseGroupVersion(groupVersion)
	if err != nil {
		panic(err) // the API server's own words
	}
	return gv.WithResource(resource)
}
