package tmpl

import "reflect"

// meter adds up what a value holds: nodes and bytes. It stops at the limits,
// and so ends on a map that contains itself.
type meter struct {
	nodes, bytes       int
	maxNodes, maxDepth int
}

// leafSize is what a struct counts for, such as a time or a certificate pair.
const leafSize = 256

// add counts x and all below it.
func (m *meter) add(x any, depth int) error {
	m.nodes++
	if m.nodes > m.maxNodes {
		return limit("handles a value of more than %d parts", m.maxNodes)
	}
	if depth > m.maxDepth {
		return limit("handles a value nested deeper than %d", m.maxDepth)
	}
	switch t := x.(type) {
	case nil, bool, int, int64, float64:
		return nil
	case string:
		m.bytes += len(t)
		return nil
	case []byte:
		m.bytes += len(t)
		return nil
	case map[string]any:
		for k, v := range t {
			m.bytes += len(k)
			if err := m.add(v, depth+1); err != nil {
				return err
			}
		}
		return nil
	case []any:
		for _, v := range t {
			if err := m.add(v, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return m.reflect(reflect.ValueOf(x), depth)
}

func (m *meter) reflect(v reflect.Value, depth int) error {
	switch v.Kind() {
	case reflect.String:
		m.bytes += v.Len()
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if err := m.add(it.Key().Interface(), depth+1); err != nil {
				return err
			}
			if err := m.add(it.Value().Interface(), depth+1); err != nil {
				return err
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := m.add(v.Index(i).Interface(), depth+1); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if !v.IsNil() && v.Elem().Kind() != reflect.Struct {
			return m.add(v.Elem().Interface(), depth+1)
		}
		m.bytes += leafSize
	case reflect.Struct:
		m.bytes += leafSize
	}
	return nil
}

// shallow counts x alone: the bytes of a string, and the elements of a
// container if they matter.
func (m *meter) shallow(x any, elements bool) {
	m.nodes++
	switch t := x.(type) {
	case string:
		m.bytes += len(t)
	case []any:
		if elements {
			m.nodes += len(t)
		}
	case map[string]any:
		if elements {
			m.nodes += len(t)
		}
	default:
		v := reflect.ValueOf(x)
		if k := v.Kind(); elements && (k == reflect.Map || k == reflect.Slice) {
			m.nodes += v.Len()
		}
	}
}
