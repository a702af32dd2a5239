package faults

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const whole = "the whole body"

// serve answers with whole, about the scope that the path is.
func serve(t *testing.T, s *Set) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Serve(w, r, strings.TrimPrefix(r.URL.Path, "/"), func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-None-Match") != "" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			w.Header().Set("ETag", `"e"`)
			_, _ = io.WriteString(w, whole)
		}, func(w http.ResponseWriter, status int) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "refused")
		})
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// get returns status, body and error.
func get(ctx context.Context, t *testing.T, url string) (status int, body string, err error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("If-None-Match", `"e"`)
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	return response.StatusCode, string(raw), err
}

func add(t *testing.T, s *Set, f Fault) {
	t.Helper()
	if err := s.Add(f); err != nil {
		t.Fatal(err)
	}
}

func TestFaultsHitTheirScopeAsOftenAsTheySay(t *testing.T) {
	t.Parallel()
	var s Set
	url, ctx := serve(t, &s), t.Context()
	add(t, &s, Fault{Kind: Status, Status: 500, Scope: "a", Times: 2})
	add(t, &s, Fault{Kind: Status, Status: 503, Scope: "a/b", Times: 1})
	add(t, &s, Fault{Kind: Status, Status: 502, Path: "/z"})
	for _, c := range []struct {
		path   string
		status int
	}{
		{"a/b", 503}, {"a/b", 500}, {"ab", 304}, {"a", 500}, {"a", 304}, {"a/b", 304}, {"zzz", 502}, {"zzz", 502},
	} {
		if status, _, err := get(ctx, t, url+c.path); status != c.status || err != nil {
			t.Errorf("%s: got %d, %v; want %d", c.path, status, err, c.status)
		}
	}
	s.Remove("")
	if status, _, _ := get(ctx, t, url+"zzz"); status != 304 {
		t.Errorf("removed: got %d", status)
	}
}

func TestRemoveEndsTheFaultsOfAScopeAlone(t *testing.T) {
	t.Parallel()
	var s Set
	url, ctx := serve(t, &s), t.Context()
	for _, scope := range []string{"a", "a/b", "ab"} {
		add(t, &s, Fault{Kind: Empty, Scope: scope})
	}
	s.Remove("a")
	for path, want := range map[string]int{"a": 304, "a/b": 304, "ab": 200} {
		if status, _, _ := get(ctx, t, url+path); status != want {
			t.Errorf("%s: got %d, want %d", path, status, want)
		}
	}
}

func TestEveryKindOfFault(t *testing.T) {
	t.Parallel()
	var s Set
	url, ctx := serve(t, &s), t.Context()
	for _, c := range []struct {
		fault  Fault
		status int
		body   string
		fails  bool
	}{
		{Fault{Kind: Down}, 0, "", true},
		{Fault{Kind: Status, Status: 500}, 500, "refused", false},
		{Fault{Kind: Status, Status: 500, Body: "own"}, 500, "own", false},
		{Fault{Kind: Garbage}, 200, `{"data": <html>`, false},
		{Fault{Kind: Garbage, Body: "[]"}, 200, "[]", false},
		{Fault{Kind: Empty}, 200, "", false},
		{Fault{Kind: Cut}, 200, whole[:len(whole)/2], true},
	} {
		c.fault.Times = 1
		add(t, &s, c.fault)
		if status, body, err := get(ctx, t, url); status != c.status || body != c.body || (err != nil) != c.fails {
			t.Errorf("%+v: got %d %q %v", c.fault, status, body, err)
		}
	}
	var logged []int
	for _, r := range s.Requests("") {
		if r.Fault == "" || !r.Conditional {
			t.Errorf("got %+v", r)
		}
		logged = append(logged, r.Status)
	}
	if len(logged) != 7 || logged[0] != 0 || logged[6] != 200 {
		t.Errorf("got %v", logged)
	}
}

func TestSlowWaitsUntilTheClientGivesUp(t *testing.T) {
	t.Parallel()
	var s Set
	url := serve(t, &s)
	add(t, &s, Fault{Kind: Slow, DelayMS: int(time.Hour.Milliseconds()), Times: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := get(ctx, t, url); err == nil {
		t.Error("it was answered")
	}
	add(t, &s, Fault{Kind: Slow, DelayMS: 1, Times: 1})
	if status, _, err := get(t.Context(), t, url); status != 304 {
		t.Errorf("got %d, %v", status, err)
	}
}

func TestForgetEmptiesAScope(t *testing.T) {
	t.Parallel()
	var s Set
	url, ctx := serve(t, &s), t.Context()
	for _, path := range []string{"a", "a/b", "ab"} {
		_, _, _ = get(ctx, t, url+path)
	}
	if got := s.Requests("a"); len(got) != 2 {
		t.Errorf("got %+v", got)
	}
	s.Forget("a")
	if got := s.Requests(""); len(got) != 1 || got[0].Scope != "ab" {
		t.Errorf("got %+v", got)
	}
}
