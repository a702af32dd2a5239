package doppler

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issuer signs tokens with RS256, or with ES256 if it has such a key.
type issuer struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) issuer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return issuer{rsa: r}
}

func b64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func (i issuer) sign(t *testing.T, said map[string]any) string {
	t.Helper()
	alg := "RS256"
	if i.ec != nil {
		alg = "ES256"
	}
	signed := b64(marshal(map[string]string{"alg": alg, "kid": "k1"})) + "." + b64(marshal(said))
	digest := sha256.Sum256([]byte(signed))
	if i.ec == nil {
		signature, err := rsa.SignPKCS1v15(rand.Reader, i.rsa, crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + b64(signature)
	}
	r, s, err := ecdsa.Sign(rand.Reader, i.ec, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func (i issuer) pem(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(i.rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// jwks has a key of a kind that nobody here knows beside the issuer's own.
func (i issuer) jwks(t *testing.T) []byte {
	t.Helper()
	key := map[string]string{"kty": "RSA", "kid": "k1"}
	if i.ec == nil {
		key["n"], key["e"] = b64(i.rsa.N.Bytes()), b64(big.NewInt(int64(i.rsa.E)).Bytes())
	} else {
		point, err := i.ec.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		key = map[string]string{"kty": "EC", "kid": "k1", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}
	}
	return marshal(map[string]any{"keys": []any{map[string]string{"kty": "OKP", "kid": "k0"}, key}})
}

const account = "system:serviceaccount:apps:api"

// says is what a good token says, with changes.
func (w *workplace) says(changes map[string]any) map[string]any {
	said := map[string]any{
		"iss": "https://issuer", "aud": []string{"other", "doppler"}, "sub": account,
		"exp": w.clock.Add(time.Hour).Unix(), "nbf": w.clock.Unix(),
	}
	maps.Copy(said, changes)
	return said
}

// identity makes one that takes good tokens.
func (w *workplace) identity(fields map[string]any) string {
	w.t.Helper()
	body := map[string]any{
		"issuer": "https://issuer", "claims": map[string]any{"aud": []string{"doppler"}, "sub": []string{account}},
		"ttlSeconds": 600, "projects": []string{"api"},
	}
	maps.Copy(body, fields)
	var made struct{ Identity string }
	w.admin("POST", "identities", body, &made)
	return made.Identity
}

func (w *workplace) exchange(identity, token string) *httptest.ResponseRecorder {
	return w.post("", "/v3/auth/oidc", string(marshal(map[string]string{"identity": identity, "token": token})))
}

func TestOIDCTokenBuysAShortLivedToken(t *testing.T) {
	t.Parallel()
	w := start(t, map[string]string{"A": "1"})
	w.put("web", "dev", nil)
	from := newIssuer(t)
	got := w.exchange(w.identity(map[string]any{"pem": from.pem(t)}), from.sign(t, w.says(nil)))
	var issued struct {
		Success bool
		Token   string
		Expires time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal(got.Body.Bytes(), &issued); err != nil || got.Code != 200 {
		t.Fatalf("got %d %s", got.Code, got.Body)
	}
	if !issued.Success || !strings.HasPrefix(issued.Token, "dp.said.") || !issued.Expires.Equal(w.clock.Add(10*time.Minute)) {
		t.Errorf("got %s", got.Body)
	}
	wantBody(t, w.get(issued.Token, downloads, "project", "api", "config", "dev", "secrets", "A"), 200, `{"A":"1"}`)
	wantRefusal(t, w.get(issued.Token, downloads, "project", "web", "config", "dev"), 400, "This token does not have access to requested project 'web'")
	w.clock = w.clock.Add(10 * time.Minute)
	wantRefusal(t, w.get(issued.Token, downloads, "project", "api", "config", "dev"), 401, "Invalid Auth token")
}

func TestOIDCTokensAreChecked(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	from, other := newIssuer(t), newIssuer(t)
	id := w.identity(map[string]any{"pem": from.pem(t), "claims": map[string]any{
		"aud": []string{"doppler"}, "sub": []string{account}, "team": []string{"a", "b"}}})
	good := func(changes map[string]any) map[string]any {
		said := w.says(map[string]any{"team": "b"})
		maps.Copy(said, changes)
		return said
	}
	unsigned := b64([]byte(`{"alg":"none"}`)) + "." + b64(marshal(good(nil))) + "."
	if got := w.exchange(id, from.sign(t, good(nil))); got.Code != 200 {
		t.Fatalf("a good token: got %d %s", got.Code, got.Body)
	}
	const sorry = "Unable to authenticate: "
	for token, message := range map[string]string{
		from.sign(t, good(map[string]any{"exp": w.clock.Add(-time.Minute).Unix()})): sorry + "the token has expired",
		from.sign(t, good(map[string]any{"exp": nil})):                              sorry + "the token has expired",
		from.sign(t, good(map[string]any{"nbf": w.clock.Add(time.Minute).Unix()})):  sorry + "the token is not valid yet",
		from.sign(t, good(map[string]any{"iss": "https://other"})):                  sorry + "the token is of another issuer",
		from.sign(t, good(map[string]any{"aud": "somebody"})):                       sorry + "the claim 'aud' does not match",
		from.sign(t, good(map[string]any{"sub": account + "2"})):                    sorry + "the claim 'sub' does not match",
		from.sign(t, good(map[string]any{"team": "c"})):                             sorry + "the claim 'team' does not match",
		other.sign(t, good(nil)):                                                    sorry + "the token's signature is of none of the issuer's keys",
		unsigned:                                                                    sorry + "the token's signature is of none of the issuer's keys",
		"no-token":                                                                  sorry + "the token is no JWT",
	} {
		wantRefusal(t, w.exchange(id, token), 401, message)
	}
	wantRefusal(t, w.exchange("no-such", from.sign(t, good(nil))), 401, "Could not find requested identity")
	wantRefusal(t, w.exchange(id, ""), 400, "You must specify an identity and a token")
}

func TestKeysOfAnIssuer(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]issuer{"RSA": newIssuer(t), "EC": {ec: ec}} {
		set := from.jwks(t)
		file := filepath.Join(t.TempDir(), "jwks.json")
		if err := os.WriteFile(file, set, 0o600); err != nil {
			t.Fatal(err)
		}
		served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
		defer served.Close()
		for how, fields := range map[string]map[string]any{
			"inline": {"jwks": json.RawMessage(set)},
			"file":   {"jwksURL": "file://" + file},
			"URL":    {"jwksURL": served.URL},
		} {
			if got := w.exchange(w.identity(fields), from.sign(t, w.says(nil))); got.Code != 200 {
				t.Errorf("%s, %s: got %d %s", name, how, got.Code, got.Body)
			}
		}
	}
}

func TestInsecureIdentityChecksTheAudienceAlone(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	id := w.identity(map[string]any{"insecure": true, "issuer": "", "claims": map[string]any{"aud": []string{"doppler"}}})
	from := newIssuer(t)
	if got := w.exchange(id, from.sign(t, w.says(map[string]any{"iss": "x", "sub": "y"}))); got.Code != 200 {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	if got := w.exchange(id, from.sign(t, w.says(map[string]any{"aud": "x"}))); got.Code != 401 {
		t.Errorf("another audience: got %d %s", got.Code, got.Body)
	}
}

func TestWildcardsInClaims(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{
		{"a*c", "abc", true}, {"a*c", "ac", true}, {"a*c", "abd", false}, {"*", "", true}, {"a", "a", true}, {"a", "ab", false},
		{"a*b*c", "a-b-c", true}, {"a*b*c", "a-c-b", false}, {"a*a", "a", false}, {"*:apps:*", "sa:apps:api", true},
	} {
		if got := matches(c.pattern, c.value); got != c.want {
			t.Errorf("%q, %q: got %v", c.pattern, c.value, got)
		}
	}
	w := start(t, nil)
	from := newIssuer(t)
	claims := map[string]any{"aud": []string{"doppler"}, "sub": []string{"system:serviceaccount:apps:*"}}
	for kind, status := range map[string]int{"exact": 401, "wildcard": 200} {
		id := w.identity(map[string]any{"pem": from.pem(t), "claimsType": kind, "claims": claims})
		if got := w.exchange(id, from.sign(t, w.says(nil))); got.Code != status {
			t.Errorf("%s: got %d %s", kind, got.Code, got.Body)
		}
	}
}

func TestRevokedTokensAreUnknown(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	token := w.service(false)
	if got := w.post("", "/v3/auth/revoke", `{"token":"`+token+`"}`); got.Code != 204 {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	wantRefusal(t, w.get(token, downloads), 401, "Invalid Service token")
	wantRefusal(t, w.post("", "/v3/auth/revoke", `{"token":"`+token+`"}`), 400, "Could not find requested token")
}
