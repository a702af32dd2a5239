package v1

// ExternalSecretData is one value of a store, and the key that it becomes.
type ExternalSecretData struct {
	// Key in the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	SecretKey string `json:"secretKey"`

	// What to read.
	RemoteRef RemoteRef `json:"remoteRef"`

	// Where to read it, if not from spec.secretStoreRef.
	// +optional
	SourceRef *SourceRef `json:"sourceRef,omitempty"`
}

// ExternalSecretDataFrom is a set of values of a store. Exactly one of
// extract and find is set.
type ExternalSecretDataFrom struct {
	// One secret, whose properties become keys.
	// +optional
	Extract *RemoteRef `json:"extract,omitempty"`

	// All secrets that match, each a key.
	// +optional
	Find *Find `json:"find,omitempty"`

	// Changes of the keys, one after the other. With any of them keys are
	// not converted.
	// +optional
	Rewrite []Rewrite `json:"rewrite,omitempty"`

	// Where to read, if not from spec.secretStoreRef.
	// +optional
	SourceRef *SourceRef `json:"sourceRef,omitempty"`
}

// RemoteRef names a secret in a store, or a part of it.
type RemoteRef struct {
	// Name of the secret in the store.
	Key string `json:"key"`

	// Fetch reads what the store knows about the secret (its tags) in place
	// of its value.
	// +optional
	// +kubebuilder:validation:Enum="";None;Fetch
	MetadataPolicy string `json:"metadataPolicy,omitempty"`

	// A part of the secret; all of it if absent.
	// +optional
	Property string `json:"property,omitempty"`

	// A version of the secret as the store counts; the newest if absent.
	// +optional
	Version string `json:"version,omitempty"`

	// How characters that no key may have are replaced: Default by "_",
	// Unicode by "_Uxxxx_".
	// +optional
	// +kubebuilder:validation:Enum="";Default;Unicode
	ConversionStrategy string `json:"conversionStrategy,omitempty"`

	// How values are decoded; None if absent.
	// +optional
	// +kubebuilder:validation:Enum="";Auto;Base64;Base64URL;None
	DecodingStrategy string `json:"decodingStrategy,omitempty"`

	// Fail makes a value with a NUL byte an error.
	// +optional
	// +kubebuilder:validation:Enum="";Ignore;Fail
	NullBytePolicy string `json:"nullBytePolicy,omitempty"`
}

// Find selects secrets in a store. All that is set must hold.
type Find struct {
	// Only below this path.
	// +optional
	Path *string `json:"path,omitempty"`

	// Only with such names.
	// +optional
	Name *FindName `json:"name,omitempty"`

	// Only with all of these tags.
	// +optional
	Tags map[string]string `json:"tags,omitempty"`

	// As in extract.
	// +optional
	// +kubebuilder:validation:Enum="";Default;Unicode
	ConversionStrategy string `json:"conversionStrategy,omitempty"`

	// As in extract.
	// +optional
	// +kubebuilder:validation:Enum="";Auto;Base64;Base64URL;None
	DecodingStrategy string `json:"decodingStrategy,omitempty"`

	// As in extract.
	// +optional
	// +kubebuilder:validation:Enum="";Ignore;Fail
	NullBytePolicy string `json:"nullBytePolicy,omitempty"`
}

// FindName is a condition on names.
type FindName struct {
	// A regular expression (RE2) that matches somewhere in the name.
	// +optional
	RegExp string `json:"regexp,omitempty"`
}

// Rewrite is one change of all keys.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
type Rewrite struct {
	// Merges the values, each a JSON object, into one.
	// +optional
	Merge *RewriteMerge `json:"merge,omitempty"`

	// Replaces what a regular expression matches.
	// +optional
	Regexp *RewriteRegexp `json:"regexp,omitempty"`

	// Renders a template for each key.
	// +optional
	Transform *RewriteTransform `json:"transform,omitempty"`
}

// RewriteMerge merges values that are JSON objects.
type RewriteMerge struct {
	// The key that gets the result; required with strategy JSON.
	// +optional
	Into string `json:"into,omitempty"`

	// Keys whose values win over others, the last one most.
	// +optional
	Priority []string `json:"priority,omitempty"`

	// Whether a key in priority may be missing; Strict (it may not) if
	// absent.
	// +optional
	// +kubebuilder:validation:Enum=IgnoreNotFound;Strict
	PriorityPolicy string `json:"priorityPolicy,omitempty"`

	// Whether two values may have the same key; Error (they may not) if
	// absent.
	// +optional
	// +kubebuilder:validation:Enum=Ignore;Error
	ConflictPolicy string `json:"conflictPolicy,omitempty"`

	// Extract (the default) makes a key of every key in the values, JSON
	// makes one key of all.
	// +optional
	// +kubebuilder:validation:Enum=Extract;JSON
	Strategy string `json:"strategy,omitempty"`
}

// RewriteRegexp replaces parts of keys.
type RewriteRegexp struct {
	// The regular expression (RE2).
	Source string `json:"source"`

	// What replaces a match; $1 is its first group.
	Target string `json:"target"`
}

// RewriteTransform renders keys.
type RewriteTransform struct {
	// The template; .value is the key.
	Template string `json:"template"`
}

// SourceRef is a source other than spec.secretStoreRef.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
type SourceRef struct {
	// A store.
	// +optional
	StoreRef *SecretStoreRef `json:"storeRef,omitempty"`

	// A generator. Not served yet.
	// +optional
	GeneratorRef *GeneratorRef `json:"generatorRef,omitempty"`
}

// GeneratorRef names a generator.
type GeneratorRef struct {
	// API version of the generator.
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`

	// Kind of the generator.
	// +kubebuilder:validation:MinLength=1
	Kind string `json:"kind"`

	// Name of the generator.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}
