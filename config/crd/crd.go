// Package crd holds the CustomResourceDefinitions of every kind that Tacit
// serves, as generated from the types in api.
package crd

import (
	"embed"
	"fmt"
	"io/fs"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

//go:embed *.yaml
var files embed.FS

// YAML returns the definitions as they are in this folder, each a document
// of its own, in the order of their names.
func YAML() ([][]byte, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list definitions: %w", err)
	}
	docs := make([][]byte, 0, len(names))
	for _, name := range names {
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read definition: %w", err)
		}
		docs = append(docs, b)
	}
	return docs, nil
}

// All returns the definitions, in the order of their names.
func All() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	docs, err := YAML()
	if err != nil {
		return nil, err
	}
	crds := make([]*apiextensionsv1.CustomResourceDefinition, 0, len(docs))
	for _, doc := range docs {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(doc, crd); err != nil {
			return nil, fmt.Errorf("decode definition: %w", err)
		}
		crds = append(crds, crd)
	}
	return crds, nil
}
