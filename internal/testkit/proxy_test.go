package testkit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

const whole = `{"answer":"the whole of it"}`

// target is a server that always answers the same.
func target(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, whole) }))
	t.Cleanup(s.Close)
	return s
}

// get returns status and body; err is that of the request or of the body.
func get(t *testing.T, client *http.Client, url string) (*http.Response, string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	response, err := client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

func TestProxyFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault testkit.Fault
		want  func(r *http.Response, body string, err error) bool
	}{
		"none": {testkit.None, func(_ *http.Response, body string, err error) bool { return err == nil && body == whole }},
		"down": {testkit.Down(), func(r *http.Response, _ string, err error) bool { return r == nil && err != nil }},
		"status": {testkit.Status(429, http.Header{"retry-after": {"7"}}, "later"), func(r *http.Response, body string, err error) bool {
			return err == nil && r.StatusCode == 429 && r.Header.Get("Retry-After") == "7" && body == "later"
		}},
		"garbage": {testkit.Garbage(), func(r *http.Response, body string, err error) bool {
			return err == nil && r.StatusCode == 200 && body != "" && !json.Valid([]byte(body))
		}},
		"empty": {testkit.Empty(), func(r *http.Response, body string, err error) bool {
			return err == nil && r.StatusCode == 200 && body == ""
		}},
		"cut": {testkit.Cut(), func(r *http.Response, body string, err error) bool {
			return r != nil && r.StatusCode == 200 && errors.Is(err, io.ErrUnexpectedEOF) && body == whole[:len(whole)/2]
		}},
		"elsewhere": {testkit.Down().OnPrefix("/other"), func(_ *http.Response, body string, err error) bool { return err == nil && body == whole }},
		"here":      {testkit.Down().OnPrefix("/pa"), func(r *http.Response, _ string, err error) bool { return r == nil && err != nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := testkit.NewProxy(t, target(t).URL, nil)
			proxy.Set(c.fault)
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			if r, body, err := get(t, client, proxy.URL+"/path"); !c.want(r, body, err) {
				t.Errorf("got %v, body %q, error %v", r, body, err)
			}
			if n := proxy.Counts()["/path"]; n != 1 {
				t.Errorf("counted %d requests, want 1", n)
			}
			proxy.Set(testkit.None)
			if _, body, err := get(t, client, proxy.URL+"/path"); err != nil || body != whole {
				t.Errorf("after the fault: body %q, error %v", body, err)
			}
			proxy.ResetCounts()
			if n := len(proxy.Counts()); n != 0 {
				t.Errorf("after the reset: %d paths counted", n)
			}
		})
	}
}

func TestProxyHoldsRequestsBack(t *testing.T) {
	t.Parallel()
	proxy := testkit.NewProxy(t, target(t).URL, nil)
	release := make(chan struct{})
	proxy.Set(testkit.Hold(release))
	answered := make(chan error, 1)
	go func() {
		_, body, err := get(t, http.DefaultClient, proxy.URL+"/held")
		if err == nil && body != whole {
			err = fmt.Errorf("got body %q", body)
		}
		answered <- err
	}()
	testkit.Eventually(t, 2*time.Minute, func() error {
		if proxy.Counts()["/held"] != 1 {
			return errors.New("the request has not come in")
		}
		return nil
	})
	select {
	case err := <-answered:
		t.Fatalf("answered though held: %v", err)
	default:
	}
	close(release)
	if err := <-answered; err != nil {
		t.Error(err)
	}

	const slow = 50 * time.Millisecond
	proxy.Set(testkit.Slow(slow))
	began := time.Now()
	if _, body, err := get(t, http.DefaultClient, proxy.URL+"/slow"); err != nil || body != whole {
		t.Errorf("slow: body %q, error %v", body, err)
	}
	if took := time.Since(began); took < slow {
		t.Errorf("slow: answered after %v", took)
	}
}

func TestProxyInFrontOfTLSVault(t *testing.T) {
	t.Parallel()
	vault := startVault(t, testkit.VaultOptions{TLS: true})
	proxy := testkit.NewProxy(t, vault.Addr, vault.CACert)
	_, body, err := get(t, http.DefaultClient, proxy.URL+"/v1/sys/health")
	if err != nil || !strings.Contains(body, `"sealed":false`) {
		t.Errorf("got %q, %v", body, err)
	}
	must(t, vault.Stop())
	if r, _, err := get(t, http.DefaultClient, proxy.URL+"/v1/sys/health"); err == nil {
		t.Errorf("with Vault gone: answered %s", r.Status)
	}
}
