package doppler

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// address is the base URL that is called, if the operator allows it. What is
// wrong with an address is not quoted: it may hold a password.
func (o Options) address(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.Fragment != "":
		return nil, misconfigured("the host of Doppler's API must be an https address such as " + Home)
	case u.User != nil:
		return nil, misconfigured("the host of Doppler's API must not hold a user or password")
	}
	hosts := o.Hosts
	if len(hosts) == 0 {
		hosts = []string{Home}
	}
	listed := false
	for _, entry := range hosts {
		e, err := parseHost(entry)
		if err != nil {
			return nil, misconfigured("the operator's flag --doppler-host is wrong: " + err.Error())
		}
		if !e.covers(u) {
			continue
		}
		if u.Scheme == "https" || e.plain {
			return u, nil
		}
		listed = true
	}
	if listed {
		return nil, misconfigured(`the host "` + word(u.Host) + `" of Doppler's API is only called by https, so that the token is not sent in the clear; ` +
			"write https://, or have the operator's flag --doppler-host name it with http://")
	}
	return nil, misconfigured(`the host "` + word(u.Host) + `" of Doppler's API is not one that this operator calls; ` +
		"its flag --doppler-host lists them")
}

// Validate reports the first of the Hosts that is none, or why Default is not
// among them.
func (o Options) Validate() error {
	for _, entry := range o.Hosts {
		if _, err := parseHost(entry); err != nil {
			return err
		}
	}
	if o.Default == "" {
		return nil
	}
	_, err := o.address(o.Default)
	return err
}

// host is an entry of Options.Hosts.
type host struct {
	name, port string
	plain      bool // may be called without TLS
}

func parseHost(entry string) (host, error) {
	rest, plain := strings.CutPrefix(entry, "http://")
	if !plain {
		rest = strings.TrimPrefix(rest, "https://")
	}
	u, err := url.Parse("https://" + rest)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return host{}, fmt.Errorf("%q is no host; write it as in api.doppler.com or doppler.example.com:8443", word(entry))
	}
	return host{u.Hostname(), u.Port(), plain || loopback(u.Hostname())}, nil
}

// covers reports that u leads to the host.
func (h host) covers(u *url.URL) bool {
	if !strings.EqualFold(h.name, u.Hostname()) {
		return false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return h.port == "" || h.port == port
}

func loopback(name string) bool {
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}
