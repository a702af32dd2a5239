package secretzero_test

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// TestAnyOrderArrives applies the example in several orders. Whatever comes
// last completes it, and each store is asked no more often than if its
// credential had been there from the start.
func TestAnyOrderArrives(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][]int{
		"as numbered":         {dopplerToken, dopplerStore, dopplerSecret, vaultLogin, vaultStore, vaultSecret, workload},
		"backwards":           {workload, vaultSecret, vaultStore, vaultLogin, dopplerSecret, dopplerStore, dopplerToken},
		"credentials last":    {workload, dopplerSecret, vaultSecret, dopplerStore, vaultStore, dopplerToken, vaultLogin},
		"stores last":         {workload, dopplerSecret, vaultSecret, dopplerToken, vaultLogin, dopplerStore, vaultStore},
		"credentials between": {dopplerStore, vaultStore, vaultLogin, dopplerToken, vaultSecret, dopplerSecret, workload},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.operate()
			b.apply(order...)
			b.arrived()
			b.calm()
		})
	}
}

// TestAClusterThatIsThereBeforeItsOperator is a cold start: all of Git is
// applied, then the operator comes.
func TestAClusterThatIsThereBeforeItsOperator(t *testing.T) {
	b := newBed(t)
	b.apply(workload, vaultSecret, dopplerSecret, vaultStore, dopplerStore, vaultLogin, dopplerToken)
	b.operate()
	b.arrived()
	b.calm()
}

// calm checks that the road was walked once: each store was read from once, and
// looked at once for its credential, and once more if that came at the same
// moment; the workload was not restarted, and nobody told a credential.
func (b *bed) calm() {
	b.T.Helper()
	doppler, vault := b.asked()
	reads := 0
	for _, r := range doppler {
		if strings.HasSuffix(r.Path, "/download") {
			reads++
		}
	}
	if reads != 1 || len(doppler) > 3 {
		b.T.Errorf("Doppler was asked %+v", doppler)
	}
	total := 0
	for _, n := range vault {
		total += n
	}
	// A log-in that is not needed any more is given back.
	if total > 5 || vault["/v1/auth/approle/login"] > 2 || vault["/v1/secret/data/"+b.NS+"/database"] != 1 {
		b.T.Errorf("Vault was asked %v", vault)
	}
	if n := b.started(); n != 1 {
		b.T.Errorf("the workload was started %d times", n)
	}
	b.silent()
}

// started is how many versions of the workload there were.
func (b *bed) started() int {
	b.T.Helper()
	list := &appsv1.ReplicaSetList{}
	b.must(b.List(b.T.Context(), list, client.InNamespace(b.NS)))
	return len(list.Items)
}

func (b *bed) silent() {
	b.T.Helper()
	for _, s := range b.secrets {
		if strings.Contains(b.logs.String(), s) {
			b.T.Errorf("the log holds %q", s)
		}
	}
}

// TestNobodyIsAskedWhileTheCredentialIsMissing waits with stores whose
// credentials are not in Git yet.
func TestNobodyIsAskedWhileTheCredentialIsMissing(t *testing.T) {
	b := newBed(t)
	b.operate()
	b.apply(workload, dopplerStore, dopplerSecret, vaultStore, vaultSecret)
	b.waits("payments", "doppler-token")
	b.waits("database", "vault-login")
	b.ticks(1)
	b.tap.Reset()
	start := time.Now()
	b.ticks(3)
	looks := map[string]int{}
	for _, c := range b.tap.Which(func(c testkit.Call) bool { return !c.Watches() && !strings.Contains(c.Path, "clock") }) {
		looks[c.Method+" "+c.Path[strings.LastIndex(c.Path, "/")+1:]]++
	}
	// The stores look for their credentials now and then: ever more rarely, from
	// a second on.
	for _, credential := range []string{"GET doppler-token", "GET vault-login"} {
		took := time.Since(start)
		if looks[credential] > 1+bits.Len(uint(took/time.Second)) {
			t.Errorf("in %s %s: %d times", took, credential, looks[credential])
		}
		delete(looks, credential)
	}
	delete(looks, "POST events") // about the clock's first tick
	if len(looks) > 0 {
		t.Errorf("while nothing happens, the API server is asked %v", looks)
	}
	if doppler, vault := b.asked(); len(doppler)+len(vault) > 0 {
		t.Errorf("asked without a credential: Doppler %v, Vault %v", doppler, vault)
	}
	b.apply(dopplerToken, vaultLogin)
	b.arrived()
	b.calm()
}

// waits waits until the ExternalSecret has failed and names, as its store does,
// what is missing.
func (b *bed) waits(name, missing string) {
	b.T.Helper()
	b.Failed(name, missing)
}

// TestACredentialThatDoesNotOpenStopsItsOwnRoadAlone seals one of the two for
// another cluster.
func TestACredentialThatDoesNotOpenStopsItsOwnRoadAlone(t *testing.T) {
	b := newBed(t)
	good := b.manifests[dopplerToken]
	_, other, err := sealing.Generate(2048, time.Now(), time.Hour)
	b.must(err)
	ours := b.cert
	b.cert = other
	b.seal(dopplerToken, "token", "another")
	b.cert = ours

	b.operate()
	b.apply(dopplerToken, dopplerStore, dopplerSecret, vaultLogin, vaultStore, vaultSecret, workload)
	b.Holds("database", map[string]string{"DATABASE_PASSWORD": "pw-1-of-" + b.NS})
	b.waits("payments", "doppler-token")
	b.says("doppler-token", "another cluster")
	b.manifests[dopplerToken] = good
	b.apply(dopplerToken)
	b.arrived()
	b.calm()
}

// says waits until the SealedSecret names the cause.
func (b *bed) says(name, cause string) {
	b.T.Helper()
	b.Eventually(func() error {
		out, err := b.Plane.Kubectl(b.T.Context(), "get", "sealedsecret", name, "--namespace", b.NS, "-o", "jsonpath={.status.conditions[0].message}").Output()
		if err == nil && !strings.Contains(string(out), cause) {
			err = fmt.Errorf("%s says %q, want %q", name, out, cause)
		}
		return err
	})
}

// TestACredentialIsReplacedInGit revokes the token and seals another, while
// the workload runs.
func TestACredentialIsReplacedInGit(t *testing.T) {
	b := newBed(t)
	b.operate()
	b.apply(dopplerToken, dopplerStore, dopplerSecret, vaultLogin, vaultStore, vaultSecret, workload)
	b.arrived()
	old := b.secrets[0]
	token, err := b.doppler.Token(t.Context(), testkit.DopplerToken{Type: "service_token", Project: b.NS, Config: "prd"})
	b.must(err)
	b.secrets = append(b.secrets, token, "pk-2-of-"+b.NS)
	b.must(b.doppler.Set(t.Context(), b.NS, "prd", "PAYMENTS_KEY", "pk-2-of-"+b.NS))
	b.must(b.doppler.Revoke(t.Context(), old))
	start := time.Now()
	b.Poke("payments")
	b.Failed("payments")
	b.Holds("payments", map[string]string{"PAYMENTS_KEY": "pk-1-of-" + b.NS})

	b.seal(dopplerToken, "token", token)
	b.apply(dopplerToken)
	b.Holds("payments", map[string]string{"PAYMENTS_KEY": "pk-2-of-" + b.NS})
	b.Synced("payments")
	b.Eventually(func() error {
		if n := b.started(); n != 2 {
			return fmt.Errorf("the workload was started %d times", n)
		}
		return nil
	})
	doppler, _ := b.asked()
	// And once more whenever a lockout of the revoked one was over.
	const lockout = 30 * time.Second
	if n := len(doppler); n > 8+bits.Len(uint(time.Since(start)/lockout)) {
		t.Errorf("Doppler was asked %d times: %+v", n, doppler)
	}
	b.silent()
}
