package kubed

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// origin is what a copy says of its source: an object reference, to which the
// cluster is added. The original also writes the source's UID and version
// there, which nobody needs and which would have every copy written anew with
// each change of either; they are read over.
type origin struct {
	Kind       string `json:"kind,omitempty"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	APIVersion string `json:"apiVersion,omitempty"`
	Cluster    string `json:"cluster,omitempty"`
}

// origin of the copies of a source in this cluster.
func (l Language) origin(namespace, name string) origin {
	return origin{Kind: l.kind, Namespace: namespace, Name: name, APIVersion: "v1", Cluster: l.opts.Cluster}
}

// maxOrigin bounds an annotation that is read; the longest names need a third
// of it.
const maxOrigin = 4 << 10

func readOrigin(v string) (o origin, ok bool) {
	if v == "" || len(v) > maxOrigin || json.Unmarshal([]byte(v), &o) != nil {
		return origin{}, false
	}
	return o, o.Namespace != "" && o.Name != ""
}

// labels are the origin's. What cannot be the value of a label, such as a
// name of more than 63 characters, is left out; the annotation has it.
func (o origin) labels() map[string]string {
	labels := map[string]string{originName: o.Name, originNamespace: o.Namespace, originCluster: o.Cluster}
	for key, value := range labels {
		if len(validation.IsValidLabelValue(value)) > 0 {
			delete(labels, key)
		}
	}
	return labels
}

func (o origin) marks() delivery.Marks {
	// Strings alone: it cannot fail.
	text, _ := json.Marshal(o)
	return delivery.Marks{
		Labels:      o.labels(),
		Annotations: map[string]string{originKey: string(text)},
		Owner:       originKey,
		Makers:      []string{"kubed", "config-syncer"},
	}
}
