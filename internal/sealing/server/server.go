// Package server answers what kubeseal asks the operator of a cluster:
//
//	GET  /v1/cert.pem   the certificate to seal for
//	POST /v1/verify     does this SealedSecret open here? 200 or 409
//	POST /v1/rotate     the same SealedSecret, sealed for the newest key
//	GET  /healthz
//
// Whoever reaches it may ask: in a cluster that is everybody. So no answer and
// no line of a log holds what a ciphertext holds, nor a ciphertext that was sent
// (a refusal names the object and its entries); none tells which keys there are.
// Nothing can be sealed for a wider scope than before, and every request is
// bounded in size, time and number.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Keys are those of the cluster; a sealing.Discreet, for its errors are told.
type Keys interface {
	// Newest is the certificate to seal for, or a *delivery.Error why there is
	// none.
	Newest() (sealing.Certificate, error)
	// Open opens all entries or none.
	Open(ctx context.Context, s delivery.Sealed) (secret.Data, error)
	// Reseal returns all entries, such that the newest key opens them.
	Reseal(ctx context.Context, random io.Reader, s delivery.Sealed) (map[string]string, error)
}

// Options say what to serve. Keys and Kind are required.
type Options struct {
	// Address to listen on, such as ":8082".
	Address string
	Keys    Keys
	// Kind is the language's: only its translation says what the scope of an
	// object is.
	Kind dialect.Deliveries
	Log  logr.Logger
	// Rate is how many requests that cost something a peer may make in a
	// second, and Burst how many at once; zero is 20 and 40.
	Rate  float64
	Burst int
}

// Name is what answers have as their Server: what is for Tacit alone is asked of
// nobody else (tacit seal rotate, where the original would change more).
const Name = "tacit"

const plain = "text/plain; charset=utf-8"

// Server serves the endpoints.
type Server struct {
	opts   Options
	limits *limits
}

// New makes a server, which does not listen yet.
func New(o Options) *Server {
	if o.Rate <= 0 {
		o.Rate = 20
	}
	if o.Burst <= 0 {
		o.Burst = 40
	}
	return &Server{opts: o, limits: newLimits(o.Rate, o.Burst)}
}

// Handler serves the endpoints without listening by itself.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, plain, "ok") })
	mux.HandleFunc("GET /v1/cert.pem", s.certificate)
	mux.Handle("POST /v1/verify", s.about(s.verify))
	mux.Handle("POST /v1/rotate", s.about(s.rotate))
	return s.contained(mux)
}

// certificate answers with the newest alone: kubeseal would take the first of
// several, other programs perhaps another.
func (s *Server) certificate(w http.ResponseWriter, _ *http.Request) {
	newest, err := s.opts.Keys.Newest()
	if err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = w.Write(newest.PEM()) // who went away needs no answer
}

func (s *Server) verify(ctx context.Context, w http.ResponseWriter, o *object) error {
	if _, err := s.opts.Keys.Open(ctx, o.sealed); err != nil {
		return err
	}
	say(w, http.StatusOK, plain, "it opens here")
	return nil
}

// about answers a request about the SealedSecret in its body.
func (s *Server) about(do func(context.Context, http.ResponseWriter, *object) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.admit(w, r, do); err != nil {
			s.fail(w, err)
		}
	})
}

// admit answers the request, unless others take its place.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, do func(context.Context, http.ResponseWriter, *object) error) (err error) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	peer := peerOf(r.RemoteAddr)
	if wait := s.limits.wait(peer, time.Now()); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		return &failure{http.StatusTooManyRequests, "too many requests: try again later"}
	}
	conn := http.NewResponseController(w)
	g := s.limits.bodies.enter(peer, func() {
		cancel()
		// Without a connection, as in tests, there is nothing to end.
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // long ago
	})
	if g == nil {
		return errBusy()
	}
	defer func() {
		if s.limits.bodies.leave(g) && err != nil {
			err = errBusy()
		}
	}()
	_ = conn.SetReadDeadline(time.Now().Add(haste))
	text, err := body(w, r)
	if err != nil {
		return err
	}
	g.awaited(false)
	// Else the end of the time for reading would end the request.
	_ = conn.SetReadDeadline(time.Time{})
	return s.answer(ctx, w, peer, text, do)
}

// answer does what is asked for about the object when it is the peer's turn.
func (s *Server) answer(ctx context.Context, w http.ResponseWriter, peer string, text []byte, do func(context.Context, http.ResponseWriter, *object) error) error {
	if !s.limits.work.enter(ctx, peer) {
		return errBusy()
	}
	defer s.limits.work.leave()
	o, err := read(s.opts.Kind, text)
	if err != nil {
		return err
	}
	return do(ctx, w, o)
}

func errBusy() error {
	return &failure{http.StatusServiceUnavailable, "busy with other requests: try again in a moment"}
}

// failure is an answer other than a success.
type failure struct {
	code int
	text string
}

func (f *failure) Error() string { return f.text }

// failureOf knows what is told of an error. What it does not know is not told.
func failureOf(err error) *failure {
	var f *failure
	var d *delivery.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &failure{http.StatusServiceUnavailable, fmt.Sprintf("it took longer than %s: try again later, or with fewer entries", patience)}
	case !errors.As(err, &d):
		return &failure{http.StatusInternalServerError, "it failed for a reason that only the operator's log may tell"}
	case d.Kind == delivery.Unavailable:
		return &failure{http.StatusServiceUnavailable, d.Message}
	case d.Kind == delivery.Unsupported || d.Kind == delivery.Invalid:
		return &failure{http.StatusUnprocessableEntity, d.Message}
	}
	return &failure{http.StatusConflict, d.Message}
}

func (s *Server) fail(w http.ResponseWriter, err error) {
	f := failureOf(err)
	if f.code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if f.code == http.StatusInternalServerError {
		// Its text may be about what is not for others, so only its type.
		s.opts.Log.Info("a request of kubeseal's failed", "error", fmt.Sprintf("%T", err))
	}
	s.opts.Log.V(1).Info("refused a request of kubeseal's", "status", f.code)
	// In this form client-go, and so kubeseal, shows it to its user; the cause
	// is where client-go puts what other servers say.
	text, _ := json.Marshal(metav1.Status{ // words and a number: it cannot fail
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Message: f.text, Code: int32(f.code),
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: metav1.CauseTypeUnexpectedServerResponse, Message: f.text}}},
	})
	say(w, f.code, "application/json", string(text))
}

func say(w http.ResponseWriter, code int, kind, text string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n") // who went away needs no answer
}
