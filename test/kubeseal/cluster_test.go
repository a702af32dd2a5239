package kubeseal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// cluster is a control plane with operators in it, and what kubeseal needs.
type cluster struct {
	*testkit.Plane
	clients  kubernetes.Interface
	egress   *egress
	kubeseal string
	// user is the kubeconfig of somebody with no rights but everybody's.
	user string
	// addrs are where the operators listen, and logs what they say.
	addrs []string
	logs  logs
}

type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// startCluster starts two replicas of which one leads; the Service knows the
// one that does not.
func startCluster(ctx context.Context) (*cluster, error) {
	c := &cluster{}
	var err error
	if c.kubeseal, err = binary(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tacit-kubeseal-")
	if err != nil {
		return nil, err
	}
	shared.ends = append(shared.ends, func() { _ = os.RemoveAll(dir) })
	if c.egress, err = startEgress(dir); err != nil {
		return nil, err
	}
	args, err := c.egress.args(dir)
	if err != nil {
		return nil, err
	}
	c.Plane, err = testkit.StartPlane(ctx, testkit.PlaneOptions{
		CRDs: []string{"config/crd"}, Controllers: []string{"endpoints-controller"}, APIServerArgs: args,
	})
	if err != nil {
		return nil, err
	}
	shared.ends = append(shared.ends, func() { _ = c.Stop() })
	if c.clients, err = kubernetes.NewForConfig(c.Config()); err != nil {
		return nil, err
	}
	if err := c.operate(ctx, 2); err != nil {
		return nil, err
	}
	if err := c.publish(ctx, c.addrs[1]); err != nil {
		return nil, err
	}
	return c, c.addUser(ctx, filepath.Join(dir, "user"))
}

// operate starts replicas, one after the other leads.
func (c *cluster) operate(ctx context.Context, replicas int) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	shared.ends = append([]func(){func() { cancel(); running.Wait() }}, shared.ends...)
	for range replicas {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addr := l.Addr().String()
		if err := l.Close(); err != nil {
			return err
		}
		c.addrs = append(c.addrs, addr)
		running.Go(func() {
			err := operator.Run(ctx, operator.Options{
				Config: c.Config(), MetricsAddress: "0", ProbeAddress: "0", SealedAddress: addr,
				LeaderElect: true, LeaderNamespace: "kube-system", HomeNamespace: "kube-system",
				Registerer: prometheus.NewRegistry(), Pause: 50 * time.Millisecond,
				Languages: operator.LanguageOptions{Sealed: operator.SealedOptions{Bits: 2048}},
				Log:       logr.FromSlogHandler(slog.NewTextHandler(&c.logs, &slog.HandlerOptions{Level: slog.Level(-10)})),
			})
			if err != nil {
				fmt.Fprintln(os.Stderr, "operator:", err)
			}
		})
	}
	return nil
}

// publish applies the example and makes a pod for its Service.
func (c *cluster) publish(ctx context.Context, addr string) error {
	root, err := testkit.Root()
	if err != nil {
		return err
	}
	if out, err := c.Kubectl(ctx, "apply", "-f", filepath.Join(root, "examples", "sealed")).CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl apply: %w\n%s", err, out)
	}
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return err
	}
	pods := c.clients.CoreV1().Pods("kube-system")
	pod, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "tacit-0", Labels: map[string]string{"app.kubernetes.io/name": "tacit"}},
		Spec: corev1.PodSpec{NodeName: "made-up", Containers: []corev1.Container{{
			Name: "tacit", Image: "tacit", Ports: []corev1.ContainerPort{{Name: "sealed", ContainerPort: int32(port)}},
		}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: podIP, PodIPs: []corev1.PodIP{{IP: podIP}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
	_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// addUser makes a service account that nobody gave any rights, and its
// kubeconfig.
func (c *cluster) addUser(ctx context.Context, path string) error {
	accounts := c.clients.CoreV1().ServiceAccounts("default")
	if _, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "somebody"}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	token, err := accounts.CreateToken(ctx, "somebody", &authv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	c.user = path
	return writeKubeconfig(path, c.Config(), token.Status.Token)
}

func writeKubeconfig(path string, cfg *rest.Config, token string) error {
	ca := path + ".crt"
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: u, user: {token: %q}}]
contexts: [{name: x, context: {cluster: c, user: u, namespace: default}}]
current-context: x
`, cfg.Host, ca, token)
	return errors.Join(os.WriteFile(ca, cfg.CAData, 0o600), os.WriteFile(path, []byte(text), 0o600))
}
