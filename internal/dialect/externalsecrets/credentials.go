package externalsecrets

import (
	"encoding/base64"
	"time"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// bind says which namespace a selector means. A SecretStore acts with the
// rights of its own namespace, whatever it names; a ClusterSecretStore that
// names none means the namespace of the object that reads.
func (c *configs) bind(field string, named *string) string {
	if c.cluster {
		if named == nil {
			return ""
		}
		return *named
	}
	if named != nil && *named != c.namespace {
		c.Invalid(field+".namespace", "%s is not the namespace of the SecretStore, %s, beyond which it cannot reach; "+
			"remove it, or use a ClusterSecretStore", dialect.Quote(*named), dialect.Quote(c.namespace))
	}
	return c.namespace
}

// key is a key of a Secret; def is the key within it where none is named.
func (c *configs) key(field string, s *esv1.SecretKeySelector, def string) delivery.Credential {
	out := delivery.Credential{
		Kind:      delivery.FromSecret,
		Namespace: c.bind(field, s.Namespace),
		Name:      s.Name,
		Key:       s.Key,
	}
	if out.Key == "" {
		out.Key = def
	}
	if out.Name == "" {
		c.Invalid(field+".name", "the name of the Secret is missing")
	}
	if out.Key == "" {
		c.Invalid(field+".key", "the key within the Secret is missing")
	}
	return out
}

// account is a fresh token of a service account.
func (c *configs) account(field string, s *esv1.ServiceAccountSelector, audiences []string, expiry time.Duration) delivery.Credential {
	if s.Name == "" {
		c.Invalid(field+".name", "the name of the ServiceAccount is missing")
	}
	out := delivery.Credential{
		Kind:      delivery.FromServiceAccount,
		Namespace: c.bind(field, s.Namespace),
		Name:      s.Name,
		Expiry:    expiry,
	}
	out.Audiences = append(append(out.Audiences, s.Audiences...), audiences...)
	return out
}

// expiration is how long a service account's token is to live. The API server
// issues tokens for no less and no more than these.
func (c *configs) expiration(field string, seconds int64) time.Duration {
	if seconds < int64(tokenLife/time.Second) || seconds > 1<<32 {
		c.Invalid(field, "%d is not between 600 and 4294967296", seconds)
		return tokenLife
	}
	return time.Duration(seconds) * time.Second
}

// authority is where a server's certificate authority is kept: inline, or in
// an object. A cluster store has to name the namespace of that object: with
// the reader's, a reader could vouch for a server of its own and be sent the
// store's credentials.
func (c *configs) authority(field, bundle string, from *esv1.CAProvider) (pem []byte, ref delivery.Credential) {
	if bundle != "" {
		var err error
		if pem, err = base64.StdEncoding.DecodeString(bundle); err != nil {
			c.Invalid(field+".caBundle", "it is no base64; encode the PEM certificates, as in base64 -w0 ca.crt")
		}
		if from != nil {
			c.warnings = append(c.warnings, field+".caProvider has no effect: caBundle is set")
		}
		return pem, ref
	}
	if from == nil {
		return nil, ref
	}
	field += ".caProvider"
	if c.cluster && (from.Namespace == nil || *from.Namespace == "") {
		c.Invalid(field+".namespace", "a ClusterSecretStore has to name the namespace of its certificate authority")
	}
	if from.Name == "" {
		c.Invalid(field+".name", "the name of the Secret or ConfigMap is missing")
	}
	if from.Key == "" {
		c.Invalid(field+".key", "the key within the Secret or ConfigMap is missing")
	}
	return nil, delivery.Credential{
		Kind:      choose(c.Problems, field+".type", from.Type, delivery.FromSecret, delivery.FromConfigMap),
		Namespace: c.bind(field, from.Namespace),
		Name:      from.Name,
		Key:       from.Key,
	}
}
