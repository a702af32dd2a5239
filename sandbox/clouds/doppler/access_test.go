package doppler

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestServiceTokenIsBoundToItsConfig(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{"A": "1"})
	w.put("api", "prd", nil)
	token := w.service(false)
	if !strings.HasPrefix(token, "dp.st.dev.") {
		t.Errorf("got %s", token)
	}
	for _, query := range [][]string{nil, {"project", "api"}, {"config", "dev"}, {"project", "api", "config", "dev"}} {
		if got := w.get(token, downloads, query...); got.Code != 200 {
			t.Errorf("%v: got %d %s", query, got.Code, got.Body)
		}
	}
	wantRefusal(t, w.get(token, downloads, "config", "prd"), 400, "This token does not have access to requested config 'prd'")
	wantRefusal(t, w.get(token, downloads, "project", "web"), 400, "This token does not have access to requested project 'web'")
}

func TestOtherTokensNeedProjectAndConfig(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{"A": "1"})
	w.put("web", "dev", nil)
	for kind, prefix := range map[string]string{"personal": "dp.pt.", "cli": "dp.ct.", "service_account_api": "dp.sa."} {
		token := w.token(map[string]any{"type": kind, "projects": []string{"api", "gone"}})
		if !strings.HasPrefix(token, prefix) {
			t.Errorf("%s: got %s", kind, token)
		}
		if got := w.get(token, downloads, "project", "api", "config", "dev"); got.Code != 200 {
			t.Errorf("%s: got %d %s", kind, got.Code, got.Body)
		}
		wantRefusal(t, w.get(token, downloads), 400, "You must specify a project")
		wantRefusal(t, w.get(token, downloads, "project", "api"), 400, "You must specify a config")
		wantRefusal(t, w.get(token, downloads, "project", "gone", "config", "dev"), 404, "Could not find requested project 'gone'")
		wantRefusal(t, w.get(token, downloads, "project", "api", "config", "no"), 404, "Could not find requested config 'no'")
		wantRefusal(t, w.get(token, downloads, "project", "web", "config", "dev"), 400, "This token does not have access to requested project 'web'")
	}
}

func TestUnknownTokensAreRefused(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	wantRefusal(t, w.get("", downloads), 401, "Please provide an auth token")
	wantRefusal(t, w.get("dp.st.dev.unknown", downloads), 401, "Invalid Service token")
	wantRefusal(t, w.get("dp.pt.unknown", downloads), 401, "Invalid Auth token")

	token := w.service(false)
	basic := func(value string) int {
		r := httptest.NewRequest(http.MethodGet, downloads, http.NoBody)
		r.SetBasicAuth(value, "whatever")
		got := httptest.NewRecorder()
		w.at.ServeHTTP(got, r)
		return got.Code
	}
	if basic(token) != 200 || basic("x") != 401 {
		t.Error("basic authentication does not tell tokens apart")
	}
	w.admin("DELETE", "tokens", map[string]string{"token": token}, nil)
	wantRefusal(t, w.get(token, downloads), 401, "Invalid Service token")

	short := w.token(map[string]any{"type": "personal", "ttlSeconds": 60})
	if got := w.get(short, "/v3/me"); got.Code != 200 {
		t.Errorf("before it expires: got %d", got.Code)
	}
	w.clock = w.clock.Add(time.Minute)
	wantRefusal(t, w.get(short, "/v3/me"), 401, "Invalid Auth token")
}

func TestUnknownPagesAndMethodsAreRefusedInJSON(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	wantRefusal(t, w.get("", "/v3/no-such"), 404, "Could not find requested page")
	wantRefusal(t, w.get("", "/v3/auth/oidc"), 405, "Method not allowed")
	if got := w.get("", "/_sandbox/doppler/requests"); got.Code != 404 {
		t.Errorf("the API answers the sandbox's own pages: %d", got.Code)
	}
}

func TestLimitsArePerTokenAndWindow(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	limited, other := w.service(false), w.service(false)
	w.admin("PUT", "limits", map[string]any{"token": limited, "reads": 1, "secretReads": 2, "windowSeconds": 90}, nil)
	for _, remaining := range []string{"1", "0"} {
		got := w.get(limited, downloads)
		if got.Code != 200 || got.Header().Get("X-Ratelimit-Limit") != "2" || got.Header().Get("X-Ratelimit-Remaining") != remaining {
			t.Errorf("got %d %v", got.Code, got.Header())
		}
	}
	w.clock = w.clock.Add(30 * time.Second)
	got := w.get(limited, downloads)
	wantRefusal(t, got, 429, "Too many requests, please try again later")
	if got.Header().Get("Retry-After") != "60" || got.Header().Get("X-Ratelimit-Remaining") != "0" {
		t.Errorf("got %v", got.Header())
	}
	for name, token := range map[string]string{downloads: other, "/v3/me": limited} {
		if got := w.get(token, name); got.Code != 200 || got.Header().Get("Retry-After") != "" {
			t.Errorf("%s: got %d %v", name, got.Code, got.Header())
		}
	}
	w.clock = w.clock.Add(time.Minute)
	if got := w.get(limited, downloads); got.Code != 200 {
		t.Errorf("in the next window: got %d", got.Code)
	}
}

func TestLimitsOfAPlanHoldForAnAddress(t *testing.T) {
	t.Parallel()
	limits, err := Plan("developer")
	if err != nil || limits.SecretReads != 120 || limits.Reads != 240 || limits.Writes != 60 {
		t.Fatalf("got %+v, %v", limits, err)
	}
	w := start(t, nil)
	w.at.limits = limits
	for range 120 {
		w.get("dp.st.guess", downloads) // failed attempts count too
	}
	if got := w.get(w.service(false), downloads); got.Code != 429 {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	if _, err := Plan("platinum"); err == nil {
		t.Error("a plan that does not exist has limits")
	}
}
