package sealing_test

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// pair is a cluster's key with its certificate.
type pair struct {
	key  sealing.Key
	cert sealing.Certificate
}

// start is when the first of the pairs was made.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// pairs are keys of as many clusters, or of one cluster in as many months.
// They are small so that the tests are fast; what is made here is RSA-4096
// only where the size matters.
var pairs = sync.OnceValue(func() []pair {
	out := make([]pair, 5)
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() {
			key, cert, err := sealing.Generate(2048, start.AddDate(0, i, 0), 10*365*24*time.Hour)
			if err != nil {
				panic(err)
			}
			out[i] = pair{key, cert}
		})
	}
	wg.Wait()
	return out
})

func keysOf(of ...pair) []sealing.Key {
	var out []sealing.Key
	for _, p := range of {
		out = append(out, p.key)
	}
	return out
}

func certsOf(of ...pair) []sealing.Certificate {
	var out []sealing.Certificate
	for _, p := range of {
		out = append(out, p.cert)
	}
	return out
}

func value(s string) secret.Value { return secret.NewString(s) }
