package doppler

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// workplace is a server for one test, with a project "api" that has the
// config "dev", and a clock that the test turns.
type workplace struct {
	t     *testing.T
	at    *Server
	clock time.Time
}

// start gives every workplace a project api with a config dev.
func start(t *testing.T, secrets map[string]string) *workplace {
	t.Helper()
	limits, err := Plan("")
	if err != nil {
		t.Fatal(err)
	}
	w := &workplace{t: t, at: New(limits), clock: time.Now().Truncate(time.Second)}
	w.at.now = func() time.Time { return w.clock }
	w.put("api", "dev", secrets)
	return w
}

func (w *workplace) put(project, config string, secrets map[string]string) {
	w.t.Helper()
	w.admin("PUT", "configs", map[string]any{"project": project, "config": config, "secrets": secrets}, nil)
}

// admin asks a page of the sandbox's own, which must succeed.
func (w *workplace) admin(method, page string, body, answer any) {
	w.t.Helper()
	got := send(w.at.Admin(), method, "/_sandbox/doppler/"+page, "", string(marshal(body)), nil)
	if got.Code != http.StatusOK {
		w.t.Fatalf("%s %s: %d %s", method, page, got.Code, got.Body)
	}
	if answer != nil {
		if err := json.Unmarshal(got.Body.Bytes(), answer); err != nil {
			w.t.Fatal(err)
		}
	}
}

// token issues one.
func (w *workplace) token(fields map[string]any) string {
	w.t.Helper()
	var issued struct{ Token string }
	w.admin("POST", "tokens", fields, &issued)
	return issued.Token
}

// service issues a service token for api/dev.
func (w *workplace) service(write bool) string {
	w.t.Helper()
	return w.token(map[string]any{"type": "service_token", "project": "api", "config": "dev", "write": write})
}

// get asks the API with the token.
func (w *workplace) get(token, path string, query ...string) *httptest.ResponseRecorder {
	return send(w.at, http.MethodGet, path, token, "", query)
}

func (w *workplace) post(token, path, body string, query ...string) *httptest.ResponseRecorder {
	return send(w.at, http.MethodPost, path, token, body, query)
}

// send makes a request; query are names and values by turns.
func send(to http.Handler, method, path, token, body string, query []string) *httptest.ResponseRecorder {
	values := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	r := httptest.NewRequest(method, path, io.NopCloser(strings.NewReader(body)))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	got := httptest.NewRecorder()
	to.ServeHTTP(got, r)
	return got
}

const downloads = "/v3/configs/config/secrets/download"

// wantBody asserts a status and a whole body.
func wantBody(t *testing.T, got *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if got.Code != status || got.Body.String() != body {
		t.Errorf("got %d %s\nwant %d %s", got.Code, got.Body, status, body)
	}
}

// wantRefusal asserts an error as the API words it.
func wantRefusal(t *testing.T, got *httptest.ResponseRecorder, status int, message string) {
	t.Helper()
	wantBody(t, got, status, `{"messages":[`+string(marshal(message))+`],"success":false}`)
	if kind := got.Header().Get("Content-Type"); kind != kindJSON {
		t.Errorf("content type: got %q", kind)
	}
}
