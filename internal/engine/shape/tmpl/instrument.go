package tmpl

import (
	"strings"
	"text/template/parse"
)

const (
	// rootName is what every template is called.
	rootName = "\x00"
	// printGuard is the function that measures what an action prints. The
	// parser does not know the name, so no template can call it.
	printGuard = "_print"
)

// compiled is a parsed and instrumented template. It does not change.
type compiled struct {
	trees  map[string]*parse.Tree
	funcs  map[string]bool // that it calls
	fields map[string]bool // that it spells out
	words  map[string]bool // string constants in it
	opaque bool
}

// Bounds on the text itself: the parser recurses with the nesting, of which
// these are upper bounds.
const (
	maxActions = 20_000
	maxParens  = 2_000 // in one action
)

func compile(text string, opaque bool) (*compiled, *Error) {
	if err := checkNesting(text); err != "" {
		return nil, &Error{Reason: err, Parse: true, Limit: true}
	}
	trees, err := parse.Parse(rootName, text, "", "", parseNames())
	if err != nil {
		return nil, parseError(err, opaque)
	}
	c := &compiled{
		trees: trees, opaque: opaque,
		funcs: map[string]bool{}, fields: map[string]bool{}, words: map[string]bool{},
	}
	for name, tree := range trees {
		if tree.Root == nil {
			continue
		}
		w := walker{c, tree}
		root := scope{dot: name == rootName, dollar: name == rootName}
		w.list(tree.Root, root)
		tree.Root.Nodes = append([]parse.Node{textNode(enterMark)}, tree.Root.Nodes...)
		tree.Root.Nodes = append(tree.Root.Nodes, textNode(leaveMark))
	}
	return c, nil
}

// checkNesting counts rather than parses: it may count too much, never too
// little.
func checkNesting(text string) string {
	if strings.Count(text, "{{") > maxActions {
		return "it has more than 20000 actions"
	}
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "{{")
		if !ok {
			return ""
		}
		action, next, _ := strings.Cut(after, "}}")
		if strings.Count(action, "(") > maxParens {
			return "an action has more than 2000 parentheses"
		}
		rest = next
	}
}

// scope says whether dot and $ are the values themselves, a map of strings,
// so that a field of them needs no measuring.
type scope struct{ dot, dollar bool }

type walker struct {
	c    *compiled
	tree *parse.Tree
}

func (w walker) list(l *parse.ListNode, s scope) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		w.node(n, s)
	}
	l.Nodes = append([]parse.Node{textNode(nil)}, l.Nodes...)
}

func (w walker) branch(b *parse.BranchNode, s, inner scope) {
	w.pipe(b.Pipe)
	w.list(b.List, inner)
	w.list(b.ElseList, s)
}

func (w walker) node(n parse.Node, s scope) {
	switch n := n.(type) {
	case *parse.ActionNode:
		w.pipe(n.Pipe)
		if len(n.Pipe.Decl) == 0 && !w.scalar(n.Pipe, s) {
			w.guard(n.Pipe)
		}
	case *parse.IfNode:
		w.branch(&n.BranchNode, s, s)
	case *parse.WithNode:
		w.branch(&n.BranchNode, s, scope{dollar: s.dollar})
	case *parse.RangeNode:
		w.branch(&n.BranchNode, s, scope{dollar: s.dollar})
	case *parse.TemplateNode:
		w.pipe(n.Pipe)
		if n.Name == rootName {
			// The walk takes it for given that the root is entered once,
			// with the values as its dot.
			n.Name += "undefined"
		}
	}
}

func (w walker) pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, cmd := range p.Cmds {
		for _, arg := range cmd.Args {
			w.arg(arg)
		}
	}
}

func (w walker) arg(n parse.Node) {
	var fields []string
	switch n := n.(type) {
	case *parse.IdentifierNode:
		w.c.funcs[n.Ident] = true
	case *parse.StringNode:
		w.c.words[n.Text] = true
	case *parse.PipeNode:
		w.pipe(n)
	case *parse.FieldNode:
		fields = n.Ident
	case *parse.VariableNode:
		fields = n.Ident[1:]
	case *parse.ChainNode:
		fields = n.Field
		w.arg(n.Node)
	}
	for _, f := range fields {
		w.c.fields[f] = true
	}
}

// scalar reports that the pipeline's result is known to be a string or a
// number, which need no measuring before they are printed.
func (w walker) scalar(p *parse.PipeNode, s scope) bool {
	last := p.Cmds[len(p.Cmds)-1]
	switch n := last.Args[0].(type) {
	case *parse.IdentifierNode:
		f, ok := functions()[n.Ident]
		return ok && f.scalar
	case *parse.StringNode, *parse.NumberNode, *parse.BoolNode:
		return true
	case *parse.FieldNode:
		return s.dot && len(n.Ident) == 1
	case *parse.VariableNode:
		return s.dollar && len(n.Ident) == 2 && n.Ident[0] == "$"
	}
	return false
}

func (w walker) guard(p *parse.PipeNode) {
	id := parse.NewIdentifier(printGuard).SetPos(p.Position()).SetTree(w.tree)
	p.Cmds = append(p.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: p.Position(), Args: []parse.Node{id}})
	w.c.funcs[printGuard] = true
}

func textNode(text []byte) parse.Node {
	return &parse.TextNode{NodeType: parse.NodeText, Text: text}
}
