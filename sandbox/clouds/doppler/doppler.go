// Package doppler serves Doppler's API, version 3, from memory: secrets with
// their references, downloads in all formats with ETags, tokens of every
// kind, OIDC identities, rate limits and errors, as docs.doppler.com/reference
// describes them.
//
// Where the documentation is silent it answers as Doppler's own published
// clients expect: the weak ETag, 400 for what a token does not reach, 401 for
// tokens that are unknown, 200 with nulls for a secret that does not exist.
//
// It differs in this: plain HTTP is served and not redirected, configs do not
// inherit from one another, no dynamic secrets exist, and the limits of the
// plan are out of reach unless asked for.
package doppler

import (
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/tacit-secrets/tacit/sandbox/clouds/faults"
)

// largestBody is how much of a request is read.
const largestBody = 8 << 20

// Server is one Doppler workplace. Its zero value is not ready; see New.
type Server struct {
	faults faults.Set
	routes map[string]map[string]endpoint // by path and method
	now    func() time.Time

	mu         sync.Mutex // guards everything below
	projects   map[string]*project
	tokens     map[string]*token
	identities map[string]*identity
	buckets    map[string]*bucket
	limits     Limits
	etagKey    []byte
}

// New is an empty workplace with these limits for every address and token.
func New(limits Limits) *Server {
	return &Server{
		routes:     routes(),
		now:        time.Now,
		projects:   map[string]*project{},
		tokens:     map[string]*token{},
		identities: map[string]*identity{},
		buckets:    map[string]*bucket{},
		limits:     limits,
		etagKey:    []byte(rand.Text()),
	}
}

// call is a request on its way through an endpoint.
type call struct {
	header http.Header
	query  url.Values
	body   []byte
	token  *token // nil on open endpoints
}

// endpoint is what a method of a path does. run is called with Server.mu
// held.
type endpoint struct {
	class class
	open  bool // needs no token
	run   func(*Server, *call) (answer, *refusal)
}

func routes() map[string]map[string]endpoint {
	const get, post, del = http.MethodGet, http.MethodPost, http.MethodDelete
	return map[string]map[string]endpoint{
		"/v3/configs/config/secrets/download": {get: {class: secretReads, run: download}},
		"/v3/configs/config/secrets": {
			get:  {class: secretReads, run: listSecrets},
			post: {class: writes, run: updateSecrets},
		},
		"/v3/configs/config/secrets/names": {get: {class: reads, run: listNames}},
		"/v3/configs/config/secret": {
			get: {class: secretReads, run: getSecret},
			del: {class: writes, run: deleteSecret},
		},
		"/v3/configs":          {get: {class: reads, run: listConfigs}},
		"/v3/configs/config":   {get: {class: reads, run: getConfig}},
		"/v3/projects":         {get: {class: reads, run: listProjects}},
		"/v3/projects/project": {get: {class: reads, run: getProject}},
		"/v3/me":               {get: {class: reads, run: me}},
		"/v3/auth/oidc":        {post: {class: writes, open: true, run: exchange}},
		"/v3/auth/revoke":      {post: {class: writes, open: true, run: revoke}},
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", rand.Text())
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
	if err != nil {
		refuse(http.StatusRequestEntityTooLarge, "Request body is too large").write(w)
		return
	}
	c := &call{header: r.Header, query: r.URL.Query(), body: body}
	s.faults.Serve(w, r, s.scope(r, c), func(w http.ResponseWriter, r *http.Request) {
		c.header = r.Header
		s.answer(w, r, c)
	}, func(w http.ResponseWriter, status int) {
		refuse(status, "%s", http.StatusText(status)).write(w)
	})
}

// answer writes what the endpoint says.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, c *call) {
	a, no := s.run(w.Header(), r, c)
	if no != nil {
		no.write(w)
		return
	}
	a.write(w)
}

// run finds the endpoint, checks the limits and the token, and calls it.
func (s *Server) run(header http.Header, r *http.Request, c *call) (answer, *refusal) {
	methods, ok := s.routes[r.URL.Path]
	if !ok {
		return answer{}, refuse(http.StatusNotFound, "Could not find requested page")
	}
	e, ok := methods[r.Method]
	if !ok {
		return answer{}, refuse(http.StatusMethodNotAllowed, "Method not allowed")
	}
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if no := s.spend(header, e.class, "address "+address, s.limits); no != nil {
		return answer{}, no
	}
	if e.open {
		return e.run(s, c)
	}
	var no *refusal
	if c.token, no = s.authenticate(c.header); no != nil {
		return answer{}, no
	}
	if no := s.spend(header, e.class, "token "+c.token.value, c.token.limited(s.limits)); no != nil {
		return answer{}, no
	}
	c.token.seen = s.now()
	return e.run(s, c)
}
