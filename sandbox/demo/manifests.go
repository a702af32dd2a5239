package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// manifests are the files of an example.
type manifests struct {
	dir   string
	files []manifest
}

type manifest struct {
	name    string
	objects []*unstructured.Unstructured
}

// readManifests reads those in dir.
func readManifests(dir string) (manifests, error) {
	all := manifests{dir: dir}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return all, err
	}
	for _, file := range files {
		m, err := readManifest(file)
		if err != nil {
			return all, fmt.Errorf("%s: %w", file, err)
		}
		all.files = append(all.files, m)
	}
	return all, nil
}

func readManifest(file string) (manifest, error) {
	m := manifest{name: filepath.Base(file)}
	content, err := os.ReadFile(file)
	if err != nil {
		return m, err
	}
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		obj := &unstructured.Unstructured{}
		switch err := documents.Decode(&obj.Object); {
		case errors.Is(err, io.EOF):
			return m, nil
		case err != nil:
			return m, err
		case obj.Object != nil: // an empty document is none
			m.objects = append(m.objects, obj)
		}
	}
}

// find reads the one object of a kind.
func (all *manifests) find(kind string, into any) error {
	for _, m := range all.files {
		for _, obj := range m.objects {
			if obj.GetKind() != kind {
				continue
			}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, into); err != nil {
				return fmt.Errorf("%s: %w", filepath.Join(all.dir, m.name), err)
			}
			return nil
		}
	}
	return fmt.Errorf("%s holds no %s", all.dir, kind)
}

// field is one for which the sandbox has a value of its own.
type field struct {
	kind, value string
	path        []string
}

// adapt writes the manifests to another directory, with the values of these
// fields in them, and nothing else changed. It returns what was.
func (all *manifests) adapt(dir string, fields ...field) (replaced []string, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	for _, m := range all.files {
		for _, obj := range m.objects {
			what, err := replace(obj, fields)
			if err != nil {
				return nil, err
			}
			replaced = append(replaced, what...)
		}
		if err := m.write(dir); err != nil {
			return nil, err
		}
	}
	return replaced, nil
}

// replace puts the values where the object has the fields.
func replace(obj *unstructured.Unstructured, fields []field) (replaced []string, err error) {
	for _, f := range fields {
		if _, there, _ := unstructured.NestedString(obj.Object, f.path...); obj.GetKind() != f.kind || !there {
			continue
		}
		if err := unstructured.SetNestedField(obj.Object, f.value, f.path...); err != nil {
			return nil, err
		}
		replaced = append(replaced, fmt.Sprintf("%s: %s in %s/%s", strings.Join(f.path, "."), f.value, obj.GetKind(), obj.GetName()))
	}
	return replaced, nil
}

func (m manifest) write(dir string) error {
	var out bytes.Buffer
	for _, obj := range m.objects {
		document, err := sigsyaml.Marshal(obj.Object)
		if err != nil {
			return err
		}
		out.WriteString("---\n")
		out.Write(document)
	}
	return os.WriteFile(filepath.Join(dir, m.name), out.Bytes(), 0o600)
}
