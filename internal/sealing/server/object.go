package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// MaxBody is how much of a request is read: the API server takes no object
// that is larger.
const MaxBody = 2 << 20

// object is a SealedSecret as it came.
type object struct {
	// whole is all of it, so that nothing is lost by which it is known here.
	whole  map[string]any
	sealed delivery.Sealed
}

func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := &failure{http.StatusRequestEntityTooLarge, fmt.Sprintf("more than %d bytes: this is no SealedSecret that a cluster could hold", MaxBody)}
	if r.ContentLength > MaxBody {
		return nil, tooLarge
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &failure{http.StatusRequestTimeout, fmt.Sprintf("the body did not come within %s", haste)}
	case err != nil:
		return nil, &failure{http.StatusBadRequest, "the request was cut off"}
	}
	return text, nil
}

// read takes a SealedSecret as JSON or YAML. The errors of the decoders are
// dropped, for they quote what they read: who sends the wrong file here sends
// perhaps a Secret.
func read(kind dialect.Deliveries, text []byte) (*object, error) {
	raw, err := document(text)
	if err != nil {
		return nil, err
	}
	o := &object{}
	if err := utiljson.Unmarshal(raw, &o.whole); err != nil {
		return nil, &failure{http.StatusBadRequest, "the body is no object"}
	}
	gvk := kind.Kind().GVK
	if o.whole["kind"] != gvk.Kind || o.whole["apiVersion"] != gvk.GroupVersion().String() {
		return nil, &failure{http.StatusBadRequest, fmt.Sprintf("the body is no %s of %s", gvk.Kind, gvk.GroupVersion())}
	}
	obj := kind.Kind().New()
	if err := utiljson.Unmarshal(raw, obj); err != nil {
		return nil, &failure{http.StatusBadRequest, fmt.Sprintf("the body is no valid %s: a cluster would refuse it too", gvk.Kind)}
	}
	plan, err := kind.Translate(obj)
	if err != nil {
		return nil, err
	}
	for i := range plan.Sources {
		if s := &plan.Sources[i]; s.Take == delivery.TakeSealed {
			o.sealed = s.Sealed
		}
	}
	return o, nil
}

// document finds the one that the text holds.
func document(text []byte) (json.RawMessage, error) {
	// JSON behind much space would be taken for YAML. Space is part of YAML: by it
	// lines belong together, and a text may end in it.
	if bare := bytes.TrimSpace(text); len(bare) == 0 || bare[0] == '{' {
		text = bare
	}
	if err := grows(text); err != nil {
		return nil, err
	}
	docs := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	var only json.RawMessage
	for {
		var next json.RawMessage
		err := docs.Decode(&next)
		empty := len(next) == 0 || string(next) == "null"
		switch {
		case errors.Is(err, io.EOF) && only == nil:
			return nil, &failure{http.StatusBadRequest, "the body is empty"}
		case errors.Is(err, io.EOF):
			return only, nil
		case err != nil:
			return nil, &failure{http.StatusBadRequest, "the body is neither JSON nor YAML"}
		case empty:
			continue
		case only != nil:
			return nil, &failure{http.StatusBadRequest, "the body holds several documents: send one at a time"}
		}
		only = next
	}
}
