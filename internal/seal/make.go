package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// Overrides are what the command line says over a manifest; empty ones say
// nothing.
type Overrides struct {
	Name, Namespace, Type string
	Scope                 delivery.SealScope
}

// Apply has them hold for the input.
func (o *Overrides) Apply(in *Input) error {
	m := &in.Metadata
	if o.Name != "" {
		m.Name = o.Name
	}
	switch {
	case m.Namespace == "":
		m.Namespace = o.Namespace
	case o.Namespace != "" && o.Namespace != m.Namespace:
		return fmt.Errorf("the Secret is of namespace %q, and --namespace says %q", m.Namespace, o.Namespace)
	}
	if o.Type != "" {
		in.Type = o.Type
	}
	if o.Scope != "" {
		m.Annotations = scoped(m.Annotations, o.Scope)
	}
	return nil
}

// copies are annotations in which tools keep what they applied, values too.
func copies() []string {
	return []string{
		"kubectl.kubernetes.io/last-applied-configuration",
		"kubecfg.ksonnet.io/last-applied-configuration",
		"kapp.k14s.io/original",
		"objectset.rio.cattle.io/applied",
		"banzaicloud.com/last-applied",
	}
}

// Seal makes the SealedSecret of the input.
func (in *Input) Seal(random io.Reader, to []sealing.Certificate) (*v1alpha1.SealedSecret, error) {
	m := &in.Metadata
	scope := ScopeOf(m.Annotations)
	switch err := checkPlace(m.Namespace, m.Name, scope); {
	case errors.Is(err, errNoName):
		return nil, fmt.Errorf("%w: say it with --name, or take a wider --scope", err)
	case errors.Is(err, errNoNamespace):
		return nil, fmt.Errorf("%w, or take --scope cluster-wide", err)
	case err != nil:
		return nil, err
	}
	if m.Name == "" {
		return nil, errors.New("the Secret has no name: say it with --name")
	}
	annotations := maps.Clone(m.Annotations)
	for _, name := range copies() {
		delete(annotations, name)
	}
	out := &v1alpha1.SealedSecret{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion().String(), Kind: v1alpha1.SealedSecretKind},
		ObjectMeta: metav1.ObjectMeta{Name: m.Name, Namespace: m.Namespace, Annotations: scoped(nil, scope)},
		Spec: v1alpha1.SealedSecretSpec{
			EncryptedData: v1alpha1.EncryptedData{},
			Template: v1alpha1.SecretTemplate{
				Type: in.Type, Immutable: in.Immutable,
				Metadata: &v1alpha1.TemplateMetadata{
					Name: m.Name, Namespace: m.Namespace, Labels: m.Labels, Annotations: annotations, Finalizers: m.Finalizers,
				},
			},
		},
	}
	label := labelOf(m.Namespace, m.Name, scope)
	for _, key := range slices.Sorted(maps.Keys(in.Data)) {
		text, err := sealing.Seal(random, to, label, in.Data[key])
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", key, err)
		}
		out.Spec.EncryptedData[key] = text
	}
	return out, nil
}

// It is not said for what place to seal. Only where a new object is made is
// another scope a way out: the scope of one that is there is its own.
var (
	errNoName      = errors.New("it has no name, for which it must be sealed")
	errNoNamespace = errors.New("it has no namespace, for which it must be sealed: say it with --namespace")
)

// checkPlace refuses what would be sealed for no place that there can be.
func checkPlace(namespace, name string, scope delivery.SealScope) error {
	switch {
	case scope == delivery.SealStrict && name == "":
		return errNoName
	case scope != delivery.SealCluster && namespace == "":
		return errNoNamespace
	case name != "" && len(validation.IsDNS1123Subdomain(name)) > 0:
		return fmt.Errorf("%s is no name of a Secret: lower-case letters, digits, '-' and '.'", quoteName(name))
	case namespace != "" && len(validation.IsDNS1123Label(namespace)) > 0:
		return fmt.Errorf("%s is no name of a namespace: lower-case letters, digits and '-'", quoteName(namespace))
	}
	return nil
}

func labelOf(namespace, name string, scope delivery.SealScope) string {
	s := delivery.Sealed{Namespace: namespace, Name: name, Scope: scope}
	return s.Label()
}

// Write writes manifests as "yaml", with a line between documents, or "json",
// several as a List.
func Write(w io.Writer, format string, objects ...*v1alpha1.SealedSecret) error {
	write := writeYAML
	if format == "json" {
		write = writeJSON
	}
	text, err := write(objects)
	if err != nil {
		return fmt.Errorf("write the SealedSecret: %w", err)
	}
	_, err = w.Write(text)
	return err
}

func writeYAML(objects []*v1alpha1.SealedSecret) ([]byte, error) {
	var docs [][]byte
	for _, o := range objects {
		text, err := yaml.Marshal(o)
		if err != nil {
			return nil, err
		}
		docs = append(docs, text)
	}
	return bytes.Join(docs, []byte("---\n")), nil
}

func writeJSON(objects []*v1alpha1.SealedSecret) ([]byte, error) {
	var what any = map[string]any{"apiVersion": "v1", "kind": "List", "items": objects}
	if len(objects) == 1 {
		what = objects[0]
	}
	text, err := json.MarshalIndent(what, "", "  ")
	return append(text, '\n'), err
}
