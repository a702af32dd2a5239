package vault

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
)

// The bounds of what is shown of Vault's own words.
const (
	maxWords     = 300
	maxErrorBody = 64 << 10
)

// answer is what Vault said to a call.
type answer struct {
	call   call
	token  *token // that the call was made with; nil if the session did not make it
	status int
	body   []byte
	// vaults reports that the body has the shape of Vault's error answers,
	// so that it was Vault who spoke and no proxy on the way; words are the
	// errors or warnings in it, fit to show.
	vaults bool
	words  string
	// misrouted is set where Vault hints that the path fits no engine of
	// this version.
	misrouted  bool
	retryAfter time.Duration
	loggedOut  bool
	// conflict reports that a write met a version of KV version 2 that it was
	// not made for.
	conflict bool
	// withheld reports that Vault's words are not shown.
	withheld bool
}

func newAnswer(c call, raw wire.Answer, now time.Time, secrets func() []string) answer {
	a := answer{call: c, status: raw.Status, body: raw.Body, retryAfter: wire.RetryAfter(raw.Header, now)}
	if !a.ok() {
		var words []string
		words, a.misrouted, a.vaults = parseErrors(raw.Body)
		text := strings.Join(words, "; ")
		a.conflict = a.status == http.StatusBadRequest && strings.Contains(text, "check-and-set parameter did not match")
		if a.withheld = c.quotedIn(text); !a.withheld {
			a.words = wire.Words(text, maxWords, secrets()...)
		}
	}
	return a
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// parseErrors reads the body of an answer that is no success. The last
// result reports whether Vault made it.
func parseErrors(body []byte) (words []string, misrouted, vaults bool) {
	if len(body) > maxErrorBody {
		return nil, false, false
	}
	var shape struct {
		Errors    *[]string `json:"errors"`
		Warnings  []string  `json:"warnings"`
		RequestID string    `json:"request_id"`
	}
	if json.Unmarshal(body, &shape) != nil {
		return nil, false, false
	}
	for _, w := range shape.Warnings {
		// KV version 2's answer to a path of version 1.
		if strings.HasPrefix(w, "Invalid path for a versioned K/V") {
			misrouted = true
		}
	}
	if shape.Errors == nil {
		return shape.Warnings, misrouted, shape.RequestID != ""
	}
	return *shape.Errors, misrouted, true
}

// failure is the error that an answer without success stands for. A 404 is
// the reader's to judge; here it says that the path leads nowhere.
func (a answer) failure(kind backend.Kind) error {
	return &backend.Error{
		Kind:       kind,
		Message:    "cannot " + a.call.does + ": " + a.says(),
		RetryAfter: a.retryAfter,
		LoggedOut:  a.loggedOut,
		Status:     a.status,
	}
}

func (a answer) says() string {
	status := "(HTTP " + strconv.Itoa(a.status) + ")"
	switch {
	case a.status == http.StatusServiceUnavailable && a.words == "":
		return "Vault is not available " + status
	case !a.vaults:
		return "the answer is not in Vault's form " + status
	case a.withheld:
		return "Vault's reason quotes what was to be written, and is not shown " + status
	case a.words == "":
		return "Vault gave no reason " + status
	}
	return `Vault says "` + a.words + `" ` + status
}

// kind sorts an answer without success.
func (a answer) kind() backend.Kind {
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return backend.Refused
	case a.status == http.StatusTooManyRequests:
		return backend.Throttled
	case a.status == http.StatusNotFound && !a.vaults:
		return backend.Malformed
	case a.status == http.StatusPreconditionFailed, a.status == 472, a.status == 473, a.status >= 500,
		a.status == http.StatusRequestTimeout:
		// 412: this node has not caught up; 472 and 473: a standby.
		return backend.Unavailable
	case a.status < 400:
		return backend.Malformed
	}
	return backend.Misconfigured
}

// malformed is a success that makes no sense. Nothing of its body is shown.
func (a answer) malformed(why string) error {
	return &backend.Error{Kind: backend.Malformed, Message: "cannot " + a.call.does + ": " + why}
}
