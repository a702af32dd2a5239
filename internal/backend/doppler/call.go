package doppler

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
)

// The bounds of a call, and of what is shown of Doppler's own words.
const (
	timeout      = 10 * time.Second
	maxWords     = 300
	maxErrorBody = 64 << 10
)

// caller sends requests to one Doppler.
type caller struct {
	base *url.URL
	wire *wire.Client
	now  func() time.Time
	// patience is how long a call may take.
	patience time.Duration
	// secrets lists what Doppler's words must not give away.
	secrets func() []string
}

// call is one request.
type call struct {
	// does completes "cannot …" in messages.
	does   string
	method string
	path   string
	query  url.Values
	body   map[string]string
	token  string
	etag   string // of what is known already
}

// as is the call with a token. What another account was told is not what
// this one knows.
func (c call) as(p pass, old *kept) call {
	c.token = p.token
	if old != nil && old.who == p.who {
		c.etag = old.etag
	}
	return c
}

// do sends c and reads the answer, whatever Doppler says. The error, a
// *backend.Error, is about what kept Doppler from saying it.
func (k *caller) do(ctx context.Context, c call) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, k.patience)
	defer cancel()
	req, err := k.request(ctx, c)
	if err != nil {
		return answer{}, err
	}
	raw, err := k.wire.Do(req)
	if err != nil {
		return answer{}, err
	}
	a := answer{call: c, status: raw.Status, header: raw.Header, body: raw.Body, retryAfter: wire.RetryAfter(raw.Header, k.now())}
	if !a.ok() {
		var words []string
		words, a.dopplers = parseError(raw.Body)
		a.words = wire.Words(strings.Join(words, "; "), maxWords, k.secrets()...)
	}
	return a, nil
}

func (k *caller) request(ctx context.Context, c call) (*http.Request, error) {
	var body []byte
	if c.body != nil {
		var err error
		if body, err = json.Marshal(c.body); err != nil {
			return nil, misconfigured("cannot " + c.does + ": the request cannot be written as JSON")
		}
	}
	u := k.base.JoinPath(c.path)
	u.RawQuery = c.query.Encode()
	req, err := http.NewRequestWithContext(ctx, c.method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, misconfigured("cannot " + c.does + ": that makes no valid request")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "tacit")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.SetBasicAuth(c.token, "")
	}
	if c.etag != "" {
		req.Header.Set("If-None-Match", c.etag)
	}
	return req, nil
}

// answer is what Doppler said to a call.
type answer struct {
	call   call
	status int
	header http.Header
	body   []byte
	// dopplers reports that the body has the shape of Doppler's errors, so
	// that it was Doppler who spoke and no proxy on the way; words are the
	// messages in it, fit to show.
	dopplers   bool
	words      string
	retryAfter time.Duration
}

func (a answer) ok() bool { return a.status == http.StatusOK }

// parseError reads the body of an answer that is no success.
func parseError(body []byte) (words []string, dopplers bool) {
	if len(body) > maxErrorBody {
		return nil, false
	}
	var shape struct {
		Messages []string `json:"messages"`
		Success  *bool    `json:"success"`
	}
	if json.Unmarshal(body, &shape) != nil || shape.Success == nil || *shape.Success {
		return nil, false
	}
	return shape.Messages, true
}

// failure is the error that an answer without success stands for.
func (a answer) failure(kind backend.Kind) error {
	denied := a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
	return &backend.Error{
		Kind:       kind,
		Message:    "cannot " + a.call.does + ": " + a.says(),
		RetryAfter: a.retryAfter,
		// A session is for one config: refused this, it is refused all.
		LoggedOut: kind == backend.Refused && denied && a.dopplers,
	}
}

// says begins Doppler's words as the original does.
func (a answer) says() string {
	status := " (HTTP " + strconv.Itoa(a.status) + ")"
	switch {
	case !a.dopplers:
		return "the answer is not in Doppler's form" + status
	case a.words == "":
		return "Doppler gave no reason" + status
	}
	return "Doppler Error: " + a.words + status
}

// kind sorts an answer without success. Whether a 404 is about a secret is
// the reader's to judge.
func (a answer) kind() backend.Kind {
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return backend.Refused
	case a.status == http.StatusTooManyRequests:
		return backend.Throttled
	case a.status >= 500, a.status == http.StatusRequestTimeout:
		return backend.Unavailable
	case a.status < 400, !a.dopplers:
		return backend.Malformed
	}
	return backend.Misconfigured
}

// malformed is a success that makes no sense. Nothing of its body is shown,
// nor a parser's words, which quote it.
func (a answer) malformed(why string) error {
	return &backend.Error{Kind: backend.Malformed, Message: "cannot " + a.call.does + ": " + why}
}
