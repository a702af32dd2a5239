package seal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// Cluster is the operator of a cluster, Tacit or Sealed Secrets, as it is
// reached through the API server with a user's rights.
type Cluster struct {
	client             *corev1client.CoreV1Client
	namespace, service string
}

// NewCluster makes a client; it asks nothing yet.
func NewCluster(cfg *rest.Config, namespace, service string) (*Cluster, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.UserAgent = -1, "tacit-seal"
	cfg.Wrap(heed)
	client, err := corev1client.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("set up the client: %w", err)
	}
	return &Cluster{client, namespace, service}, nil
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// answer is what the operator says, and whether it is Tacit, for which its
// header speaks: a Service may lead to either.
type answer struct {
	text  []byte
	tacit bool
}

// server is where a context has noted who answered.
type server struct{}

// heed notes it.
func heed(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if by, ok := r.Context().Value(server{}).(*string); ok && err == nil {
			*by = resp.Header.Get("Server")
		}
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// ask sends a request through the proxy to the first port of the service, as
// kubeseal does. The client waits and asks again where it is told to.
func (c *Cluster) ask(ctx context.Context, method, path string, body []byte) (answer, error) {
	service, err := c.client.Services(c.namespace).Get(ctx, c.service, metav1.GetOptions{})
	if err != nil {
		return answer{}, c.explain(err)
	}
	if len(service.Spec.Ports) == 0 {
		return answer{}, fmt.Errorf("Service %s/%s has no port", c.namespace, c.service)
	}
	req := c.client.RESTClient().Verb(method).Namespace(c.namespace).Resource("services").SubResource("proxy").
		Name(utilnet.JoinSchemeNamePort("http", c.service, service.Spec.Ports[0].Name)).Suffix(path)
	if body != nil {
		req = req.SetHeader("Content-Type", "application/json").Body(body)
	}
	var by string
	stream, err := req.Stream(context.WithValue(ctx, server{}, &by))
	if err != nil {
		return answer{}, c.explain(err)
	}
	defer func() { _ = stream.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(stream, maxAnswer+1))
	if err != nil {
		return answer{}, fmt.Errorf("the cluster's answer broke off: %w", err)
	}
	if len(text) > maxAnswer {
		return answer{}, errors.New("the cluster's answer is too long to be one")
	}
	return answer{text, by == "tacit"}, nil
}

// refusal is an answer other than 200. said is what the operator added.
type refusal struct {
	code       int
	text, said string
}

func (r *refusal) Error() string {
	if r.said == "" {
		return r.text
	}
	return r.text + ": " + r.said
}

// unopened makes of the answer that a SealedSecret does not open an error
// about it.
func unopened(err error) error {
	var r *refusal
	if !errors.As(err, &r) || r.code != http.StatusConflict {
		return err
	}
	why := r.said
	if why == "" {
		why = "it was sealed for another cluster, namespace or name, or was changed"
	}
	return &delivery.Error{Kind: delivery.Refused, Message: "does not open in this cluster: " + why, Err: r}
}

func (c *Cluster) explain(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return fmt.Errorf("cannot ask the cluster: %w", err)
	}
	place := c.namespace + "/" + c.service
	s := status.Status()
	r := &refusal{code: int(s.Code), said: said(s.Details)}
	switch r.code {
	case http.StatusForbidden, http.StatusUnauthorized:
		r.text = fmt.Sprintf("you may not ask Service %s: it takes get on services, and get and create on services/proxy", place)
	case http.StatusNotFound:
		r.text = fmt.Sprintf("there is no Service %s, or it does not answer this: --controller-name and --controller-namespace say where the operator is, --cert does without it", place)
	case http.StatusServiceUnavailable:
		if r.said != "" { // the API server says it otherwise
			r.text = fmt.Sprintf("Service %s cannot do it now", place)
			break
		}
		r.text = fmt.Sprintf("behind Service %s nobody answers: does the operator run?", place)
	case http.StatusTooManyRequests:
		r.text = "the cluster is asked too much: try again later"
	default:
		r.text = fmt.Sprintf("Service %s answers %d", place, s.Code)
	}
	return r
}

// said is what the operator answered in words, if it is short enough to be
// that.
func said(details *metav1.StatusDetails) string {
	if details == nil {
		return ""
	}
	for _, cause := range details.Causes {
		text := strings.TrimSpace(cause.Message)
		if cause.Type == metav1.CauseTypeUnexpectedServerResponse && len(text) < 500 && !strings.ContainsAny(text, "\n<{") && text != "unknown" {
			return text
		}
	}
	return ""
}

// Certificate is the one to seal for.
func (c *Cluster) Certificate(ctx context.Context) (sealing.Certificate, error) {
	got, err := c.ask(ctx, http.MethodGet, "/v1/cert.pem", nil)
	if err != nil {
		return sealing.Certificate{}, err
	}
	certs, err := sealing.ParseCertificates(got.text)
	if err != nil {
		return sealing.Certificate{}, fmt.Errorf("the cluster's certificate: %w", err)
	}
	return certs[0], nil
}

// Open reports whether the object opens in the cluster.
func (c *Cluster) Open(ctx context.Context, o *v1alpha1.SealedSecret) error {
	body, err := json.Marshal(o)
	if err != nil {
		return errors.New("it cannot be written as JSON")
	}
	_, err = c.ask(ctx, http.MethodPost, "/v1/verify", body)
	return unopened(err)
}

// Reseal has the cluster seal the object's values for its newest key.
func (c *Cluster) Reseal(ctx context.Context, o *v1alpha1.SealedSecret) (map[string]string, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return nil, errors.New("it cannot be written as JSON")
	}
	got, err := c.ask(ctx, http.MethodPost, "/v1/rotate", body)
	if err != nil {
		return nil, unopened(err)
	}
	var after v1alpha1.SealedSecret
	if err := json.Unmarshal(got.text, &after); err != nil || after.Kind != v1alpha1.SealedSecretKind {
		return nil, errors.New("the cluster's answer is no SealedSecret")
	}
	if after.Name != o.Name || after.Namespace != o.Namespace || ScopeOf(after.Annotations) != ScopeOf(o.Annotations) {
		return nil, objectError{errors.New("the cluster answers with another SealedSecret than it was asked about")}
	}
	// The original renders templates before it seals anew: what a template
	// makes of a value would stand in the file in its place.
	for key := range o.Spec.EncryptedData {
		if _, both := o.Spec.Template.Data[key]; both && !got.tacit {
			return nil, objectError{fmt.Errorf("the key %q is also one of its template: the cluster may seal what the template makes of it; use --keys", key)}
		}
	}
	return after.Spec.EncryptedData, nil
}

// ErrNotThere is that the cluster has no such SealedSecret.
var ErrNotThere = errors.New("there is no such SealedSecret in the cluster")

// Live is the object as it is in the cluster, or ErrNotThere.
func (c *Cluster) Live(ctx context.Context, namespace, name string) (*v1alpha1.SealedSecret, error) {
	v := v1alpha1.GroupVersion()
	text, err := c.client.RESTClient().Get().AbsPath("/apis", v.Group, v.Version, "namespaces", namespace, "sealedsecrets", name).Do(ctx).Raw()
	switch {
	case apierrors.IsNotFound(err):
		return nil, ErrNotThere
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return nil, fmt.Errorf("you may not read SealedSecret %s/%s: it takes get on sealedsecrets (%s) in namespace %s", namespace, name, v.Group, namespace)
	case err != nil:
		return nil, fmt.Errorf("read SealedSecret %s/%s: %w", namespace, name, err)
	}
	var o v1alpha1.SealedSecret
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, fmt.Errorf("SealedSecret %s/%s of the cluster cannot be read", namespace, name)
	}
	return &o, nil
}
