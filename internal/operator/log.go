package operator

import "github.com/go-logr/logr"

// firstBodyLevel is the first of the levels at which client-go writes the
// bodies of requests and answers, and with them Secrets.
const firstBodyLevel = 8

// WithoutBodies returns the log without the levels at which secrets would
// reach it, however talkative it is asked to be.
func WithoutBodies(log logr.Logger) logr.Logger { return logr.New(bodyless{log.GetSink()}) }

type bodyless struct{ logr.LogSink }

// Enabled implements logr.LogSink.
func (s bodyless) Enabled(level int) bool {
	return level < firstBodyLevel && s.LogSink.Enabled(level)
}

// WithValues implements logr.LogSink.
func (s bodyless) WithValues(kv ...any) logr.LogSink {
	return bodyless{s.LogSink.WithValues(kv...)}
}

// WithName implements logr.LogSink.
func (s bodyless) WithName(name string) logr.LogSink { return bodyless{s.LogSink.WithName(name)} }
