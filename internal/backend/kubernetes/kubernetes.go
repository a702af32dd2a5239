// Package kubernetes reads the Secrets of one namespace, in this or another
// cluster, as a store.
package kubernetes

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/client-go/rest"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// store is one identity at one API server.
type store struct {
	namespace string
	base      *url.URL
	wire      *wire.Client
	transport *http.Transport
	tokens    *tokens
}

// NewOpener returns the backend.Opener for delivery.KubernetesConfig. Of own,
// the operator's connection to its cluster, a store without an address gets
// the address and the CA, and never the operator's identity: it would let
// everyone who can make a store read what the operator can.
func NewOpener(own *rest.Config) backend.Opener {
	return func(ctx context.Context, cfg delivery.Config, creds backend.Credentials) (backend.Backend, error) {
		c, ok := cfg.(delivery.KubernetesConfig)
		if !ok {
			return nil, misconfigured("this is no configuration of a Kubernetes store")
		}
		conn, err := connection(ctx, own, c, creds)
		if err != nil {
			return nil, err
		}
		return open(conn, c, creds)
	}
}

func open(conn *rest.Config, c delivery.KubernetesConfig, creds backend.Credentials) (backend.Backend, error) {
	base, _, err := rest.DefaultServerUrlFor(conn)
	if err != nil {
		// The cause is not shown: it quotes the address, which may hold a
		// password.
		return nil, misconfigured("the API server's address must be a URL such as https://kubernetes.example.com:6443")
	}
	if base.User != nil {
		return nil, misconfigured("the API server's address must not hold a user or password")
	}
	trust, err := rest.TLSConfigFor(conn)
	if err != nil {
		// Hidden for the same reason: it may quote a key.
		return nil, misconfigured("the CA or the client certificate and key for the API server cannot be used; they must be in PEM form, and key and certificate a pair")
	}
	transport := wire.NewTransport(trust)
	if conn.Proxy != nil {
		transport.Proxy = conn.Proxy
	}
	// Adds what stands in a kubeconfig: a token, a password, impersonation.
	rt, err := rest.HTTPWrappersForConfig(conn, transport)
	if err != nil {
		return nil, misconfigured("the kubeconfig gives more than one way to authenticate")
	}
	namespace := c.Namespace
	if namespace == "" {
		namespace = "default"
	}
	if why := validation.ValidateNamespaceName(namespace, false); len(why) > 0 {
		return nil, misconfigured("the namespace to read is no name of a namespace: " + strings.Join(why, "; "))
	}
	origin := (&url.URL{Scheme: base.Scheme, Host: base.Host}).String()
	return &store{
		namespace: namespace,
		base:      &url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimRight(base.Path, "/")},
		wire:      wire.New("the API server at "+origin, rt),
		transport: transport,
		tokens:    newTokens(c.Token, creds),
	}, nil
}

// Close implements backend.Backend.
func (s *store) Close(context.Context) error {
	s.transport.CloseIdleConnections()
	return nil
}

func misconfigured(text string) error {
	return &backend.Error{Kind: backend.Misconfigured, Message: text}
}

func unsupported(text string) error {
	return &backend.Error{Kind: backend.Unsupported, Message: text}
}
