package seal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/internal/sealing"
)

// maxCertificateText is how much is read of what should be certificates.
const maxCertificateText = 4 << 20

// IsURL reports that the source of a certificate is to be fetched. C:\x is
// none.
func IsURL(source string) bool {
	u, err := url.Parse(source)
	return err == nil && len(u.Scheme) > 1 && u.Host != ""
}

// FetchCertificates gets a file of certificates from the web.
func FetchCertificates(ctx context.Context, source string) ([]byte, error) {
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("only https:// and http:// can be fetched")
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, http.NoBody)
	if err != nil {
		return nil, errors.New("this is no address that can be fetched")
	}
	client := http.Client{CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if len(via) > 5 {
			return errors.New("it leads on and on")
		}
		if via[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
			return errors.New("it leads on to an address without https")
		}
		return nil
	}}
	resp, err := client.Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // the address may hold a password
		}
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxCertificateText))
}

// Usable refuses certificates that must not be sealed for, and warns of
// others.
func Usable(certs []sealing.Certificate, now time.Time) (warnings []string, err error) {
	for i := range certs {
		c := &certs[i]
		if err := c.Expired(now); err != nil {
			return nil, err
		}
		if w := c.Warning(now); w != "" {
			warnings = append(warnings, w)
		}
	}
	return warnings, nil
}

// ids prints fingerprints.
func ids(of []sealing.KeyID) string {
	var out []string
	for _, id := range of {
		out = append(out, id.String())
	}
	return strings.Join(out, ", ")
}
