package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/tacit-secrets/tacit/internal/backend"
)

// failure tells why no answer came. Only texts that are made on this side of
// the connection are shown: net/http quotes what it cannot parse.
func (c *Client) failure(ctx context.Context, err error) *backend.Error {
	if cause := ctx.Err(); cause != nil {
		why := " was cancelled"
		if errors.Is(cause, context.DeadlineExceeded) {
			why = " took too long"
		}
		return &backend.Error{Kind: backend.Unavailable, Message: "the call to " + c.name + why, Err: cause}
	}
	if errors.Is(err, errElsewhere) || errors.Is(err, errCircle) {
		return &backend.Error{
			Kind:    backend.Misconfigured,
			Message: c.name + " " + unwrapped(err) + "; this is not followed: name the address that it leads to",
		}
	}
	if errors.Is(err, errLinkLocal) {
		return &backend.Error{Kind: backend.Misconfigured, Message: c.name + " " + errLinkLocal.Error() + "; no store is looked for there"}
	}
	return &backend.Error{Kind: backend.Unavailable, Message: "cannot reach " + c.name + ": " + reason(err)}
}

func unwrapped(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

func reason(err error) string {
	var (
		dns    *net.DNSError
		errno  syscall.Errno
		header tls.RecordHeaderError
		op     *net.OpError
		timer  net.Error
	)
	if errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &header) {
		return "it does not speak TLS there; if that is meant, write http:// in its address"
	}
	if text, ok := untrusted(err); ok {
		return text
	}
	switch {
	case errors.As(err, &op) && op.Op == "remote error":
		// A TLS alert: a number on the wire, a word of crypto/tls here.
		return "it refused the TLS handshake: " + op.Err.Error()
	case errors.As(err, &dns):
		return dns.Error()
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &timer) && timer.Timeout():
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it closed the connection"
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "the proxy did not connect"
	}
	return "the connection failed"
}

// untrusted explains a certificate that was not accepted.
func untrusted(err error) (string, bool) {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		other   *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &unknown):
		return "its certificate is signed by an unknown authority; give its CA in the store", true
	case errors.As(err, &host):
		return "its certificate is for another name: " + Words(host.Error(), 200), true
	case errors.As(err, &invalid):
		return "its certificate is not valid: " + Words(invalid.Error(), 200), true
	case errors.As(err, &other):
		return "its certificate is not trusted", true
	}
	return "", false
}
