package doppler

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// class is what a request counts as.
type class int

const (
	reads class = iota
	secretReads
	writes
)

// Limits are how many requests a window may have.
type Limits struct {
	Reads, SecretReads, Writes int
	Window                     time.Duration
}

// Plan is the limits of a plan of Doppler's. Without a name they are out of
// reach, so that tests meet only those that they set.
func Plan(name string) (Limits, error) {
	const outOfReach = 1_000_000
	switch name {
	case "":
		return Limits{outOfReach, outOfReach, outOfReach, time.Minute}, nil
	case "developer":
		return Limits{240, 120, 60, time.Minute}, nil
	case "team":
		return Limits{480, 240, 120, time.Minute}, nil
	case "enterprise":
		return Limits{480, 480, 240, time.Minute}, nil
	default:
		return Limits{}, fmt.Errorf("no plan of Doppler's is called %q: use developer, team or enterprise", name)
	}
}

func (l Limits) of(c class) int {
	return [...]int{reads: l.Reads, secretReads: l.SecretReads, writes: l.Writes}[c]
}

// bucket is what is left of a window.
type bucket struct {
	spent int
	reset time.Time
}

// spend takes one request of who's bucket. It writes the headers that every
// answer has, or refuses.
func (s *Server) spend(header http.Header, c class, who string, limits Limits) *refusal {
	now := s.now()
	key := fmt.Sprintf("%s %d", who, c)
	b := s.buckets[key]
	if b == nil || !now.Before(b.reset) {
		b = &bucket{reset: now.Add(limits.Window)}
		s.buckets[key] = b
	}
	limit := limits.of(c)
	b.spent++
	header.Set("X-Ratelimit-Limit", strconv.Itoa(limit))
	header.Set("X-Ratelimit-Remaining", strconv.Itoa(max(0, limit-b.spent)))
	header.Set("X-Ratelimit-Reset", strconv.FormatInt(b.reset.Unix(), 10))
	if b.spent <= limit {
		return nil
	}
	header.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(b.reset.Sub(now).Seconds())))))
	return refuse(http.StatusTooManyRequests, "Too many requests, please try again later")
}
