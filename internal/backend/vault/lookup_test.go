package vault

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend/wire"
)

// answers is a Vault in memory that takes a second for each answer.
type answers struct {
	mu     sync.Mutex
	asked  int
	status int
	body   string
}

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.asked++
	a.mu.Unlock()
	time.Sleep(time.Second) // of the bubble's clock
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

func TestManyDeniedCallsShareTheLooks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		vault *answers
		bad   bool
		looks int
	}{
		// Those that were denied while the first look was under way cannot
		// rely on it: the token may have been revoked after it.
		"the token is good":      {&answers{status: 200, body: `{"data":{}}`}, false, 2},
		"the token is forgotten": {&answers{status: 403, body: `{"errors":["permission denied"]}`}, true, 1},
		"nobody can tell":        {&answers{status: 503, body: `{"errors":["sealed"]}`}, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSession(&caller{
					base: &url.URL{Scheme: "http", Host: "vault"}, wire: wire.New("Vault", c.vault), headers: http.Header{}, now: time.Now,
				}, "", nil)
				tok := &token{value: "hvs.x", since: time.Now()}
				var group sync.WaitGroup
				for i := range 20 {
					group.Go(func() {
						if got := s.forgotten(t.Context(), tok); got != c.bad {
							t.Errorf("forgotten is %v", got)
						}
					})
					if i == 0 {
						synctest.Wait() // the first look is under way
					}
				}
				group.Wait()
				if c.vault.asked != c.looks {
					t.Errorf("%d looks for 20 denials, want %d", c.vault.asked, c.looks)
				}
			})
		})
	}
}
