package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// turn is how long one writer took for all objects, from its start.
type turn struct {
	Objects int
	Secrets time.Duration // until every Secret existed
	Ready   time.Duration // until every ExternalSecret was Ready
	First   time.Duration // until the first was
	// Polls are the meter's own LISTs of Secrets.
	Polls int
	Used  usage
}

// rate is in objects a second, both writes of each.
func (t turn) rate() float64 { return float64(t.Objects) / t.Ready.Seconds() }

// meter sees objects become done. It costs little, and the same whoever
// writes: a watch of the ExternalSecrets, whose events the API server encodes
// once for all who watch, and a count of the Secrets now and then.
type meter struct {
	n       int
	cancel  context.CancelFunc
	poll    func()          // begins to count the Secrets
	done    map[string]bool // the objects that are Ready
	version string          // as of which they are

	ready, secrets chan time.Time
	failed         chan error
	first, last    atomic.Pointer[time.Time] // when the first was Ready, and when one was written last
	seen, polls    atomic.Int64
}

// meter begins to watch a namespace. Nothing of it is done yet.
func (l *lab) meter(ctx context.Context, namespace string, n int) (*meter, error) {
	ctx, cancel := context.WithCancel(ctx)
	m := &meter{n: n, cancel: cancel, done: map[string]bool{},
		ready: make(chan time.Time, 1), secrets: make(chan time.Time, 1), failed: make(chan error, 2)}
	var list struct {
		Metadata struct{ ResourceVersion string }
	}
	body, err := l.raw.Get().Namespace(namespace).Resource("externalsecrets").Param("limit", "1").DoRaw(ctx)
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("look at the ExternalSecrets: %w", err)
	}
	m.version = list.Metadata.ResourceVersion
	open := func() (io.ReadCloser, error) {
		return l.raw.Get().Namespace(namespace).Resource("externalsecrets").
			Param("watch", "true").Param("resourceVersion", m.version).Param("timeoutSeconds", "3600").Stream(ctx)
	}
	stream, err := open()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("watch the ExternalSecrets: %w", err)
	}
	go func() {
		// The API server ends watches now and then, of a new kind too.
		for err == nil && ctx.Err() == nil {
			err = m.follow(stream)
			_ = stream.Close()
			if err == nil {
				stream, err = open()
			}
		}
		if ctx.Err() == nil {
			m.failed <- fmt.Errorf("watch the ExternalSecrets: %w", err)
		}
	}()
	m.poll = func() { go m.count(ctx, l, namespace) }
	return m, nil
}

// begin starts the clock, just before the writer starts.
func (m *meter) begin(l *lab) reading {
	m.poll()
	return l.readClock(nil)
}

func (m *meter) stop() { m.cancel() }

// quiet returns when no object has changed for a while, or anyway after a
// longer while.
func (m *meter) quiet(ctx context.Context, gap, patience time.Duration) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		still := gap - time.Since(*m.last.Load())
		if still <= 0 {
			return nil
		}
		if err := pause(ctx, still); err != nil {
			return err
		}
	}
	return nil
}

// follow counts the objects that become Ready, until the stream ends.
func (m *meter) follow(stream io.Reader) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var event struct {
			Type   string
			Object struct {
				Metadata struct{ Name, ResourceVersion string }
				Status   struct {
					Conditions []struct{ Type, Status string }
				}
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return err
		}
		if event.Type == "ERROR" {
			return errors.New("the API server broke it off")
		}
		m.version = event.Object.Metadata.ResourceVersion
		for _, c := range event.Object.Status.Conditions {
			if c.Type == "Ready" && c.Status == "True" {
				m.isReady(event.Object.Metadata.Name)
			}
		}
	}
	// Cut in the middle of a line, it may go on from the one before.
	return nil
}

// isReady notes an object, and tells when it was the last.
func (m *meter) isReady(name string) {
	now := time.Now()
	m.last.Store(&now)
	m.first.CompareAndSwap(nil, &now)
	if m.done[name] {
		return
	}
	m.done[name] = true
	m.seen.Store(int64(len(m.done)))
	if len(m.done) == m.n {
		m.ready <- now
	}
}

// pollEvery is a compromise: each poll costs the API server about what a
// write does.
const pollEvery = 50 * time.Millisecond

// count polls the number of Secrets.
func (m *meter) count(ctx context.Context, l *lab, namespace string) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		n, err := l.secrets(ctx, namespace)
		m.polls.Add(1)
		if err != nil {
			m.failed <- fmt.Errorf("count the Secrets: %w", err)
			return
		}
		if n == m.n {
			m.secrets <- time.Now()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// secrets counts the Secrets of a namespace with one cheap request.
func (l *lab) secrets(ctx context.Context, namespace string) (int, error) {
	list, err := l.core.Secrets(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return 0, err
	}
	return count(list), nil
}

func count(list *corev1.SecretList) int {
	n := len(list.Items)
	if more := list.RemainingItemCount; more != nil {
		n += int(*more)
	}
	return n
}

// wait returns when every Secret exists and every object is Ready. It fails
// when ended is closed before.
func (m *meter) wait(ctx context.Context, begin reading, ended <-chan struct{}) (turn, error) {
	t := turn{Objects: m.n}
	for t.Secrets == 0 || t.Ready == 0 {
		select {
		case at := <-m.ready:
			t.Ready = at.Sub(begin.at)
			t.Used = begin.until()
		case at := <-m.secrets:
			t.Secrets = at.Sub(begin.at)
		case err := <-m.failed:
			return t, err
		case <-ended:
			return t, fmt.Errorf("the operator ended after %d of %d objects", m.seen.Load(), m.n)
		case <-ctx.Done():
			return t, fmt.Errorf("%w: %d of %d objects were Ready", context.Cause(ctx), m.seen.Load(), m.n)
		}
	}
	t.First = m.first.Load().Sub(begin.at)
	t.Polls = int(m.polls.Load())
	return t, nil
}
