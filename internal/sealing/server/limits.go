package server

import (
	"net"
	"runtime"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// patience is how long one request may take, and haste how long its headers
	// may, and then its body.
	patience = 30 * time.Second
	haste    = 5 * time.Second
	// maxConnections are open at once, and maxBodies at hand; maxPeers are told
	// apart.
	maxConnections = 128
	maxBodies      = 16
	maxPeers       = 1024
)

// limits bound what all requests together cost.
type limits struct {
	rate  rate.Limit
	burst int
	// work lets as many requests decrypt that those who unseal for the cluster
	// are not kept from it.
	work   turns
	bodies shares

	mu    sync.Mutex
	peers map[string]*rate.Limiter
}

func newLimits(perSecond float64, burst int) *limits {
	return &limits{
		rate: rate.Limit(perSecond), burst: burst, peers: map[string]*rate.Limiter{},
		work: turns{room: max(1, runtime.GOMAXPROCS(0)/2)}, bodies: shares{room: maxBodies},
	}
}

// peerOf is who is at the other end. Peers are told apart by where their
// connections come from, which cannot be forged, not by headers, which can. All
// who come through an API server are one.
func peerOf(remote string) string {
	peer, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return peer
}

// wait is how long the peer has to wait before it may ask; 0 if it may now.
// kubeseal waits as it is told.
func (l *limits) wait(peer string, now time.Time) time.Duration {
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
// other limits still hold. The caller holds l.mu.
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
