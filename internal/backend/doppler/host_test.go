package doppler

import (
	"context"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

func TestOnlyListedHostsAreCalled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hosts []string
		host  string
		says  string // empty: it is called
	}{
		{nil, "", ""},
		{nil, "https://api.doppler.com", ""},
		{nil, "https://API.doppler.com/", ""},
		{nil, "http://api.doppler.com", "only called by https"},
		{nil, "https://api.doppler.com.evil.example", "--doppler-host"},
		{nil, "https://evil.example", "--doppler-host"},
		{nil, "https://evil.example/api.doppler.com", "--doppler-host"},
		{nil, "https://127.0.0.1", "--doppler-host"},
		{nil, "http://localhost:8080", "--doppler-host"},
		{nil, "https://169.254.169.254", "--doppler-host"},
		{nil, "http://[fe80::1]", "--doppler-host"},
		{nil, "https://u:" + canary + "@api.doppler.com", "user or password"},
		{nil, "https://api.doppler.com:" + canary, "must be an https address"},
		{nil, "ftp://api.doppler.com", "must be an https address"},
		{nil, "api.doppler.com", "must be an https address"},
		{nil, "https://api.doppler.com?x=y", "must be an https address"},
		{[]string{"doppler.example:8443"}, "https://doppler.example:8443/base", ""},
		{[]string{"doppler.example:8443"}, "https://doppler.example", "--doppler-host"},
		{[]string{"doppler.example:443"}, "https://doppler.example", ""},
		{[]string{"doppler.example"}, "https://doppler.example:9", ""},
		{[]string{"doppler.example"}, "https://api.doppler.com", "--doppler-host"},
		{[]string{"doppler.example"}, "", "--doppler-host"},
		{[]string{"http://doppler.example"}, "http://doppler.example", ""},
		{[]string{"https://doppler.example", "http://doppler.example"}, "http://doppler.example", ""},
		{[]string{"https://doppler.example"}, "http://doppler.example", "only called by https"},
		{[]string{"127.0.0.1"}, "http://127.0.0.1:8080", ""},
		{[]string{"localhost"}, "http://LOCALHOST:8080", ""},
		{[]string{"[::1]:80"}, "http://[::1]", ""},
		{[]string{"169.254.169.254"}, "http://169.254.169.254", "only called by https"},
		{[]string{"a b"}, "https://api.doppler.com", "--doppler-host is wrong"},
		{[]string{"doppler.example/path"}, "https://doppler.example", "--doppler-host is wrong"},
		{[]string{""}, "https://api.doppler.com", "--doppler-host is wrong"},
	} {
		_, err := NewOpener(Options{Hosts: c.hosts})(context.Background(), delivery.DopplerConfig{Host: c.host, Auth: byToken()}, goodToken())
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%q of %q: %v", c.host, c.hosts, err)
		case c.says != "" && (err == nil || backend.KindOf(err) != backend.Misconfigured || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%q of %q: %v, want %q", c.host, c.hosts, err, c.says)
		case c.says != "" && strings.Contains(err.Error(), canary):
			t.Errorf("a password is shown: %v", err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    Options
		good bool
	}{
		{Options{}, true},
		{Options{Hosts: []string{"127.0.0.1"}, Default: "http://127.0.0.1:80"}, true},
		{Options{Default: "http://127.0.0.1:80"}, false},
		{Options{Hosts: []string{"x y"}}, false},
	} {
		if err := c.o.Validate(); (err == nil) != c.good {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

func TestDefaultIsForStoresThatNameNone(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b, err := NewOpener(Options{Hosts: []string{"127.0.0.1"}, Default: s.URL})(t.Context(), delivery.DopplerConfig{Auth: byToken()}, goodToken())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.(*store).caller.wire.Close)
	mustRead(t, b, backend.Ref{Key: "DB_URL"})
}

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]delivery.DopplerConfig{
		"no auth":           {},
		"two ways":          {Auth: delivery.DopplerAuth{Token: key("x"), Identity: "y", Account: key("z")}},
		"no account":        {Auth: delivery.DopplerAuth{Identity: "y"}},
		"no account either": {Auth: delivery.DopplerAuth{IdentityFrom: key("y")}},
		"empty name":        {Secrets: []string{"A", ""}, Auth: byToken()},
		"two names":         {Secrets: []string{"A,B"}, Auth: byToken()},
	} {
		if _, err := NewOpener(Options{})(t.Context(), c, goodToken()); backend.KindOf(err) != backend.Misconfigured || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewOpener(Options{})(t.Context(), delivery.FakeConfig{}, nil); backend.KindOf(err) != backend.Misconfigured {
		t.Errorf("another config: %v", err)
	}
}
