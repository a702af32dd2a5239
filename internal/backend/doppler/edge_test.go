package doppler

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// TestAnswersWithoutSuccess: what each answer stands for, and that nothing of
// a body is shown but Doppler's own words.
func TestAnswersWithoutSuccess(t *testing.T) {
	t.Parallel()
	const long = "Content-Length"
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    backend.Kind
		says    string
	}{
		"no such config":  {fail(404, "Could not find requested config 'prd'"), backend.NotFound, "Doppler Error: Could not find requested config 'prd' (HTTP 404)"},
		"no such secret":  {fail(404, "Could not find requested secret: X"), backend.NotFound, "Doppler Error: "},
		"no such project": {fail(404, "Could not find requested project 'my-config'"), backend.Misconfigured, "Doppler Error: "},
		"no such page":    {fail(404, "Could not find requested page"), backend.Misconfigured, ""},
		"proxy's 404":     {say(404, "<html>could not find requested config "+canary), backend.Malformed, "HTTP 404"},
		"empty 404":       {say(404, ""), backend.Malformed, ""},
		"other JSON 404":  {say(404, `{"messages":["Could not find requested config"],"success":true}`), backend.Malformed, ""},
		"unauthorized":    {fail(401, "Invalid Service token"), backend.Refused, "Doppler Error: Invalid Service token (HTTP 401)"},
		"forbidden":       {fail(403, "No access"), backend.Refused, "Doppler Error: No access"},
		"firewall":        {say(403, "<html>"+canary), backend.Refused, "not in Doppler's form"},
		"bad request":     {fail(400, "You must specify a project"), backend.Misconfigured, "Doppler Error: You must specify a project"},
		"no reason":       {say(400, `{"messages":[],"success":false}`), backend.Misconfigured, "gave no reason"},
		"throttled":       {say(429, canary, "Retry-After", "3"), backend.Throttled, ""},
		"unavailable":     {say(503, canary), backend.Unavailable, ""},
		"internal error":  {fail(500, "Oops"), backend.Unavailable, "Oops"},
		"timeout":         {say(408, ""), backend.Unavailable, ""},
		"no content":      {say(204, ""), backend.Malformed, ""},
		"empty":           {say(200, ""), backend.Malformed, "empty"},
		"garbage":         {say(200, canary), backend.Malformed, ""},
		"cut JSON":        {say(200, `{"A":"`+canary), backend.Malformed, ""},
		"cut":             {say(200, `{"A":"`+canary, long, "5000"), backend.Malformed, "cut off"},
		"no text":         {say(200, "{\"A\":\"\xff"+canary+"\"}"), backend.Malformed, ""},
		"a number":        {say(200, `{"A":"`+canary+`","B":7}`), backend.Malformed, ""},
		"a null":          {say(200, `{"A":"`+canary+`","B":null}`), backend.Malformed, ""},
		"null":            {say(200, "null"), backend.Malformed, ""},
		"a list":          {say(200, `["`+canary+`"]`), backend.Malformed, ""},
		"nothing":         {say(200, "{}"), backend.Malformed, ""},
		"no name":         {say(200, `{"":"`+canary+`"}`), backend.Malformed, ""},
		"an error as 200": {say(200, `{"messages":["`+canary+`"],"success":false}`), backend.Malformed, ""},
		"too long":        {say(200, `{"A":"`+strings.Repeat("x", 5<<20)+`"}`), backend.Malformed, "4 MiB"},
		"redirect":        {say(302, "", "Location", "https://elsewhere.example/x"), backend.Misconfigured, "not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			b := s.open(t)
			mustRead(t, b, backend.Ref{})
			s.set(func(s *stub) { s.answer, s.etag = c.handler, "changed" })
			doc, err := b.Read(t.Context(), backend.Ref{})
			if err == nil {
				t.Fatalf("no error but %v", doc)
			}
			if backend.KindOf(err) != c.want || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), canary) {
				t.Errorf("%v (%s), want %q (%s) without the body", err, backend.KindOf(err), c.says, c.want)
			}
			var e *backend.Error
			if errors.As(err, &e) && e.LoggedOut != (name == "unauthorized" || name == "forbidden") {
				t.Errorf("LoggedOut is %v", e.LoggedOut)
			}
			if name == "throttled" && e.RetryAfter != 3*time.Second {
				t.Errorf("RetryAfter is %v", e.RetryAfter)
			}
			if c.want == backend.NotFound && backend.KindOf(b.Check(t.Context())) == backend.NotFound {
				t.Error("Check is not about a secret")
			}
			s.set(func(s *stub) { s.answer, s.etag = nil, `W/"one"` })
			mustRead(t, b, backend.Ref{Key: "DB_URL"})
		})
	}
}

func TestFilesHaveToBeOfTheirFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format, body string
		want         bool
	}{
		{"json", `{"A":"b"}`, true},
		{"json", `{"messages":["x"],"success":false}`, false},
		{"json", `{"A":"b"`, false},
		{"json", `{}`, false},
		{"dotnet-json", `{"Smtp":{"User":"x"}}`, true},
		{"dotnet-json", `{"Smtp":`, false},
		{"dotnet-json", `"x"`, false},
		{"env", "A_B=\"x\"\nC=\"y\"", true},
		{"env", "app-name=\"x\"", true},
		{"env", "<html>a=b", false},
		{"env", `{"success":false}`, false},
		{"docker", "A=b", true},
		{"docker", "nothing", false},
		{"yaml", "A: \"b\"\n", true},
		{"yaml", "---\nA: b", true},
		{"yaml", "TF_VAR_a: b", true},
		{"yaml", "<a:b>", false},
		{"yaml", `{"success":false}`, false},
		{"another", "anything", true},
		{"env", "", false},
		{"another", "", false},
		{"another", "\xff", false},
	} {
		s := newStub(t)
		s.set(func(s *stub) { s.answer = say(200, c.body) })
		b := s.openWith(t, delivery.DopplerConfig{Format: c.format, Auth: byToken()}, goodToken())
		doc, err := b.Read(t.Context(), backend.Ref{})
		switch {
		case c.want && (err != nil || string(doc.Value.Reveal()) != c.body):
			t.Errorf("%s %q: %v", c.format, c.body, err)
		case !c.want && backend.KindOf(err) != backend.Malformed:
			t.Errorf("%s %q: %v, want it Malformed", c.format, c.body, err)
		}
	}
}

func TestCheckReadsNoSecret(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t)
	if err := b.Check(t.Context()); err != nil {
		t.Error(err)
	}
	s.wantCounts(t, map[string]int{names: 1, download: 0})
	for body, want := range map[string]backend.Kind{"": backend.Malformed, "{}": backend.Malformed, `{"names":1}`: backend.Malformed} {
		s.set(func(s *stub) { s.answer = say(200, body) })
		if err := b.Check(t.Context()); err == nil || backend.KindOf(err) != want {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestWordsOfDopplerGiveNoCredentialAway(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t)
	s.set(func(s *stub) {
		s.answer = func(w http.ResponseWriter, r *http.Request) {
			fail(400, "bad token dp.st.prd.good, header "+r.Header.Get("Authorization")+"\nnext")(w, r)
		}
	})
	_, err := b.Read(t.Context(), backend.Ref{})
	if err == nil || !strings.Contains(err.Error(), "bad token [redacted], header Basic [redacted] next") {
		t.Errorf("got %v", err)
	}
}

func TestSlowAnswersAreGivenUp(t *testing.T) {
	t.Parallel()
	plain, err := NewOpener(Options{})(t.Context(), delivery.DopplerConfig{Auth: byToken()}, goodToken())
	if err != nil || plain.(*store).caller.patience != 10*time.Second {
		t.Errorf("a call may take %s, %v", plain.(*store).caller.patience, err)
	}
	s := newStub(t)
	held := make(chan struct{})
	defer close(held)
	s.set(func(s *stub) { s.inLogin = held })
	b, _ := identities(t, s)
	b.caller.patience = 20 * time.Millisecond
	_, err = b.Read(t.Context(), backend.Ref{})
	if backend.KindOf(err) != backend.Unavailable || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "took too long") {
		t.Errorf("got %v", err)
	}
}
