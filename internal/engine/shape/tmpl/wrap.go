package tmpl

import (
	"errors"
	"reflect"
)

// reach is how far a function looks into its arguments, and so how far they
// are measured before it runs.
type reach int

const (
	deep   reach = iota // walks or copies all of it: the careful default
	linear              // goes once over the elements of a container
	flat                // touches none but what it is asked for
)

// function is an entry of the table.
type function struct {
	name  string
	fn    reflect.Value
	typ   reflect.Type // of the wrapper: fn's, always with an error
	fails bool         // fn itself returns an error
	// scalar: the result is a string or a number.
	scalar bool
	reach  reach
	cost   int // steps beside those for its arguments
	guard  guard
}

var errorType = reflect.TypeFor[error]()

func newFunction(name string, fn any) *function {
	v := reflect.ValueOf(fn)
	t := v.Type()
	in := make([]reflect.Type, t.NumIn())
	for i := range in {
		in[i] = t.In(i)
	}
	f := &function{
		name: name, fn: v, fails: t.NumOut() == 2,
		typ:   reflect.FuncOf(in, []reflect.Type{t.Out(0), errorType}, t.IsVariadic()),
		reach: reaches[name], cost: costs[name], guard: guards[name],
	}
	switch k := t.Out(0).Kind(); {
	case k == reflect.String, k >= reflect.Bool && k <= reflect.Float64:
		f.scalar = true
	}
	return f
}

// bind makes the function as one template calls it, on r's budget.
func (f *function) bind(r *Run, c *compiled) any {
	return reflect.MakeFunc(f.typ, func(in []reflect.Value) (out []reflect.Value) {
		defer func() {
			// A panic's value may hold an argument: only that it happened
			// is told.
			if recover() != nil {
				out = f.failed(errors.New("panic"), c, nil)
			}
		}()
		if err := r.admit(f, in); err != nil {
			return f.failed(err, c, in)
		}
		call := f.fn.Call
		if f.typ.IsVariadic() {
			call = f.fn.CallSlice
		}
		res := call(in)
		if f.fails && !res[1].IsNil() {
			return f.failed(res[1].Interface().(error), c, in)
		}
		if err := r.accept(f, res[0]); err != nil {
			return f.failed(err, c, in)
		}
		return []reflect.Value{res[0], reflect.Zero(errorType)}
	}).Interface()
}

// failed is the result of a call that failed with err. Of err only what is
// known to hold no value goes on.
func (f *function) failed(err error, c *compiled, in []reflect.Value) []reflect.Value {
	out := &fault{fn: f.name, reason: "it failed on these arguments"}
	var known *fault
	var words plain
	switch {
	case f.name == printGuard && errors.As(err, &known):
		out = &fault{reason: known.reason, limit: known.limit, cause: known.cause}
	case errors.As(err, &known):
		out.reason, out.limit, out.cause = known.reason, known.limit, known.cause
	case errors.As(err, &words):
		out.reason = string(words)
	case f.name == "fail":
		// What it was told may hold values, unless the template says it.
		out.reason = "the template gives up"
		if len(in) == 1 && !c.opaque && c.words[in[0].String()] {
			out.reason += ": " + in[0].String()
		}
	}
	e := error(out)
	return []reflect.Value{reflect.Zero(f.typ.Out(0)), reflect.ValueOf(&e).Elem()}
}

// admit measures the arguments and takes the price of the call.
func (r *Run) admit(f *function, in []reflect.Value) error {
	m := meter{maxNodes: r.lim.Nodes, maxDepth: r.lim.Depth}
	args := flatten(in, f.typ.IsVariadic())
	for _, a := range args {
		if f.reach != deep {
			m.shallow(a, f.reach == linear)
		} else if err := m.add(a, 0); err != nil {
			return err
		}
	}
	if err := r.step(1 + f.cost + m.nodes>>3 + m.bytes>>8); err != nil {
		return err
	}
	if f.reach != deep {
		// What is put into containers stays: strings in them count.
		if err := r.alloc(m.bytes + 16*m.nodes + weights[f.name]); err != nil {
			return err
		}
	}
	if f.guard == nil {
		return nil
	}
	steps, bytes, err := f.guard(args)
	if err != nil {
		return err
	}
	return r.spare(steps, bytes)
}

// accept measures the result. Functions that look no deeper than the surface
// return what was measured before, or a container of it.
func (r *Run) accept(f *function, res reflect.Value) error {
	if f.reach != deep || f.name == printGuard {
		return nil
	}
	m := meter{maxNodes: r.lim.Nodes, maxDepth: r.lim.Depth}
	if err := m.add(value(res), 0); err != nil {
		return err
	}
	if err := r.alloc(m.bytes + 16*m.nodes); err != nil {
		return err
	}
	return r.clock()
}

// flatten returns the arguments as they were written, those of a variadic
// function too.
func flatten(in []reflect.Value, variadic bool) []any {
	args := make([]any, 0, len(in)+4)
	for i, v := range in {
		if variadic && i == len(in)-1 {
			for j := range v.Len() {
				args = append(args, value(v.Index(j)))
			}
			break
		}
		args = append(args, value(v))
	}
	return args
}

func value(v reflect.Value) any {
	if !v.IsValid() || v.Kind() == reflect.Interface && v.IsNil() {
		return nil
	}
	return v.Interface()
}
