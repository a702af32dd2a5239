package testkit

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// CloudFault is what goes wrong at a cloud.
type CloudFault struct {
	// Kind is down (the connection is reset), slow (by Delay), status (Status
	// in the server's place, with RetryAfter and Body if they are set),
	// garbage (the server's own answer and headers, but with Body, or with
	// JSON that is none), empty (without the body) or cut (after half of it).
	Kind string `json:"kind"`
	// Scope limits it to a project, or to "project/config".
	Scope string `json:"scope,omitempty"`
	// Path limits it to requests whose path begins so.
	Path string `json:"path,omitempty"`
	// Times is how many requests it meets; 0 is until Heal.
	Times int `json:"times,omitempty"`

	Status     int           `json:"status,omitempty"`
	RetryAfter string        `json:"retryAfter,omitempty"`
	Body       string        `json:"body,omitempty"`
	Delay      time.Duration `json:"-"`
}

// Fault makes requests fail. Of several faults that hit a request, the newest
// does.
func (d *Doppler) Fault(ctx context.Context, f CloudFault) error {
	return d.admin.ask(ctx, http.MethodPost, "faults", struct {
		CloudFault
		DelayMS int64 `json:"delayMS,omitempty"`
	}{f, f.Delay.Milliseconds()}, nil)
}

// Heal ends the faults of a project or of a config ("project/config"); of all
// if scope is empty.
func (d *Doppler) Heal(ctx context.Context, scope string) error {
	return d.admin.ask(ctx, http.MethodDelete, "faults?scope="+url.QueryEscape(scope), nil, nil)
}

// CloudRequest is what a cloud remembers of a request: no values.
type CloudRequest struct {
	Time         time.Time
	Method, Path string
	// Query are the names of the query's parameters, sorted.
	Query []string
	// Scope is the "project/config" that it was about, as far as known. A
	// request for a token is about the identity's first project.
	Scope string
	// Conditional requests carried If-None-Match.
	Conditional bool
	// Status is the answer's; 0 if there was none.
	Status int
	// Fault is the kind of the fault that it met.
	Fault string
}

// Requests are those about a project, or about a config ("project/config"),
// since the start or since Forget, the oldest first; all if scope is empty.
func (d *Doppler) Requests(ctx context.Context, scope string) ([]CloudRequest, error) {
	var requests []CloudRequest
	err := d.admin.ask(ctx, http.MethodGet, "requests?scope="+url.QueryEscape(scope), nil, &requests)
	return requests, err
}

// Forget empties the log of a scope, as Requests takes it.
func (d *Doppler) Forget(ctx context.Context, scope string) error {
	return d.admin.ask(ctx, http.MethodDelete, "requests?scope="+url.QueryEscape(scope), nil, nil)
}
