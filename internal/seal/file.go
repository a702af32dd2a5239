package seal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
)

// File is a text with SealedSecrets in it: YAML of any number of documents, or
// JSON.
type File struct {
	// Objects are its SealedSecrets, in their order.
	Objects []*Object

	source source
	trees  []any
}

// Object is one SealedSecret of a File.
type Object struct {
	v1alpha1.SealedSecret
	// Line is where it begins.
	Line int

	node *yaml.Node
	tree object
	// at is where its tree is: the number of the document, and that of the
	// item if the document is a List.
	at, item int
}

const bom = "\xef\xbb\xbf"

// FindSealed is ParseFile for a file of which nothing is known: one that does
// not so much as mention a SealedSecret need not be YAML.
func FindSealed(content []byte) (*File, error) {
	if !mentions(content) {
		return &File{}, nil
	}
	return ParseFile(content)
}

// mentions reports that there may be a SealedSecret in it, in UTF-16 too: that
// is read by nobody, and must not be passed over.
func mentions(content []byte) bool {
	kind := v1alpha1.SealedSecretKind
	return bytes.Contains(content, []byte(kind)) || bytes.Contains(content, []byte(strings.Join(strings.Split(kind, ""), "\x00")))
}

// ErrFile is what errors are that are about one file alone, ErrTemplate what
// those are of a file, or an object, that another program has yet to render,
// and ErrUnquoted what those of them are where that may be a mistake: what
// would be rendered stands in templates of SealedSecrets.
var (
	ErrFile     = errors.New("the file cannot be used")
	ErrTemplate = errors.New("it is a template: it must be rendered first")
	ErrUnquoted = errors.New("what stands in braces in its template must be quoted")
)

// fileError is one about a file, or of a template.
type fileError struct {
	error
	template, unquoted bool
}

// Is implements the interface of errors.Is.
func (e fileError) Is(target error) bool {
	return target == ErrFile || e.template && target == ErrTemplate || e.unquoted && target == ErrUnquoted
}

// Unwrap implements the interface of errors.Is and errors.As.
func (e fileError) Unwrap() error { return e.error }

// ParseFile reads a file. One without SealedSecrets is none of its business,
// but no error. Its errors are ErrFile.
func ParseFile(content []byte) (*File, error) {
	body := bytes.TrimPrefix(content, []byte(bom))
	docs, trees, err := readYAML(body)
	if err != nil {
		return nil, blame(body, err)
	}
	f := &File{source: newSource(body, len(content)-len(body)), trees: trees}
	for i, doc := range docs {
		if err := f.find(doc, trees[i], i); err != nil {
			return nil, fileError{error: err}
		}
	}
	return f, nil
}

// find notes the SealedSecrets of one document.
func (f *File) find(doc *yaml.Node, tree any, at int) error {
	root, ok := tree.(object)
	if !ok {
		return nil
	}
	node := content(doc)
	if isSealed(root) {
		return f.add(node, root, at, -1)
	}
	items, _ := root["items"].([]any)
	if !strings.HasSuffix(text(root, "kind"), "List") || len(items) == 0 {
		return nil
	}
	list := content(field(node, "items"))
	for i, item := range items {
		o, ok := item.(object)
		if !ok || !isSealed(o) && !(text(root, "kind") == v1alpha1.SealedSecretKind+"List" && o["kind"] == nil) {
			continue
		}
		if list == nil || i >= len(list.Content) {
			return errors.New("its items cannot be found") // they came by a merge
		}
		if err := f.add(content(list.Content[i]), o, at, i); err != nil {
			return err
		}
	}
	return nil
}

func isSealed(o object) bool {
	group, _, _ := strings.Cut(text(o, "apiVersion"), "/")
	return group == v1alpha1.Group && text(o, "kind") == v1alpha1.SealedSecretKind
}

func (f *File) add(node *yaml.Node, tree object, at, item int) error {
	o := &Object{Line: node.Line, node: node, tree: tree, at: at, item: item}
	if err := into(tree, &o.SealedSecret); err != nil {
		err = fmt.Errorf("line %d: this SealedSecret is malformed: %w", node.Line, err)
		if o.template() || wordFor(tree, err) {
			return fileError{error: fmt.Errorf("%w (a template must be rendered first)", err), template: true}
		}
		return err
	}
	f.Objects = append(f.Objects, o)
	return nil
}

// Find is the only object of the file, or the only one of that namespace and
// name; both may be empty.
func (f *File) Find(namespace, name string) (*Object, error) {
	var found []*Object
	for _, o := range f.Objects {
		if (name == "" || o.Name == name) && (namespace == "" || o.Namespace == namespace || o.Namespace == "") {
			found = append(found, o)
		}
	}
	switch {
	case len(f.Objects) == 0:
		return nil, errors.New("there is no SealedSecret in it")
	case len(found) == 0:
		return nil, fmt.Errorf("there is no SealedSecret %s in it, but %s", strings.TrimPrefix(namespace+"/"+name, "/"), names(f.Objects))
	case len(found) > 1:
		return nil, fmt.Errorf("there are several SealedSecrets in it, %s: say which with --name", names(found))
	}
	return found[0], nil
}

func names(objects []*Object) string {
	var out []string
	for _, o := range objects {
		out = append(out, o.Title())
	}
	return strings.Join(out, ", ")
}

// Title names the object for messages.
func (o *Object) Title() string {
	name := o.Name
	if name == "" {
		name = "(without a name)"
	}
	if o.Namespace == "" {
		return name
	}
	return o.Namespace + "/" + name
}

// template reports that something of the object is yet to be put in. What its
// own template says is for the operator, and may well look so.
func (o *Object) template() bool {
	spec, _ := o.tree["spec"].(object)
	words := []string{o.Name, o.Namespace, text(spec, "encryptedData")}
	for key, value := range o.Spec.EncryptedData {
		words = append(words, key, value)
	}
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, brace) })
}

// wordFor reports that the field that does not fit is one to be put in, as in
// labels: "{{ labels }}".
func wordFor(tree object, err error) bool {
	var unfit unfitError
	if !errors.As(err, &unfit) {
		return false
	}
	path := strings.Split(unfit.field, ".")
	for _, name := range path[:len(path)-1] {
		tree, _ = tree[name].(object)
	}
	return strings.Contains(text(tree, path[len(path)-1]), brace)
}

// content is the node that a document or an alias stands for.
func content(n *yaml.Node) *yaml.Node {
	for n != nil {
		switch {
		case n.Kind == yaml.DocumentNode && len(n.Content) > 0:
			n = n.Content[0]
		case n.Kind == yaml.AliasNode:
			n = n.Alias
		default:
			return n
		}
	}
	return nil
}

// entry finds a key of a mapping and its value; nil if it has none of its own.
func entry(mapping *yaml.Node, name string) (key, value *yaml.Node) {
	mapping = content(mapping)
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if k := mapping.Content[i]; k.Kind == yaml.ScalarNode && k.Value == name {
			return k, mapping.Content[i+1]
		}
	}
	return nil, nil
}

func field(mapping *yaml.Node, name string) *yaml.Node {
	_, v := entry(mapping, name)
	return v
}
