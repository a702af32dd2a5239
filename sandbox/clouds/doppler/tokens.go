package doppler

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"
)

// kind is the kind of a token, as /v3/me names it.
type kind string

const (
	service         kind = "service_token"
	personal        kind = "personal"
	cli             kind = "cli"
	serviceAccount  kind = "service_account_api"
	serviceIdentity kind = "service_account_identity"
)

// prefixes are what the tokens of a kind begin with.
func prefixes() map[kind]string {
	return map[kind]string{
		service: "dp.st.", personal: "dp.pt.", cli: "dp.ct.",
		serviceAccount: "dp.sa.", serviceIdentity: "dp.said.",
	}
}

// token is what a client authenticates with.
type token struct {
	value string
	kind  kind
	slug  string
	name  string

	// project and config are what a service token is bound to.
	project, config string
	// projects are those that another token reaches; none means all.
	projects []string
	write    bool

	created, seen time.Time
	expires       time.Time // zero is never
	limits        *Limits   // its own, in place of the server's
}

// issue makes the token known and gives it a value.
func (s *Server) issue(t token) *token {
	prefix := prefixes()[t.kind]
	if t.kind == service {
		prefix += t.config + "."
	}
	t.value = prefix + rand.Text() + strings.ToLower(rand.Text()[:17])
	t.slug = strings.ToLower(rand.Text())
	t.created = s.now()
	s.tokens[t.value] = &t
	return &t
}

func (t *token) limited(otherwise Limits) Limits {
	if t.limits != nil {
		return *t.limits
	}
	return otherwise
}

// credential is the token that a request carries: as a bearer, or as the user
// name of basic auth.
func credential(header http.Header) string {
	r := http.Request{Header: header}
	if user, _, ok := r.BasicAuth(); ok {
		return user
	}
	scheme, value, _ := strings.Cut(header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(value)
	}
	return ""
}

// authenticate finds the request's token.
func (s *Server) authenticate(header http.Header) (*token, *refusal) {
	value := credential(header)
	if value == "" {
		return nil, refuse(http.StatusUnauthorized, "Please provide an auth token")
	}
	t := s.tokens[value]
	if t != nil && (t.expires.IsZero() || s.now().Before(t.expires)) {
		return t, nil
	}
	if strings.HasPrefix(value, prefixes()[service]) {
		return nil, refuse(http.StatusUnauthorized, "Invalid Service token")
	}
	return nil, refuse(http.StatusUnauthorized, "Invalid Auth token")
}

// revoke takes tokens of any kind; whoever knows one may revoke it.
func revoke(s *Server, c *call) (answer, *refusal) {
	var request struct {
		Token string `json:"token"`
	}
	if no := c.decode(&request); no != nil {
		return answer{}, no
	}
	if s.tokens[request.Token] == nil {
		return answer{}, refuse(http.StatusBadRequest, "Could not find requested token")
	}
	delete(s.tokens, request.Token)
	return answer{status: http.StatusNoContent}, nil
}
