package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// address reads a server's base URL. What cannot be read is not quoted: a
// password may stand in it.
func address(server string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(server))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, misconfigured("Vault's address must be a URL such as https://vault.example.com:8200")
	}
	if u.User != nil {
		return nil, misconfigured("Vault's address must not hold a user or password")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}, nil
}

// customHeaders are sent with every call; the headers that Vault's own
// protocol needs are set over them.
func customHeaders(headers map[string]string) (http.Header, error) {
	h := http.Header{}
	for name, value := range headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, misconfigured("a header for Vault has a name or a value that HTTP does not allow")
		}
		h.Set(name, value)
	}
	return h, nil
}

func tlsConfig(ctx context.Context, c delivery.VaultConfig, creds backend.Credentials) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	roots := [][]byte{c.CABundle}
	if !c.CA.IsZero() {
		ca, err := creds.Resolve(ctx, c.CA)
		if err != nil {
			return nil, err
		}
		roots = append(roots, ca.Reveal())
	}
	for _, pem := range roots {
		if len(pem) == 0 {
			continue
		}
		if t.RootCAs == nil {
			t.RootCAs = x509.NewCertPool()
		}
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, misconfigured("the CA for Vault holds no certificate in PEM form")
		}
	}
	if c.ClientCert.IsZero() && c.ClientKey.IsZero() {
		return t, nil
	}
	if c.ClientCert.IsZero() || c.ClientKey.IsZero() {
		return nil, misconfigured("a client certificate for Vault needs both the certificate and the key")
	}
	pair, err := clientPair(ctx, c, creds)
	t.Certificates = []tls.Certificate{pair}
	return t, err
}

func clientPair(ctx context.Context, c delivery.VaultConfig, creds backend.Credentials) (tls.Certificate, error) {
	cert, err := creds.Resolve(ctx, c.ClientCert)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := creds.Resolve(ctx, c.ClientKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert.Reveal(), key.Reveal())
	if err != nil {
		// The cause is not shown: it may quote the key.
		return tls.Certificate{}, misconfigured("the client certificate and key for Vault are not a pair in PEM form")
	}
	return pair, nil
}
