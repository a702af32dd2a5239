package doppler

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// FuzzDownload: whatever comes as a config, it is read as it is or refused
// without a word of it.
func FuzzDownload(f *testing.F) {
	for _, body := range []string{
		`{"DB_URL":"canary","DOPPLER_PROJECT":"api","DOPPLER_CONFIG":"prd"}`, `{"A":null}`, `{"A":"\ud800"}`, "A=\"b\"", "---\nA: b", "{}", "",
	} {
		for _, format := range []string{"", "json", "env", "yaml", "dotnet-json"} {
			f.Add(body, format)
		}
	}
	s := &store{cfg: delivery.DopplerConfig{Project: "p", Config: "c"}}
	f.Fuzz(func(t *testing.T, body, format string) {
		a := answer{call: call{does: "read"}, body: []byte(body)}
		c, err := a.config(form{format: format}, nil)
		if err != nil {
			if backend.KindOf(err) != backend.Malformed || (len(body) > 20 && strings.Contains(err.Error(), body)) {
				t.Errorf("%v", err)
			}
			return
		}
		if format != "" {
			if string(c.file.Reveal()) != body {
				t.Error("the file is another")
			}
			return
		}
		value, err := asJSON(c.fields)
		var want, got map[string]string
		if err != nil || json.Unmarshal([]byte(body), &want) != nil || json.Unmarshal(value.Reveal(), &got) != nil || len(got) != len(want) {
			t.Fatalf("%v: %d fields of %d", err, len(got), len(want))
		}
		for name, text := range want {
			if got[name] != text || string(c.fields[name].Reveal()) != text {
				t.Errorf("%q is another", name)
			}
		}
		if link := s.link(c); !strings.HasPrefix(link, dashboard) || strings.Contains(link, "/../") {
			t.Errorf("the link is %s", link)
		}
	})
}

// FuzzHost: no address gets past the list of hosts.
func FuzzHost(f *testing.F) {
	for _, host := range []string{
		Home, "https://api.doppler.com@evil.example", "https://api.doppler.com:443/x", "http://api.doppler.com", "https://API.DOPPLER.COM.",
		"https://api.doppler.com%2eevil.example", "https://api.doppler.com\\@evil.example", "https://[::1]", "//api.doppler.com",
	} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := Options{}.address(text)
		if err != nil {
			if backend.KindOf(err) != backend.Misconfigured {
				t.Errorf("%v", err)
			}
			return
		}
		called, err := url.Parse(u.JoinPath("/v3/me").String())
		if err != nil || called.Scheme != "https" || !strings.EqualFold(called.Hostname(), "api.doppler.com") || called.User != nil {
			t.Errorf("%q calls %v", text, called)
		}
	})
}
