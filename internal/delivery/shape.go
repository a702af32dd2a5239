package delivery

// Shape is how the values that were read become the object that is written.
type Shape struct {
	// Carry is what of a source object (TakeObject) goes along with its data.
	Carry Carry
	// Keys renames and decodes single keys after reading; with Only set, the
	// others are left out.
	Keys []KeyShape
	Only bool
	// Template is nil where the values are written as they are.
	Template *Template
}

// Carry is what is copied of an object beside its data and type.
type Carry struct {
	Labels, Annotations bool
	// Without are label and annotation keys that stay behind; one that ends in
	// "/" stands for all with that prefix.
	Without []string
}

// KeyShape is what happens to one key.
type KeyShape struct {
	Key string
	// As is its new name; empty keeps it.
	As     string
	Decode Decoding
}

// Template renders data, labels and annotations with the values as input.
type Template struct {
	// Field is where the manifest has it, for messages.
	Field string
	// Merge keeps the values that were read beside what Data renders;
	// otherwise a template with data replaces them.
	Merge bool
	// Lax: a value that is not there reads "<no value>", as Go has it; otherwise
	// it is an error.
	Lax bool
	// Data, Labels and Annotations are templates by key.
	Data, Labels, Annotations map[string]string
	// From renders further templates, before Data, Labels and Annotations.
	From []TemplateFrom
}

// TemplateFrom takes templates from an object in the namespace of the
// manifest, or from the manifest itself.
type TemplateFrom struct {
	// Field is where the manifest says so, for messages.
	Field string
	// Literal is a template that renders a YAML or JSON map. Empty if Object
	// is set.
	Literal string
	// Object names a ConfigMap or Secret that holds templates.
	Object *TemplateObject
	Target TemplateTarget
	// Decode decodes the rendered values.
	Decode Decoding
}

// TemplateObject names templates inside a ConfigMap or Secret.
type TemplateObject struct {
	Kind  string // ConfigMap or Secret
	Name  string
	Items []TemplateItem
}

// TemplateItem is one key of a TemplateObject.
type TemplateItem struct {
	Key string
	// KeysAndValues renders the text into a YAML map whose entries are
	// all taken; otherwise the rendered text is the value of Key.
	KeysAndValues bool
}

// TemplateTarget is what a TemplateFrom fills.
type TemplateTarget string

// The template targets.
const (
	TargetData        TemplateTarget = "Data"
	TargetLabels      TemplateTarget = "Labels"
	TargetAnnotations TemplateTarget = "Annotations"
)
