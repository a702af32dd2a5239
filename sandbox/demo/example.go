package main

import (
	"fmt"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
)

// example is what examples/quickstart asks for.
type example struct {
	manifests
	secret esv1.ExternalSecret
}

// readExample reads the manifests in dir.
func readExample(dir string) (*example, error) {
	all, err := readManifests(dir)
	if err != nil {
		return nil, err
	}
	e := &example{manifests: all}
	return e, e.find("ExternalSecret", &e.secret)
}

// fields are where the address and the token of a Vault stand.
func (e *example) fields(address, token string) []field {
	return []field{
		{"SecretStore", address, []string{"spec", "provider", "vault", "server"}},
		{"Secret", token, []string{"stringData", "token"}},
	}
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
