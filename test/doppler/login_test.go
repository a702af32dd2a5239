package doppler_test

import (
	"math/bits"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/doppler/dopplertest"
)

const (
	login   = "/v3/auth/oidc"
	subject = "system:serviceaccount:" + dopplertest.Home + ":doppler-operator-controller-manager"
)

// identity is one that lets the audience in, by the real API server's tokens.
func (b bed) identity(audience string) string {
	b.T.Helper()
	b.WithHome()
	id, err := b.Doppler.Identity(b.T.Context(), testkit.DopplerIdentity{
		Plane: b.Plane, Audiences: []string{audience}, Subjects: []string{subject}, Projects: []string{b.NS},
	})
	b.Must(err)
	return id
}

func TestAnIdentityLogsInByTheAPIServersToken(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	id := b.identity("dopplerSecret:" + b.NS + ":app")
	b.DS("app", "tokenSecret: none", "identity: "+id, "project: "+b.NS, "config: prd")
	b.Carries("app", "K", "one")
	b.InSync("app")
	b.Polled(2)
	if n := b.Requests(login, 0); n != 1 {
		t.Errorf("it logged in %d times", n)
	}
}

func TestAnIdentityIsForOneObjectAlone(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	id := b.identity("dopplerSecret:" + b.NS + ":other")
	b.DS("app", "tokenSecret: none", "identity: "+id, "project: "+b.NS, "config: prd")
	b.Broken("app", "Doppler Error: ", id)
	b.DS("other", "tokenSecret: none", "identity: "+id, "project: "+b.NS, "config: prd")
	b.Carries("other", "K", "one")
	if b.Secret("app") != nil {
		t.Error("the one that was not let in has a Secret")
	}
}

func TestAnIdentityInTheTokenSecret(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	id := b.identity("dopplerTokenSecret:" + b.NS + ":login")
	b.Keep("login", "identity", id, "expirationSeconds", "900")
	b.DS("app", "tokenSecret: {name: login}", "project: "+b.NS, "config: prd")
	b.Carries("app", "K", "one")
	b.Keep("login", "identity", id, "expirationSeconds", "many")
	b.Broken("app", "expirationSeconds")
	b.Keep("login", "identity", id, "expirationSeconds", strconv.Itoa(3600))
	b.InSync("app")
}

func TestATokenSecretHoldsExactlyOneLogin(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	for name, c := range map[string]struct {
		pairs []string
		says  []string
	}{
		"both":    {[]string{"serviceToken", b.Token, "identity", "x"}, []string{"serviceToken", "identity", "both"}},
		"neither": {[]string{"token", b.Token}, []string{"serviceToken", "identity"}},
	} {
		b.Keep(name, c.pairs...)
		b.DS("app-"+name, "tokenSecret: {name: "+name+"}")
		b.Broken("app-"+name, append(c.says, name)...)
		if b.Secret("app-"+name) != nil {
			t.Errorf("with %s there is a Secret", name)
		}
	}
	b.DS("app-none", "tokenSecret: {name: none-such}")
	b.Broken("app-none", "none-such")
	if n := b.Requests("/", 0); n != 0 {
		t.Errorf("Doppler was asked %d times", n)
	}

	// What is mended works at once, without a poll.
	b.Keep("none-such", "serviceToken", b.Token)
	b.Carries("app-none", "K", "one")
}

func TestATokenThatIsReplacedIsUsedAtOnce(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("app")
	was := b.Carries("app", "K", "one")
	other, err := b.Doppler.Token(t.Context(), testkit.DopplerToken{Type: "service_token", Project: b.NS, Config: "prd"})
	b.Must(err)
	start := time.Now()
	b.Must(b.Doppler.Revoke(t.Context(), b.Token))
	b.Broken("app", "Doppler Error: Invalid Service token")
	refused := b.Requests(dopplertest.Download, http.StatusUnauthorized)
	b.Stays(was)
	b.Keep("token", "serviceToken", other)
	b.InSync("app")
	b.Stays(was)
	const lockout = 30 * time.Second // after which it may be tried again
	if n := b.Requests(dopplertest.Download, http.StatusUnauthorized); n > refused+1 || n > 3+bits.Len(uint(time.Since(start)/lockout)) {
		t.Errorf("the refused token was tried %d times", n)
	}
}

// TestATokenThatIsGoneServesNobody: not even who makes a namespace anew that
// had one, while Doppler would still take it.
func TestATokenThatIsGoneServesNobody(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("app")
	b.Carries("app", "K", "one")
	b.InSync("app")
	b.remove(b.NS, "app")
	b.Left(b.NS, "app")
	b.Keep("other", "serviceToken", b.Token)
	b.DS("witness", "tokenSecret: {name: other}")
	b.Carries("witness", "K", "one")
	for _, name := range []string{"token", "other"} {
		b.Must(b.Delete(t.Context(), b.Secret(name)))
	}
	b.Broken("witness", "other") // so the operator knows of both
	b.DS("app")
	b.Broken("app", "token")
	if b.Secret("app") != nil {
		t.Error("what the token opened is there again")
	}
}
