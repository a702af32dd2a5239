// Package tmpl renders text/template with a bound on everything: text, steps,
// nesting, memory, output and time.
//
// Templates and the values in them belong to tenants, and text/template was
// made for authors one trusts: it ranges over any number, recurses, and hands
// values to functions that allocate what they are told to. Three measures
// bound it, all of them invisible to a template that behaves:
//
//   - the parse tree gets an empty text node at the head of every list, so
//     that each turn of each loop comes by the output writer, which counts
//     (instrument.go);
//   - functions are called through a wrapper that measures what goes in and
//     comes out, and asks a guard first where the result may be larger than
//     the arguments (wrap.go, guards.go);
//   - what an action prints is measured before fmt walks it, for a map that
//     contains itself would overflow the stack, which no recover catches.
//
// Errors name line, function and kind of failure. They never hold text that
// came out of a value: see errors.go.
package tmpl
