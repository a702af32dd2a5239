package dialect

// Condition shows those parts of a language's condition that the rules of
// SetCondition are about. Time is the type of its transition time.
type Condition[Time any] struct {
	Type, Status, Reason string
	Message              *string
	Since                *Time
}

// FindCondition returns the condition of a type, nil if there is none. show
// shows the parts of one.
func FindCondition[C, Time any](all []C, kind string, show func(*C) Condition[Time]) *C {
	for i := range all {
		if show(&all[i]).Type == kind {
			return &all[i]
		}
	}
	return nil
}

// SetCondition puts a condition, whose transition time is now, in place of the
// one of its type. Its transition time moves only if the status flips, and its
// message is cut to MaxMessage. It reports whether the status, the reason or
// the message changed: that is worth an event.
func SetCondition[C, Time any](all *[]C, c C, show func(*C) Condition[Time]) (changed bool) {
	is := show(&c)
	*is.Message = Cut(*is.Message, MaxMessage)
	old := FindCondition(*all, is.Type, show)
	if old == nil {
		*all = append(*all, c)
		return true
	}
	was := show(old)
	if was.Status == is.Status {
		*is.Since = *was.Since
	}
	changed = was.Status != is.Status || was.Reason != is.Reason || *was.Message != *is.Message
	*old = c
	return changed
}
