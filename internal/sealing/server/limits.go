package server

import (
	"context"
	"net"
	"runtime"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// patience is how long one request may take.
	patience = 30 * time.Second
	// maxBodies are at hand at once; maxPeers are told apart.
	maxBodies = 16
	maxPeers  = 1024
)

// limits bound what all requests together cost.
type limits struct {
	rate  rate.Limit
	burst int
	// work lets as many requests decrypt that those who unseal for the cluster
	// are not kept from it.
	work, bodies gate

	mu    sync.Mutex
	peers map[string]*rate.Limiter
}

func newLimits(perSecond float64, burst int) *limits {
	return &limits{
		rate: rate.Limit(perSecond), burst: burst, peers: map[string]*rate.Limiter{},
		work: make(gate, max(1, runtime.GOMAXPROCS(0)/2)), bodies: make(gate, maxBodies),
	}
}

// wait is how long the peer has to wait before it may ask; 0 if it may now.
// Peers are told apart by where their connections come from, which cannot be
// forged, not by headers, which can. All who come through an API server are
// one, and kubeseal waits as it is told.
func (l *limits) wait(remote string, now time.Time) time.Duration {
	peer, _, err := net.SplitHostPort(remote)
	if err != nil {
		peer = remote
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lim, ok := l.peers[peer]
	if !ok {
		if len(l.peers) >= maxPeers {
			l.forget(now)
		}
		lim = rate.NewLimiter(l.rate, l.burst)
		l.peers[peer] = lim
	}
	r := lim.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait
	}
	return 0
}

// forget drops the peers that have their whole burst again, else all: the
// gates still hold. The caller holds l.mu.
func (l *limits) forget(now time.Time) {
	for peer, lim := range l.peers {
		if lim.TokensAt(now) >= float64(l.burst) {
			delete(l.peers, peer)
		}
	}
	if len(l.peers) >= maxPeers {
		clear(l.peers)
	}
}

// gate lets as many in as it has room for.
type gate chan struct{}

func (g gate) tryEnter() bool {
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g gate) enter(ctx context.Context) bool {
	select {
	case g <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g gate) leave() { <-g }
