package tmpl

import (
	"context"
	"time"
)

// Limits bound one Run. Zero fields take their defaults.
type Limits struct {
	Text   int           // bytes of template text, all templates together
	Output int           // bytes rendered, all templates together
	Steps  int           // loop turns and function calls, dear ones counting more
	Memory int           // bytes that functions make, all together
	Depth  int           // of nested templates, and of nested maps and lists
	Nodes  int           // of one map or list, with all that it holds
	Time   time.Duration // wall time of all templates together
}

// The defaults of Limits.
const (
	DefaultText   = 1 << 20
	DefaultOutput = 3 << 19 // a Secret holds 1 MiB; the rest may be decoded away
	DefaultSteps  = 1_000_000
	DefaultMemory = 32 << 20
	DefaultDepth  = 100
	DefaultNodes  = 100_000
	DefaultTime   = 5 * time.Second
)

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&l.Text, DefaultText},
		{&l.Output, DefaultOutput},
		{&l.Steps, DefaultSteps},
		{&l.Memory, DefaultMemory},
		{&l.Depth, DefaultDepth},
		{&l.Nodes, DefaultNodes},
	} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	if l.Time <= 0 {
		l.Time = DefaultTime
	}
	return l
}

// Run renders templates that share one budget. It is for one goroutine.
type Run struct {
	ctx      context.Context
	lim      Limits
	deadline time.Time

	text, output, steps, memory, depth int
	// ticks counts calls of step, to look at the clock now and then only.
	ticks int
}

// Start opens a budget. ctx ends it early.
func Start(ctx context.Context, lim Limits) *Run {
	lim = lim.withDefaults()
	return &Run{ctx: ctx, lim: lim, deadline: time.Now().Add(lim.Time)}
}

// clockEvery is how many steps pass between two looks at the clock.
const clockEvery = 64

// step takes n steps from the budget.
func (r *Run) step(n int) error {
	r.steps += n
	if r.steps > r.lim.Steps || r.steps < 0 {
		return limit("takes more than %d steps", r.lim.Steps)
	}
	r.ticks++
	if r.ticks%clockEvery != 0 && n < clockEvery {
		return nil
	}
	return r.clock()
}

func (r *Run) clock() error {
	if err := r.ctx.Err(); err != nil {
		return &fault{reason: "was interrupted", cause: err}
	}
	if time.Now().After(r.deadline) {
		return limit("takes longer than %s", r.lim.Time)
	}
	return nil
}

// alloc takes n bytes of memory from the budget.
func (r *Run) alloc(n int) error {
	r.memory += n
	if r.memory > r.lim.Memory || r.memory < 0 {
		return limit("makes more than %d bytes on the way", r.lim.Memory)
	}
	return nil
}

// spare reports whether a call that will take about that much can still be
// paid for. The numbers are floats so that no product of arguments overflows.
func (r *Run) spare(steps, bytes float64) error {
	if !(bytes <= float64(r.lim.Memory-r.memory)) {
		return limit("would make more than %d bytes on the way", r.lim.Memory)
	}
	if !(steps <= float64(r.lim.Steps-r.steps)) {
		return limit("would take more than %d steps", r.lim.Steps)
	}
	return r.step(int(max(steps, 0)))
}
