package doppler

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

const managed = `"DOPPLER_CONFIG":"dev","DOPPLER_ENVIRONMENT":"dev","DOPPLER_PROJECT":"api"`

func TestDownloadIsSortedAndCompactJSON(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{"ZED": "<a&b>", "ALPHA": "line one\nline \"two\""})
	got := w.get(w.service(false), downloads)
	wantBody(t, got, 200, `{"ALPHA":"line one\nline \"two\"",`+managed+`,"ZED":"<a&b>"}`)
	if kind := got.Header().Get("Content-Type"); kind != "application/json; charset=utf-8" {
		t.Errorf("content type: got %q", kind)
	}
}

func TestDownloadInEveryFormat(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{
		"A": "x\n\"y\"\\", "SMTP__USER_NAME": "u", "SMTP__PORT": "1", "B": "flat", "B__C": "below flat",
	})
	token := w.service(false)
	const asked = "A,SMTP__USER_NAME,SMTP__PORT,B,B__C"
	for format, want := range map[string]string{
		"":              `{"A":"x\n\"y\"\\","B":"flat","B__C":"below flat","SMTP__PORT":"1","SMTP__USER_NAME":"u"}`,
		"json":          `{"A":"x\n\"y\"\\","B":"flat","B__C":"below flat","SMTP__PORT":"1","SMTP__USER_NAME":"u"}`,
		"dotnet-json":   `{"A":"x\n\"y\"\\","B":"flat","B:C":"below flat","Smtp":{"Port":"1","UserName":"u"}}`,
		"env":           `A="x\n\"y\"\\"` + "\nB=\"flat\"\nB__C=\"below flat\"\nSMTP__PORT=\"1\"\nSMTP__USER_NAME=\"u\"",
		"env-no-quotes": "A=x\n\"y\"\\\nB=flat\nB__C=below flat\nSMTP__PORT=1\nSMTP__USER_NAME=u",
		"docker":        `A=x\n"y"\` + "\nB=flat\nB__C=below flat\nSMTP__PORT=1\nSMTP__USER_NAME=u",
		"yaml":          `A: "x\n\"y\"\\"` + "\nB: \"flat\"\nB__C: \"below flat\"\nSMTP__PORT: \"1\"\nSMTP__USER_NAME: \"u\"",
	} {
		wantBody(t, w.get(token, downloads, "secrets", asked, "format", format), 200, want)
	}
	wantRefusal(t, w.get(token, downloads, "format", "toml"), 400,
		"Invalid format: must be one of docker, dotnet-json, env, env-no-quotes, json, yaml")
}

func TestDownloadTransformsNames(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{"SMTP__USER_NAME": "u", "API_KEY": "k"})
	token := w.service(false)
	for transformer, want := range map[string]string{
		"camel":       `{"apiKey":"k","smtpUserName":"u"}`,
		"upper-camel": `{"ApiKey":"k","SmtpUserName":"u"}`,
		"lower-snake": `{"api_key":"k","smtp__user_name":"u"}`,
		"lower-kebab": `{"api-key":"k","smtp--user-name":"u"}`,
		"tf-var":      `{"TF_VAR_api_key":"k","TF_VAR_smtp__user_name":"u"}`,
		"dotnet":      `{"ApiKey":"k","Smtp:UserName":"u"}`,
		"dotnet-env":  `{"ApiKey":"k","Smtp__UserName":"u"}`,
	} {
		wantBody(t, w.get(token, downloads, "secrets", "API_KEY,SMTP__USER_NAME", "name_transformer", transformer), 200, want)
	}
	if got := w.get(token, downloads, "name_transformer", "shouting"); got.Code != 400 {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
}

func TestDownloadOfSomeSecretsLeavesOutWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{"A": "1", "B": "2"})
	wantBody(t, w.get(w.service(false), downloads, "secrets", "B, NO_SUCH"), 200, `{"B":"2"}`)
}

func TestDownloadResolvesReferences(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.put("shared", "prd", map[string]string{"HOST": "db.${DOPPLER_PROJECT}"})
	w.put("api", "stg", map[string]string{"PORT": "5432"})
	w.put("api", "dev", map[string]string{
		"USER": "me", "URL": "${USER}@${shared.prd.HOST}:${stg.PORT}", "NONE": "${lower} $USER ${a.b.c.D} {USER}",
	})
	token := w.service(true)
	wantBody(t, w.get(token, downloads, "secrets", "URL,NONE"), 200,
		`{"NONE":"${lower} $USER ${a.b.c.D} {USER}","URL":"me@db.shared:5432"}`)

	for _, secrets := range []string{`{"X":"${NO_SUCH}"}`, `{"X":"${prd.NO_SUCH}"}`, `{"X":"${Y}","Y":"${X}"}`} {
		got := w.post(token, "/v3/configs/config/secrets", `{"secrets":`+secrets+`}`)
		if got.Code != 400 || !strings.Contains(got.Body.String(), "Unable to resolve a secret reference in") {
			t.Errorf("%s: got %d %s", secrets, got.Code, got.Body)
		}
	}
	wantBody(t, w.get(token, downloads, "secrets", "X,Y,USER"), 200, `{"USER":"me"}`)
}

func TestManyReferencesAreBounded(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"L_A": ""}
	for c := 'B'; c <= 'Z'; c++ {
		below := "${L_" + string(c-1) + "}"
		secrets["L_"+string(c)] = below + below
	}
	s := New(Limits{})
	c, _ := s.ensure("api", "dev")
	for name, raw := range secrets {
		c.secrets[name] = secret{raw: raw}
	}
	if _, whole := s.compute(c, "${L_Z}"); whole { // 2^25 of them
		t.Error("followed them all")
	}
}

func TestETagAnswers304UntilSomethingChanges(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{"A": "one", "B": "x"})
	token := w.service(true)
	conditional := func(etag string, query ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, downloads+"?"+strings.Join(query, "&"), http.NoBody)
		r.SetBasicAuth(token, "")
		r.Header.Set("If-None-Match", etag)
		got := httptest.NewRecorder()
		w.at.ServeHTTP(got, r)
		return got
	}
	etag := w.get(token, downloads).Header().Get("ETag")
	if !regexp.MustCompile(`^W/"[0-9a-f]{64}"$`).MatchString(etag) {
		t.Fatalf("ETag: got %q", etag)
	}
	for _, known := range []string{etag, strings.TrimPrefix(etag, "W/"), `"other", ` + etag, "*"} {
		got := conditional(known)
		wantBody(t, got, 304, "")
		if got.Header().Get("ETag") != etag {
			t.Errorf("ETag of the 304: got %q", got.Header().Get("ETag"))
		}
	}
	for _, query := range []string{"format=env", "secrets=A", "name_transformer=camel"} {
		if got := conditional(etag, query); got.Code != 200 || got.Header().Get("ETag") == etag {
			t.Errorf("%s: another document: got %d %q", query, got.Code, got.Header().Get("ETag"))
		}
	}
	w.post(token, "/v3/configs/config/secrets", `{"secrets":{"A":"two"}}`)
	if got := conditional(etag); got.Code != 200 || got.Header().Get("ETag") == etag {
		t.Errorf("after a change: got %d %q", got.Code, got.Header().Get("ETag"))
	}
	w.post(token, "/v3/configs/config/secrets", `{"secrets":{"A":"one"}}`)
	wantBody(t, conditional(etag), 304, "")
}

func TestParametersOfDynamicSecretsAreChecked(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	token := w.service(false)
	wantBody(t, w.get(token, downloads, "include_dynamic_secrets", "true", "dynamic_secrets_ttl_sec", "60"), 200, "{"+managed+"}")
	wantRefusal(t, w.get(token, downloads, "include_dynamic_secrets", "maybe"), 400, "include_dynamic_secrets must be true or false")
	wantRefusal(t, w.get(token, downloads, "dynamic_secrets_ttl_sec", "-1"), 400, "dynamic_secrets_ttl_sec must be a positive number")
}
