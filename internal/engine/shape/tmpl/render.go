package tmpl

import "text/template"

// Source is the text of one template.
type Source struct {
	Text string
	// Opaque: the text is itself secret (it came out of a Secret), and
	// errors quote nothing of it.
	Opaque bool
}

// Render executes the template with vars as its dot, each a field. A key that
// is not there is an error, unless lax: then it reads "<no value>". The error
// is an *Error.
func (r *Run) Render(src Source, vars map[string]string, lax bool) ([]byte, error) {
	t, err := r.Parse(src)
	if err != nil {
		return nil, err
	}
	return t.Render(vars, lax)
}

// Template is a parsed template, bound to its Run.
type Template struct {
	run *Run
	c   *compiled
	t   *template.Template
}

// Parse parses a template that is rendered more than once.
func (r *Run) Parse(src Source) (*Template, error) {
	r.text += len(src.Text)
	if r.text > r.lim.Text {
		return nil, &Error{Reason: limit("there are more than %d bytes of templates", r.lim.Text).Error(), Limit: true}
	}
	c, fail := compile(src.Text, src.Opaque)
	if fail != nil {
		return nil, fail
	}
	// Binding only the functions that are used makes a small template cheap:
	// registering all of them costs more than rendering it.
	t := template.New(rootName)
	if len(c.funcs) > 0 {
		bound := make(template.FuncMap, len(c.funcs))
		table := functions()
		for name := range c.funcs {
			if f, ok := table[name]; ok {
				bound[name] = f.bind(r, c)
			}
		}
		t.Funcs(bound)
	}
	for name, tree := range c.trees {
		if _, err := t.AddParseTree(name, tree); err != nil {
			return nil, parseError(err, src.Opaque)
		}
	}
	return &Template{r, c, t}, nil
}

// Render is as Run.Render.
func (t *Template) Render(vars map[string]string, lax bool) ([]byte, error) {
	if err := t.run.clock(); err != nil {
		return nil, t.c.execError(err)
	}
	option := "missingkey=error"
	if lax {
		option = "missingkey=default"
	}
	t.run.depth = 0
	w := &writer{run: t.run}
	if err := t.t.Option(option).Execute(w, vars); err != nil {
		return nil, t.c.execError(err)
	}
	return w.buf, nil
}

// The marks stand at the two ends of every template's body. They are
// recognised by where they lie in memory, not by what they hold.
var (
	enterMark = []byte{'>'}
	leaveMark = []byte{'<'}
)

// writer collects the output, and counts: an empty write is a turn of a loop.
type writer struct {
	run *Run
	buf []byte
}

func (w *writer) Write(p []byte) (int, error) {
	if len(p) == 1 {
		switch &p[0] {
		case &enterMark[0]:
			w.run.depth++
			if w.run.depth > w.run.lim.Depth {
				return 0, limit("nests templates deeper than %d", w.run.lim.Depth)
			}
			return 1, w.run.step(1)
		case &leaveMark[0]:
			w.run.depth--
			return 1, nil
		}
	}
	if err := w.run.step(1 + len(p)>>12); err != nil {
		return 0, err
	}
	w.run.output += len(p)
	if w.run.output > w.run.lim.Output {
		return 0, limit("renders more than %d bytes", w.run.lim.Output)
	}
	w.buf = append(w.buf, p...)
	return len(p), nil
}
