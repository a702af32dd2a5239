package v1

// ExternalSecretTemplate is how a Secret is made of values.
type ExternalSecretTemplate struct {
	// Type of the Secret; Opaque if absent.
	// +optional
	Type string `json:"type,omitempty"`

	// Version of the template language; there is only v2.
	// +optional
	// +kubebuilder:validation:Enum=v2
	EngineVersion string `json:"engineVersion,omitempty"`

	// Labels, annotations and finalizers of the Secret.
	// +optional
	Metadata TemplateMetadata `json:"metadata,omitzero"`

	// Whether the values that were read stay beside what data and
	// templateFrom render: Replace (the default) or Merge.
	// +optional
	// +kubebuilder:validation:Enum=Replace;Merge
	MergePolicy string `json:"mergePolicy,omitempty"`

	// Templates by key of the Secret.
	// +optional
	Data map[string]string `json:"data,omitempty"`

	// Templates that are kept elsewhere; data wins over them.
	// +optional
	TemplateFrom []TemplateFrom `json:"templateFrom,omitempty"`
}

// TemplateMetadata is the metadata of the Secret.
type TemplateMetadata struct {
	// Annotations; the values are templates.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// Labels; the values are templates.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// Finalizers, as they are.
	// +optional
	Finalizers []string `json:"finalizers,omitempty"`
}

// TemplateFrom is a set of templates.
type TemplateFrom struct {
	// Templates in a ConfigMap of this namespace.
	// +optional
	ConfigMap *TemplateRef `json:"configMap,omitempty"`

	// Templates in a Secret of this namespace.
	// +optional
	Secret *TemplateRef `json:"secret,omitempty"`

	// What they fill: Data (the default), Labels or Annotations.
	// +optional
	Target string `json:"target,omitempty"`

	// A template that renders a YAML or JSON map.
	// +optional
	Literal *string `json:"literal,omitempty"`

	// How the rendered values are decoded; None if absent.
	// +optional
	// +kubebuilder:validation:Enum="";Auto;Base64;Base64URL;None
	ValuesDecodingStrategy string `json:"valuesDecodingStrategy,omitempty"`
}

// TemplateRef names templates in a ConfigMap or Secret.
type TemplateRef struct {
	// Name of the ConfigMap or Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`

	// Which of its keys are templates.
	Items []TemplateRefItem `json:"items"`
}

// TemplateRefItem is one key with a template.
type TemplateRefItem struct {
	// The key.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Key string `json:"key"`

	// Values (the default): what is rendered is the value of that key.
	// KeysAndValues: it is a YAML map of keys and values.
	// +optional
	// +kubebuilder:validation:Enum=Values;KeysAndValues
	TemplateAs string `json:"templateAs,omitempty"`
}
