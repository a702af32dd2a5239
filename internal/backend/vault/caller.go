package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// caller sends requests to one Vault.
type caller struct {
	base    *url.URL
	wire    *wire.Client
	headers http.Header
	now     func() time.Time
	// secrets lists what Vault's words must not give away.
	secrets func() []string
}

// call is one request.
type call struct {
	// does completes "cannot …" in messages.
	does      string
	method    string
	path      string // below /v1/, not escaped
	query     url.Values
	body      map[string]any
	hidden    secret.Data // values that Vault's words about it may quote
	namespace string
	token     string
}

// do sends c and reads the answer, whatever Vault says. The error, a
// *backend.Error, is about what kept Vault from saying it.
func (k *caller) do(ctx context.Context, c call) (answer, error) {
	req, err := k.request(ctx, c)
	if err != nil {
		return answer{}, err
	}
	raw, err := k.wire.Do(req)
	if errors.Is(err, wire.ErrTooLong) {
		return answer{}, &backend.Error{
			Kind: backend.Malformed, Err: wire.ErrTooLong,
			Message: fmt.Sprintf("cannot %s: the answer has more than %d MiB, and no more is read; make what is there smaller", c.does, wire.MaxBody>>20),
		}
	}
	if err != nil {
		return answer{}, err
	}
	return newAnswer(c, raw, k.now(), k.secrets), nil
}

func (k *caller) request(ctx context.Context, c call) (*http.Request, error) {
	var body []byte
	if c.body != nil {
		var err error
		if body, err = json.Marshal(c.body); err != nil {
			return nil, misconfigured("cannot " + c.does + ": the request cannot be written as JSON")
		}
	}
	u := *k.base
	u.Path += "/v1/" + c.path
	u.RawQuery = c.query.Encode()
	req, err := http.NewRequestWithContext(ctx, c.method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, misconfigured("cannot " + c.does + ": that makes no valid request")
	}
	req.Header = k.headers.Clone()
	// Vault agents and proxies can be told to refuse requests without it.
	req.Header.Set("X-Vault-Request", "true")
	req.Header.Set("User-Agent", "tacit")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.namespace != "" {
		req.Header.Set("X-Vault-Namespace", c.namespace)
	}
	if c.token != "" {
		req.Header.Set("X-Vault-Token", c.token)
	}
	return req, nil
}

// quotedIn reports that a text holds one of the values that must not be shown.
// Masking them would not do: where a value is a word or a letter, the gaps
// would tell it.
func (c call) quotedIn(text string) bool {
	for _, value := range c.hidden {
		raw := string(value.Reveal())
		if raw == "" {
			continue
		}
		// As our request has it, and as Go's messages have such a request.
		sent, err := json.Marshal(raw)
		if err != nil {
			return true // a text always marshals; what cannot be compared is not shown
		}
		quoted, again := strconv.Quote(raw), strconv.Quote(string(sent[1:len(sent)-1]))
		for _, form := range []string{
			raw, quoted[1 : len(quoted)-1], string(sent[1 : len(sent)-1]), again[1 : len(again)-1], base64.StdEncoding.EncodeToString([]byte(raw)),
		} {
			if strings.Contains(text, form) {
				return true
			}
		}
	}
	return false
}
