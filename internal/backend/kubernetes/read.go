package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// object is what is read of a Secret.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name        string            `json:"name"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Data map[string][]byte `json:"data"`
}

// Read implements backend.Backend. A Document's Value is the Secret's data as
// a JSON object of strings, for its metadata one with labels and annotations.
func (s *store) Read(ctx context.Context, ref backend.Ref) (backend.Document, error) {
	if ref.Version != "" {
		return backend.Document{}, unsupported("Kubernetes keeps no versions of a Secret")
	}
	// What can be no Secret's name must not reach the server: its answer
	// might be that there is none.
	if why := validation.NameIsDNSSubdomain(ref.Key, false); len(why) > 0 {
		return backend.Document{}, unsupported("the key is no name of a Secret: " + strings.Join(why, "; "))
	}
	c := call{
		does:   `read the Secret "` + ref.Key + `" of namespace "` + s.namespace + `"`,
		method: http.MethodGet,
		path:   []string{"api", "v1", "namespaces", s.namespace, "secrets", ref.Key},
		accept: asJSON,
	}
	kind := "Secret"
	if ref.Metadata {
		c.accept, kind = asMetadata, "PartialObjectMetadata"
	}
	a, err := s.ask(ctx, c)
	if err != nil {
		return backend.Document{}, err
	}
	if !a.ok() {
		return backend.Document{}, a.readFailure(ref.Key)
	}
	var o object
	if json.Unmarshal(a.body, &o) != nil || o.Kind != kind || o.Metadata.Name != ref.Key {
		return backend.Document{}, a.malformed()
	}
	if ref.Metadata {
		return o.about()
	}
	return o.document()
}

// readFailure sorts a read without success. Only a 404 about this very Secret
// says that it does not exist.
func (a answer) readFailure(name string) error {
	d := a.status.Details
	if a.code == http.StatusNotFound && a.status.Reason == "NotFound" && d != nil && d.Kind == "secrets" && d.Name == name {
		return &backend.Error{Kind: backend.NotFound, Message: "cannot " + a.call.does + ": it does not exist"}
	}
	return a.failure()
}

func (o object) document() (backend.Document, error) {
	texts := make(map[string]string, len(o.Data))
	for key, value := range o.Data {
		texts[key] = string(value)
	}
	value, err := marshal(texts)
	return backend.Document{Value: value, Fields: secret.FromMap(o.Data)}, err
}

func (o object) about() (backend.Document, error) {
	value, err := marshal(map[string]map[string]string{
		"labels": o.Metadata.Labels, "annotations": o.Metadata.Annotations,
	})
	return backend.Document{Value: value}, err
}

// marshal writes JSON without the escapes that are for web pages.
func marshal(v any) (secret.Value, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return secret.Value{}, &backend.Error{Kind: backend.Malformed, Message: "the Secret cannot be written as JSON"}
	}
	return secret.New(bytes.TrimRight(buf.Bytes(), "\n")), nil
}
