package spread

import "container/list"

// place is where a form is remembered.
type place struct {
	grammar grammar
	expr    string
}

// memory keeps the forms that were used last. It is not safe for concurrent
// use.
type memory struct {
	most int
	used *list.List // of entry, the last used in front
	at   map[place]*list.Element
}

type entry struct {
	at   place
	form *form
}

func remember(most int) memory {
	return memory{most: most, used: list.New(), at: map[place]*list.Element{}}
}

func (m *memory) get(at place) *form {
	e := m.at[at]
	if e == nil {
		return nil
	}
	m.used.MoveToFront(e)
	return e.Value.(entry).form
}

// put remembers f, unless another came first: then that one is returned, for
// it may know already that the pattern is slow.
func (m *memory) put(at place, f *form) *form {
	if known := m.get(at); known != nil {
		return known
	}
	m.at[at] = m.used.PushFront(entry{at, f})
	if m.used.Len() > m.most {
		last := m.used.Remove(m.used.Back()).(entry)
		delete(m.at, last.at)
	}
	return f
}
