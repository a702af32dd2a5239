package testkit

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/client-go/kubernetes"
)

// Request is a kind of request to the API server, as its own metrics name it:
// Verb is GET, LIST, WATCH, POST, PUT, PATCH, APPLY, DELETE or
// DELETECOLLECTION; Resource is plural and without its group.
type Request struct{ Verb, Resource, Subresource string }

// Requests counts the requests that the API server has answered since it
// started, those of the plane's own controllers among them. A watch counts
// when it ends. Compare two calls to learn what happened between them.
func (p *Plane) Requests(ctx context.Context) (map[Request]int, error) {
	clients, err := kubernetes.NewForConfig(p.Config())
	if err != nil {
		return nil, err
	}
	metrics, err := clients.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the API server's metrics: %w", err)
	}
	return parseRequests(metrics)
}

// Since subtracts earlier counts and leaves out what did not change.
func Since(before, after map[Request]int) map[Request]int {
	changed := map[Request]int{}
	for request, n := range after {
		if d := n - before[request]; d != 0 {
			changed[request] = d
		}
	}
	return changed
}

// parseRequests reads the counter apiserver_request_total of metrics in the
// text format. The page is megabytes of histograms, so only these lines are
// looked at; their labels hold no character that would be escaped.
func parseRequests(metrics []byte) (map[Request]int, error) {
	counts := map[Request]int{}
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), "apiserver_request_total{")
		if !ok {
			continue
		}
		labels, value, ok := strings.Cut(rest, "} ")
		n, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("metrics: cannot read the line %q", lines.Text())
		}
		var r Request
		for label := range strings.SplitSeq(labels, `",`) {
			switch name, text, _ := strings.Cut(strings.TrimSuffix(label, `"`), `="`); name {
			case "verb":
				r.Verb = text
			case "resource":
				r.Resource = text
			case "subresource":
				r.Subresource = text
			}
		}
		counts[r] += int(n)
	}
	return counts, lines.Err()
}
