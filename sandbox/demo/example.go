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

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
)

// example is what examples/quickstart asks for.
type example struct {
	dir       string
	manifests []manifest
	secret    esv1.ExternalSecret
}

// manifest is a file of it.
type manifest struct {
	name    string
	objects []*unstructured.Unstructured
}

// readExample reads the manifests in dir.
func readExample(dir string) (*example, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	e := &example{dir: dir}
	for _, file := range files {
		m, err := readManifest(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		e.manifests = append(e.manifests, m)
		for _, obj := range m.objects {
			if obj.GetKind() != "ExternalSecret" {
				continue
			}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, &e.secret); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	if e.secret.Name == "" {
		return nil, fmt.Errorf("%s holds no ExternalSecret", dir)
	}
	return e, nil
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

// namespace is where the ExternalSecret is.
func (e *example) namespace() string {
	if e.secret.Namespace != "" {
		return e.secret.Namespace
	}
	return "default"
}

// target is the name of the Secret that it makes.
func (e *example) target() string {
	if e.secret.Spec.Target.Name != "" {
		return e.secret.Spec.Target.Name
	}
	return e.secret.Name
}

// remote is the secret in Vault that it reads, and the properties that it
// reads of it.
func (e *example) remote() (key string, properties []string, err error) {
	for _, entry := range e.secret.Spec.Data {
		if key != "" && key != entry.RemoteRef.Key {
			return "", nil, fmt.Errorf("%s reads several secrets, the demo knows one", e.dir)
		}
		key = entry.RemoteRef.Key
		properties = append(properties, entry.RemoteRef.Property)
	}
	if key == "" {
		return "", nil, fmt.Errorf("%s has no spec.data", e.dir)
	}
	return key, properties, nil
}

// adapt writes the manifests to another directory, with the address and the
// token of this Vault in them, and nothing else changed. It returns what was.
func (e *example) adapt(dir, address, token string) (replaced []string, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	for _, m := range e.manifests {
		for _, obj := range m.objects {
			what, err := replace(obj, address, token)
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

// replace puts the address and the token where the object has them.
func replace(obj *unstructured.Unstructured, address, token string) (replaced []string, err error) {
	for _, field := range []struct {
		kind, value string
		path        []string
	}{
		{"SecretStore", address, []string{"spec", "provider", "vault", "server"}},
		{"Secret", token, []string{"stringData", "token"}},
	} {
		if _, there, _ := unstructured.NestedString(obj.Object, field.path...); obj.GetKind() != field.kind || !there {
			continue
		}
		if err := unstructured.SetNestedField(obj.Object, field.value, field.path...); err != nil {
			return nil, err
		}
		replaced = append(replaced, fmt.Sprintf("%s: %s in %s/%s", strings.Join(field.path, "."), field.value, obj.GetKind(), obj.GetName()))
	}
	return replaced, nil
}
