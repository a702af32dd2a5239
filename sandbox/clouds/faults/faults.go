// Package faults makes servers fail on demand, and remembers what was asked
// of them.
package faults

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Kind is what goes wrong.
type Kind string

// The kinds of faults.
const (
	// Down resets the connection before anything is answered.
	Down Kind = "down"
	// Slow holds the request back for DelayMS, or until its client gives up.
	Slow Kind = "slow"
	// Status answers Status in the server's place, with Body if there is one
	// and with Retry-After if RetryAfter is set.
	Status Kind = "status"
	// Garbage answers as the server would, status and headers (ETag) and
	// all, but with Body; by default one that claims to be JSON and is none.
	Garbage Kind = "garbage"
	// Empty answers as the server would, without the body.
	Empty Kind = "empty"
	// Cut sends the head and half of the body, and closes the connection.
	Cut Kind = "cut"
)

// Fault is what goes wrong, for whom, and how often.
type Fault struct {
	Kind Kind `json:"kind"`
	// Scope limits it to requests about this and what is below it, as the
	// server names them: "project" or "project/config" for Doppler.
	Scope string `json:"scope,omitempty"`
	// Path limits it to requests whose path begins so.
	Path string `json:"path,omitempty"`
	// Times is how many requests it meets before it is over; 0 is until it
	// is removed.
	Times int `json:"times,omitempty"`

	Status     int    `json:"status,omitempty"`
	Body       string `json:"body,omitempty"`
	RetryAfter string `json:"retryAfter,omitempty"`
	DelayMS    int    `json:"delayMS,omitempty"`
}

// check refuses what would fail in no way.
func (f *Fault) check() error {
	switch f.Kind {
	case Down, Garbage, Empty, Cut:
		return nil
	case Slow:
		if f.DelayMS <= 0 {
			return errors.New("a slow fault needs delayMS")
		}
		return nil
	case Status:
		if f.Status < 200 || f.Status > 599 {
			return errors.New("a status fault needs a status from 200 to 599")
		}
		return nil
	default:
		return fmt.Errorf("kind %q is none of down, slow, status, garbage, empty, cut", f.Kind)
	}
}

// Set is the faults in force and the log. Its zero value has none.
type Set struct {
	mu     sync.Mutex
	faults []*Fault
	log    []Request
}

// Add puts a fault in force. Where several hit a request, the newest does.
func (s *Set) Add(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
	return nil
}

// Remove ends the faults whose scope is this one or below it; all of them if
// it is empty.
func (s *Set) Remove(scope string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool { return within(f.Scope, scope) })
}

// take returns the fault that hits the request, and counts it.
func (s *Set) take(r *http.Request, scope string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range slices.Backward(s.faults) {
		if !within(scope, f.Scope) || !strings.HasPrefix(r.URL.Path, f.Path) {
			continue
		}
		hit := *f
		if f.Times == 1 {
			s.faults = slices.Delete(s.faults, i, i+1)
		} else if f.Times > 1 {
			f.Times--
		}
		return hit
	}
	return Fault{}
}

// within reports whether scope is outer or below it.
func within(scope, outer string) bool {
	return outer == "" || scope == outer || strings.HasPrefix(scope, outer+"/")
}
