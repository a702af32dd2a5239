package kubeseal_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// podIP is where the API server thinks that the operator is.
const podIP = "10.1.2.3"

// egress is the API server's way to pods: a proxy that takes connections to
// podIP to the same port of this machine, and no others.
type egress struct {
	socket  string
	reached atomic.Int64
}

func startEgress(dir string) (*egress, error) {
	e := &egress{socket: filepath.Join(dir, "egress.sock")}
	l, err := net.Listen("unix", e.socket)
	if err != nil {
		return nil, err
	}
	srv := &http.Server{Handler: http.HandlerFunc(e.connect)}
	go func() { _ = srv.Serve(l) }()
	shared.ends = append(shared.ends, func() { _ = srv.Close() })
	return e, nil
}

// args are the API server's flags for it.
func (e *egress) args(dir string) ([]string, error) {
	path := filepath.Join(dir, "egress.yaml")
	text := fmt.Sprintf(`apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
  - name: cluster
    connection:
      proxyProtocol: HTTPConnect
      transport: {uds: {udsName: %q}}
`, e.socket)
	return []string{"--egress-selector-config-file=" + path}, os.WriteFile(path, []byte(text), 0o600)
}

func (e *egress) connect(w http.ResponseWriter, r *http.Request) {
	host, port, err := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || err != nil || host != podIP {
		http.Error(w, "there is no such pod", http.StatusBadGateway)
		return
	}
	to, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		http.Error(w, "nobody listens", http.StatusBadGateway)
		return
	}
	defer func() { _ = to.Close() }()
	from, rest, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = from.Close() }()
	e.reached.Add(1)
	_, _ = io.Copy(from, strings.NewReader("HTTP/1.1 200 Connection established\r\n\r\n"))
	go func() { _, _ = io.Copy(to, rest) }()
	_, _ = io.Copy(from, to)
}
