package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
)

// maxWords bounds what is shown of the API server's own words.
const maxWords = 300

// The forms of answers: with metadata alone, no value leaves the server.
const (
	asJSON         = "application/json"
	asMetadata     = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	asMetadataList = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

// call is one request.
type call struct {
	// does completes "cannot …" in messages.
	does   string
	method string
	path   []string // below the server's address, not escaped
	query  url.Values
	accept string
	body   any
}

// status is the API server's own form of an error.
type status struct {
	Kind    string `json:"kind"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Details *struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	} `json:"details"`
}

// answer is what the API server said to a call.
type answer struct {
	call   call
	code   int
	body   []byte
	status status // where it is no success; empty if it is of another form
	retry  time.Duration
	words  string
}

func (a answer) ok() bool { return a.code >= 200 && a.code < 300 }

// ask makes a call. A token that the server refuses is resolved anew, once.
func (s *store) ask(ctx context.Context, c call) (answer, error) {
	token, err := s.tokens.get(ctx, "")
	if err != nil {
		return answer{}, err
	}
	a, err := s.do(ctx, c, token)
	if err != nil || a.code != http.StatusUnauthorized || token == "" {
		return a, err
	}
	again, err := s.tokens.get(ctx, token)
	if err != nil {
		return answer{}, err
	}
	if again == token {
		return a, nil
	}
	return s.do(ctx, c, again)
}

func (s *store) do(ctx context.Context, c call, token string) (answer, error) {
	u := s.base.JoinPath()
	for _, part := range c.path {
		u = u.JoinPath(url.PathEscape(part))
	}
	u.RawQuery = c.query.Encode()
	var body []byte
	if c.body != nil {
		var err error
		if body, err = json.Marshal(c.body); err != nil {
			return answer{}, misconfigured("cannot " + c.does + ": the request cannot be written as JSON")
		}
	}
	req, err := http.NewRequestWithContext(ctx, c.method, u.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, misconfigured("cannot " + c.does + ": that makes no valid request")
	}
	req.Header.Set("Accept", c.accept)
	req.Header.Set("User-Agent", "tacit")
	if body != nil {
		req.Header.Set("Content-Type", asJSON)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	raw, err := s.wire.Do(req)
	if err != nil {
		return answer{}, err
	}
	a := answer{call: c, code: raw.Status, body: raw.Body, retry: wire.RetryAfter(raw.Header, s.tokens.now())}
	if !a.ok() && json.Unmarshal(raw.Body, &a.status) == nil && a.status.Kind == "Status" {
		a.words = wire.Words(a.status.Message, maxWords, token)
	}
	return a, nil
}

// failure is the error that an answer without success stands for.
func (a answer) failure() error {
	text := "the answer is not in the form of an API server's"
	switch {
	case a.words != "":
		text = `the API server says "` + a.words + `"`
	case a.status.Kind == "Status":
		text = "the API server gave no reason"
	}
	return &backend.Error{
		Kind:       a.kind(),
		Message:    "cannot " + a.call.does + ": " + text + " (HTTP " + strconv.Itoa(a.code) + ")",
		RetryAfter: a.retry,
		LoggedOut:  a.code == http.StatusUnauthorized,
	}
}

func (a answer) kind() backend.Kind {
	switch {
	case a.code == http.StatusUnauthorized, a.code == http.StatusForbidden:
		return backend.Refused
	case a.code == http.StatusTooManyRequests:
		return backend.Throttled
	case a.code >= 500, a.code == http.StatusRequestTimeout, a.code == http.StatusGone:
		// 410: a list took longer than its snapshot lived.
		return backend.Unavailable
	case a.status.Kind != "Status":
		return backend.Malformed
	}
	return backend.Misconfigured
}

// malformed is a success that makes no sense. Nothing of its body is shown,
// nor the parser's words, which quote it.
func (a answer) malformed() error {
	return &backend.Error{Kind: backend.Malformed, Message: "cannot " + a.call.does + ": the answer is not what was asked for"}
}
