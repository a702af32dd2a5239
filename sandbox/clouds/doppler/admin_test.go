package doppler

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/sandbox/clouds/faults"
)

func TestLogHoldsNoValues(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	w := start(t, map[string]string{canary: canary})
	token := w.service(true)
	w.get(token, downloads, "secrets", canary, "name_transformer", canary)
	w.get(token+canary, downloads, "project", canary, "config", canary)
	w.post(token, secretsPath, `{"project":"`+canary+`","secrets":{"A":"`+canary+`"}}`, "config", "dev", "token", canary)

	got := send(w.at.Admin(), "GET", "/_sandbox/doppler/requests", "", "", nil).Body.String()
	if strings.Contains(got, canary) || strings.Contains(got, token) {
		t.Errorf("got %s", got)
	}
	var requests []faults.Request
	if err := json.Unmarshal([]byte(got), &requests); err != nil || len(requests) != 3 {
		t.Fatalf("got %s, %v", got, err)
	}
	if r := requests[0]; r.Scope != "api/dev" || r.Path != downloads || strings.Join(r.Query, " ") != "name_transformer secrets" || r.Status != 400 {
		t.Errorf("got %+v", r)
	}
	if r := requests[1]; r.Scope != "" || r.Status != 401 {
		t.Errorf("got %+v", r)
	}
}

func TestScopeIsKnownFromTokenQueryBodyAndIdentity(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	from := newIssuer(t)
	person := w.token(map[string]any{"type": "personal"})
	w.get(w.service(false), downloads)
	w.get(person, downloads, "project", "api", "config", "dev")
	w.get(person, "/v3/projects/project", "project", "api")
	w.post(person, secretsPath, `{"project":"api","config":"dev","secrets":{}}`)
	w.exchange(w.identity(map[string]any{"pem": from.pem(t)}), "x")
	w.get(person, "/v3/me")
	var scopes []string
	for _, r := range w.at.faults.Requests("") {
		scopes = append(scopes, r.Scope)
	}
	if got := strings.Join(scopes, " "); got != "api/dev api/dev api api/dev api " {
		t.Errorf("got %q", got)
	}
}

func TestAdminRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{"A": "1"})
	for _, c := range []struct{ method, page, body, want string }{
		{"PUT", "configs", `{"project":"api","config":"dev","secret":{}}`, `unknown field "secret"`},
		{"PUT", "configs", `{"project":"api","config":"dev","secrets":{"A":"SECRET"`, "not the JSON that this page takes"},
		{"PUT", "configs", `{"project":"API","config":"dev"}`, "lowercase"},
		{"PUT", "configs", `{"project":"api","config":"dev","secrets":{"a":"x"}}`, "uppercase"},
		{"POST", "secrets", `{"project":"api","config":"no","secrets":{}}`, "no config no"},
		{"POST", "secrets", `{"project":"api","config":"dev","secrets":{"B":"${C}"}}`, "reference in 'B'"},
		{"POST", "tokens", `{"type":"magic"}`, "none of cli, personal, service_account_api"},
		{"POST", "tokens", `{"type":"service_token","project":"api","config":"no"}`, "that exist"},
		{"POST", "identities", `{"insecure":true,"claims":{}}`, "aud and sub"},
		{"POST", "identities", `{"claims":{"aud":["a"],"sub":["b"]}}`, "needs pem, jwks"},
		{"POST", "identities", `{"pem":"x","claims":{"aud":["a"],"sub":["b"]}}`, "no public key"},
		{"POST", "identities", `{"jwks":{"keys":[]},"claims":{"aud":["a"],"sub":["b"]}}`, "no RSA or EC key"},
		{"POST", "identities", `{"insecure":true,"claimsType":"regexp","claims":{"aud":["a"]}}`, "exact or wildcard"},
		{"PUT", "limits", `{"token":"no"}`, "no such token"},
		{"POST", "faults", `{"kind":"slow"}`, "delayMS"},
		{"POST", "faults", `{"kind":"status"}`, "200 to 599"},
		{"POST", "faults", `{"kind":"odd"}`, "none of down"},
	} {
		got := send(w.at.Admin(), c.method, "/_sandbox/doppler/"+c.page, "", c.body, nil)
		if got.Code != 400 || !strings.Contains(got.Body.String(), c.want) || strings.Contains(got.Body.String(), "SECRET") {
			t.Errorf("%s %s: got %d %s", c.page, c.body, got.Code, got.Body)
		}
	}
	wantBody(t, w.get(w.service(false), downloads, "secrets", "A"), 200, `{"A":"1"}`)
}
