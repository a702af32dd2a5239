package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Input is a Secret that shall be sealed.
type Input struct {
	Metadata  metav1.ObjectMeta
	Type      string
	Immutable *bool
	Data      secret.Data
}

// ParseSecrets reads the Secrets of a manifest of any number of documents or
// Lists. Something else among them is an error: it would be missing in what
// is made of them.
func ParseSecrets(content []byte) ([]Input, error) {
	trees, err := parseTrees(bytes.TrimPrefix(content, []byte(bom)))
	if err != nil {
		return nil, err
	}
	var out []Input
	for i, tree := range trees {
		if tree == nil {
			continue
		}
		o, ok := tree.(object)
		if !ok {
			return nil, fmt.Errorf("document %d is no Secret", i+1)
		}
		items, isList := o["items"].([]any)
		if !isList || !strings.HasSuffix(text(o, "kind"), "List") {
			items = []any{o}
		}
		for _, item := range items {
			in, err := secretOf(item)
			if err != nil {
				return nil, fmt.Errorf("document %d: %w", i+1, err)
			}
			out = append(out, in)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("there is no Secret in it")
	}
	return out, nil
}

// parseTrees reads YAML, and JSON with all that YAML does not know of it.
func parseTrees(content []byte) ([]any, error) {
	var whole any
	if len(content) <= maxFile && json.Unmarshal(content, &whole) == nil {
		return []any{whole}, nil
	}
	_, trees, err := readYAML(content)
	if err != nil {
		err = blame(content, err).error
	}
	return trees, err
}

func secretOf(item any) (Input, error) {
	o, _ := item.(object)
	if kind := text(o, "kind"); kind != "Secret" || text(o, "apiVersion") != "v1" {
		if kind == "" {
			kind = "without a kind"
		}
		return Input{}, fmt.Errorf("it is %s: only Secrets (apiVersion v1) can be sealed", quoteName(kind))
	}
	var in Input
	var head struct {
		Metadata  metav1.ObjectMeta `json:"metadata"`
		Type      string            `json:"type"`
		Immutable *bool             `json:"immutable"`
	}
	if err := into(object{"metadata": o["metadata"], "type": o["type"], "immutable": o["immutable"]}, &head); err != nil {
		return in, fmt.Errorf("it is malformed: %w", err)
	}
	in.Metadata, in.Type, in.Immutable = head.Metadata, head.Type, head.Immutable
	in.Data = secret.Data{}
	// What stands in both is what stringData says, as the API has it.
	for _, f := range []string{"data", "stringData"} {
		if err := in.take(f, o[f]); err != nil {
			return in, err
		}
	}
	return in, nil
}

func (in *Input) take(field string, from any) error {
	if from == nil {
		return nil
	}
	values, ok := from.(object)
	if !ok {
		return fmt.Errorf("its %s holds no keys with values", field)
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if errs := validation.IsConfigMapKey(key); len(errs) > 0 {
			return fmt.Errorf("%s: a key is made of letters, digits, '-', '_' and '.': %s is none", field, quoteName(key))
		}
		word, ok := values[key].(string)
		switch {
		case values[key] == nil:
		case !ok:
			return fmt.Errorf("%s.%s is no text: write it in quotes", field, key)
		case field == "data":
			raw, err := base64.StdEncoding.DecodeString(word)
			if err != nil {
				return fmt.Errorf("data.%s is not base64: encode it, or write it under stringData", key) // the decoder's words tell of it
			}
			in.Data[key] = secret.New(raw)
			continue
		}
		in.Data[key] = secret.NewString(word)
	}
	return nil
}

const maxQuote = 80

func quoteName(name string) string {
	if len(name) > maxQuote {
		name = strings.ToValidUTF8(name[:maxQuote], "") + "…"
	}
	return fmt.Sprintf("%q", name)
}

// The original's annotations.
const (
	annotationPrefix = "sealedsecrets.bitnami.com/"
	clusterWide      = annotationPrefix + "cluster-wide"
	namespaceWide    = annotationPrefix + "namespace-wide"
)

// ScopeOf is what annotations say, those of a Secret or of a SealedSecret.
func ScopeOf(annotations map[string]string) delivery.SealScope {
	switch {
	case annotations[clusterWide] == "true":
		return delivery.SealCluster
	case annotations[namespaceWide] == "true":
		return delivery.SealNamespace
	}
	return delivery.SealStrict
}

// ParseScope reads a scope as people write it.
func ParseScope(word string) (delivery.SealScope, error) {
	switch scope := delivery.SealScope(word); scope {
	case delivery.SealStrict, delivery.SealNamespace, delivery.SealCluster:
		return scope, nil
	}
	return "", fmt.Errorf("want %s, %s or %s", delivery.SealStrict, delivery.SealNamespace, delivery.SealCluster)
}

// scoped is the annotations with another scope.
func scoped(annotations map[string]string, scope delivery.SealScope) map[string]string {
	out := maps.Clone(annotations)
	delete(out, clusterWide)
	delete(out, namespaceWide)
	name := map[delivery.SealScope]string{delivery.SealCluster: clusterWide, delivery.SealNamespace: namespaceWide}[scope]
	if name == "" {
		return out
	}
	if out == nil {
		out = map[string]string{}
	}
	out[name] = "true"
	return out
}
