package copies

import (
	"encoding/pem"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// period is how often these tests have other clusters looked at.
const period = 100 * time.Millisecond

// outpost is a bed whose operator, limited to its namespace, copies to the
// shared plane. That one's own operator takes no notice: the copies are of a
// cluster with another name.
type outpost struct {
	*bed
	far   *bed
	proxy *testkit.Proxy // on the way there, behind front
	front *httptest.Server
	dir   string // of the kubeconfig
	logs  operatortest.Logs
	n     int
}

func newOutpost(t *testing.T) *outpost {
	t.Helper()
	b, plane := newBed(t, otherPlane(t)), testkit.SharedPlane(t)
	o := &outpost{bed: b, far: &bed{testkit.Client(t, plane), t, plane, b.ns}, dir: t.TempDir()}
	must(t, o.far.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.ns}}))
	o.proxy = testkit.NewProxy(t, plane.Config().Host, plane.Config().CAData)
	// Credentials go nowhere without TLS.
	o.front = httptest.NewTLSServer(o.proxy)
	t.Cleanup(o.front.Close)
	return o
}

func (o *outpost) serve() {
	o.t.Helper()
	o.operate(func(opts *operator.Options) {
		changed := options(o.plane.Config(), &o.logs)
		opts.Log, opts.Namespaces, opts.LookAbroad = changed.Log, []string{o.ns}, period
		opts.Languages.KubedCluster = o.ns
		opts.ClustersKubeconfig = filepath.Join(o.dir, "config")
	})
}

// lead has the kubeconfig be one of these contexts, by their namespaces, with a
// token.
func (o *outpost) lead(token string, contexts pairs) {
	o.t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["far"] = &clientcmdapi.Cluster{Server: o.front.URL, CertificateAuthorityData: pem.EncodeToMemory(
		&pem.Block{Type: "CERTIFICATE", Bytes: o.front.Certificate().Raw})}
	config.AuthInfos["me"] = &clientcmdapi.AuthInfo{Token: token}
	for name, namespace := range contexts {
		config.Contexts[name] = &clientcmdapi.Context{Cluster: "far", AuthInfo: "me", Namespace: namespace}
	}
	text, err := clientcmd.Write(*config)
	must(o.t, err)
	o.write(text)
}

// write puts the kubeconfig into place as the kubelet does with a Secret: as a
// file behind a link, which is replaced.
func (o *outpost) write(text []byte) {
	o.t.Helper()
	o.n++
	file, link := filepath.Join(o.dir, "data"+strconv.Itoa(o.n)), filepath.Join(o.dir, "link")
	must(o.t, os.WriteFile(file, text, 0o600))
	must(o.t, os.Symlink(file, link))
	must(o.t, os.Rename(link, filepath.Join(o.dir, "config")))
}

func (o *outpost) token() string { return o.far.plane.Config().BearerToken }

// copied makes a source that is copied to contexts.
func (o *outpost) copied(kind, name, contexts string) *object {
	o.t.Helper()
	return o.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: pairs{syncContexts: contexts}}, data: pairs{"v": "1"}})
}

// looked waits until the other cluster was looked at some more times, and
// returns the requests that went there meanwhile.
func (o *outpost) looked(times int) map[string]int {
	o.t.Helper()
	o.proxy.ResetCounts()
	var counts map[string]int
	o.eventually(func() error {
		counts = o.proxy.Counts()
		if n := counts["/api/v1/secrets"]; n < times {
			return errorf("%d looks, want %d", n, times)
		}
		return nil
	})
	return counts
}

// logged waits until the operator has said something, and returns how often.
func (o *outpost) logged(what string) int {
	o.t.Helper()
	o.eventually(func() error {
		if !strings.Contains(o.logs.String(), what) {
			return errorf("nothing is said of %q", what)
		}
		return nil
	})
	return strings.Count(o.logs.String(), what)
}

func TestCopiesInAnotherClusterAreRepaired(t *testing.T) {
	t.Parallel()
	o := newOutpost(t)
	spoke := o.far.namespace("spoke", nil)
	o.lead(o.token(), pairs{"far": "", "spoke": spoke})
	o.serve()
	for _, kind := range kinds {
		for _, name := range []string{"edited", "deleted"} {
			o.copied(kind, name, "far,spoke")
		}
	}
	for _, kind := range kinds {
		for _, ns := range []string{o.ns, spoke} {
			o.far.set(o.far.holds(kind, ns, "edited", "1"), "v", "edited")
			o.far.remove(o.far.holds(kind, ns, "deleted", "1"))
		}
	}
	for _, kind := range kinds {
		for _, ns := range []string{o.ns, spoke} {
			o.far.holds(kind, ns, "edited", "1")
			o.far.holds(kind, ns, "deleted", "1")
		}
	}
	// What one context has made is not the other's to take away.
	before := []*object{o.far.read("Secret", spoke, "edited"), o.far.read("Secret", o.ns, "deleted")}
	o.looked(5)
	for _, copied := range before {
		o.far.untouched(copied)
	}
}

func TestALookAtAnotherClusterIsOneList(t *testing.T) {
	t.Parallel()
	o := newOutpost(t)
	o.lead(o.token(), pairs{"far": ""})
	o.serve()
	for i := range 20 {
		o.copied("Secret", "app-"+strconv.Itoa(i), "far")
	}
	for i := range 20 {
		o.far.holds("Secret", o.ns, "app-"+strconv.Itoa(i), "1")
	}
	o.eventually(func() error {
		counts := o.looked(5)
		maps.DeleteFunc(counts, func(path string, n int) bool {
			return path == "/api/v1/secrets" && n <= 6 || path == "/api/v1/configmaps"
		})
		if len(counts) > 0 {
			return errorf("beside the lists there are requests: %v", counts)
		}
		return nil
	})
}

func TestAClusterThatDoesNotAnswerHurtsNoOther(t *testing.T) {
	t.Parallel()
	o := newOutpost(t)
	o.lead(o.token(), pairs{"far": ""})
	o.serve()
	src := o.copied("Secret", "app", "far")
	edited := o.far.holds("Secret", o.ns, "app", "1")
	o.proxy.Set(testkit.Down())
	o.logged("copies in another cluster cannot be looked after")
	o.far.set(edited, "v", "edited")
	o.set(src, "v", "2")
	o.event(src, "SyncFailed", "did not answer")
	o.proxy.Set(testkit.None)
	o.far.holds("Secret", o.ns, "app", "2")
	o.logged("looked after again")
}

func TestTheKubeconfigIsReadAgain(t *testing.T) {
	t.Parallel()
	o := newOutpost(t)
	later := o.far.namespace("later", nil)
	o.lead(o.token(), pairs{"far": ""})
	o.serve()
	src := o.copied("Secret", "app", "far,later")
	o.far.holds("Secret", o.ns, "app", "1")
	o.event(src, "SyncFailed", `no context "later"`)
	o.lead(o.token(), pairs{"far": "", "later": later})
	o.far.holds("Secret", later, "app", "1")

	// A broken one leaves all as it was, and is told once, without what is in it.
	for _, broken := range []string{"users: {my-canary: [", "kind: [my-canary", ""} {
		o.write([]byte(broken))
		o.looked(5)
	}
	if n := o.logged("it is no kubeconfig"); n != 1 {
		t.Errorf("it was told %d times", n)
	}
	if n := o.logged("it has no contexts"); n != 1 {
		t.Errorf("it was told %d times", n)
	}
	if strings.Contains(o.logs.String(), "my-canary") {
		t.Error("what is in the broken file was logged")
	}
	o.set(src, "v", "2")
	o.far.holds("Secret", o.ns, "app", "2")
	o.far.holds("Secret", later, "app", "2")

	// Credentials that are good no longer are replaced.
	o.lead("no-longer-good", pairs{"far": "", "later": later})
	o.logged("cannot be looked after")
	o.set(src, "v", "3")
	o.event(src, "SyncFailed", "2 of 2 copies could not be made")
	o.lead(o.token(), pairs{"far": "", "later": later})
	o.far.holds("Secret", o.ns, "app", "3")
	o.far.holds("Secret", later, "app", "3")
}
