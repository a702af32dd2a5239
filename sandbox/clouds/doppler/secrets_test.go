package doppler

import (
	"encoding/json"
	"net/http"
	"testing"
)

const secretsPath = "/v3/configs/config/secrets"

func TestListingHasRawAndComputedValues(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{"USER": "brian", "DATABASE": "${USER}@db"})
	token := w.service(false)
	wantBody(t, w.get(token, secretsPath, "secrets", "DATABASE"), 200,
		`{"secrets":{"DATABASE":{"raw":"${USER}@db","computed":"brian@db","note":"","rawVisibility":"masked","computedVisibility":"masked",`+
			`"rawValueType":{"type":"string"},"computedValueType":{"type":"string"}}},"success":true}`)
	wantBody(t, w.get(token, secretsPath+"/names"), 200,
		`{"names":["DATABASE","DOPPLER_CONFIG","DOPPLER_ENVIRONMENT","DOPPLER_PROJECT","USER"],"success":true}`)
	wantBody(t, w.get(token, secretsPath+"/names", "include_managed_secrets", "false"), 200, `{"names":["DATABASE","USER"],"success":true}`)
	wantBody(t, w.get(token, "/v3/configs/config/secret", "name", "NO_SUCH"), 200,
		`{"name":"NO_SUCH","success":true,"value":{"raw":null,"computed":null,"note":"","rawVisibility":null,"computedVisibility":null,`+
			`"rawValueType":null,"computedValueType":null}}`)
	wantRefusal(t, w.get(token, "/v3/configs/config/secret"), 400, "You must specify a name")
}

func TestRestrictedSecretsAreForMachines(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{"A": "hidden"})
	machine := w.service(true)
	w.post(machine, secretsPath, `{"change_requests":[{"name":"A","originalName":"A","value":null,"visibility":"restricted"}]}`)
	raw := func(token string) *string {
		var got struct{ Value struct{ Raw *string } }
		body := w.get(token, "/v3/configs/config/secret", "name", "A", "project", "api", "config", "dev").Body.Bytes()
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		return got.Value.Raw
	}
	if got := raw(machine); got == nil || *got != "hidden" {
		t.Errorf("a machine sees %v", got)
	}
	if got := raw(w.token(map[string]any{"type": "personal"})); got != nil {
		t.Errorf("a person sees %v", *got)
	}
}

func TestUpdateWritesAllOrNothing(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{"A": "1", "B": "2"})
	token := w.service(true)
	after := func(want string) {
		t.Helper()
		wantBody(t, w.get(token, downloads, "secrets", "A,B,C,D"), 200, want)
	}
	if got := w.post(token, secretsPath, `{"project":"api","config":"dev","secrets":{"A":"one","B":null,"C":""}}`); got.Code != 200 {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	after(`{"A":"one","C":""}`)
	for body, status := range map[string]int{
		`{"secrets":{"A":"two","9":"x"}}`:               400,
		`{"secrets":{"A":"two","lower":"x"}}`:           400,
		`{"secrets":{"A":"two","DOPPLER_PROJECT":"x"}}`: 400,
		`{"secrets":{"A":2}}`:                           400,
		`{"secrets":{},"change_requests":[]}`:           400,
		`{}`:                                            400,
		`not JSON`:                                      400,
		`{"project":"web","secrets":{"A":"two"}}`:       400,
		`{"change_requests":[{"name":"A","originalName":"A","value":"two"},{"name":"D","value":null}]}`:             400,
		`{"change_requests":[{"name":"A","originalName":"A","value":"two","originalValue":"1"}]}`:                   409,
		`{"change_requests":[{"name":"A","originalName":"A","value":"two","originalVisibility":"unmasked"}]}`:       409,
		`{"change_requests":[{"name":"A","originalName":"A","value":"two","visibility":"shown"}]}`:                  400,
		`{"change_requests":[{"name":"A","originalName":"A","value":"two","shouldPromote":true}]}`:                  400,
		`{"change_requests":[{"name":"A","value":"two"},{"name":"C","originalName":"C","value":"${D}"}]}`:           400,
		`{"change_requests":[{"name":"A","originalName":"A","value":"two","shouldConverge":true}],"config":"dev" }`: 400,
	} {
		if got := w.post(token, secretsPath, body); got.Code != status {
			t.Errorf("%s: got %d %s", body, got.Code, got.Body)
		}
		after(`{"A":"one","C":""}`)
	}
	w.post(token, secretsPath, `{"change_requests":[{"name":"D","originalName":"A","value":null,"originalValue":"one"},{"name":"C","shouldDelete":true}]}`)
	after(`{"D":"one"}`)
}

func TestUpdateTakesProjectAndConfigFromTheQueryToo(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	token := w.token(map[string]any{"type": "cli", "write": true})
	if got := w.post(token, secretsPath, `{"secrets":{"A":"1"}}`, "project", "api", "config", "dev"); got.Code != 200 {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	wantBody(t, w.get(token, downloads, "project", "api", "config", "dev", "secrets", "A"), 200, `{"A":"1"}`)
}

func TestReadOnlyTokensWriteNothing(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{"A": "1"})
	reader, writer := w.service(false), w.service(true)
	const no = "This token does not have write access to requested config 'dev'"
	wantRefusal(t, w.post(reader, secretsPath, `{"secrets":{"A":"2"}}`), 403, no)
	del := func(token string) int {
		return send(w.at, http.MethodDelete, "/v3/configs/config/secret", token, "", []string{"name", "A"}).Code
	}
	if got := del(reader); got != 403 {
		t.Errorf("got %d", got)
	}
	wantBody(t, w.get(reader, downloads, "secrets", "A"), 200, `{"A":"1"}`)
	if got := del(writer); got != 204 {
		t.Errorf("got %d", got)
	}
	if got := del(writer); got != 404 {
		t.Errorf("a second time: got %d", got)
	}
}

func TestProjectsAndMe(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.put("web", "dev_ann", nil)
	names := func(token string, query ...string) (names []string) {
		var got struct{ Projects []struct{ Slug string } }
		if err := json.Unmarshal(w.get(token, "/v3/projects", query...).Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for _, p := range got.Projects {
			names = append(names, p.Slug)
		}
		return names
	}
	all := w.token(map[string]any{"type": "personal"})
	if got := names(all); len(got) != 2 || got[0] != "api" || got[1] != "web" {
		t.Errorf("a person: got %v", got)
	}
	if got := names(all, "page", "2", "per_page", "1"); len(got) != 1 || got[0] != "web" {
		t.Errorf("the second page: got %v", got)
	}
	if got := names(w.service(false)); len(got) != 1 || got[0] != "api" {
		t.Errorf("a service token: got %v", got)
	}
	var config struct{ Config struct{ Environment string } }
	if err := json.Unmarshal(w.get(all, "/v3/configs/config", "project", "web", "config", "dev_ann").Body.Bytes(), &config); err != nil || config.Config.Environment != "dev" {
		t.Errorf("got %+v, %v", config, err)
	}
	var self struct{ Type, Slug string }
	if err := json.Unmarshal(w.get(all, "/v3/me").Body.Bytes(), &self); err != nil || self.Type != "personal" || self.Slug == "" {
		t.Errorf("got %+v, %v", self, err)
	}
}
