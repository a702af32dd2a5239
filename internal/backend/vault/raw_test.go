package vault_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

const eventually = 2 * time.Minute

// noUsers waits for the end of what nobody wanted.
func noUsers(t *testing.T, d database) error {
	users, err := d.DatabaseUsers(t.Context())
	if err == nil && len(users) > 0 {
		err = fmt.Errorf("there are %d users", len(users))
	}
	return err
}

// rawAt is a store of whole paths.
func rawAt(t *testing.T, f http.HandlerFunc) backend.Backend {
	t.Helper()
	cfg := at(answering(t, f), 0)
	cfg.Mount = ""
	return open(t, cfg, backendtest.Credentials{"token": "hvs.x"})
}

func TestWholePathsGiveWhatTheirEngineHolds(t *testing.T) {
	t.Parallel()
	const plain = `{"b64":"aGVsbG8=","n":12345678901234567890,"b":true,"l":[1],"z":null}`
	for name, c := range map[string]struct {
		body, want, version string
		lease               delivery.Lease
	}{
		"KV version 2": {`{"data":{"data":` + plain + `,"metadata":{"version":12,"deletion_time":"","destroyed":false}}}`, plain, "12", delivery.Lease{}},
		"KV version 1": {`{"lease_id":"","lease_duration":2764800,"data":` + plain + `}`, plain, "", delivery.Lease{}},
		"with a lease": {`{"lease_id":"a/b/c","lease_duration":60,"renewable":true,"data":` + plain + `}`, plain, "",
			delivery.Lease{ID: "a/b/c", Duration: time.Minute, Renewable: true}},
		"a lease without end in sight": {`{"lease_id":"a/b/c","lease_duration":9223372036854775807,"data":{}}`, "{}", "",
			delivery.Lease{ID: "a/b/c", Duration: 10 * 365 * 24 * time.Hour}},
		"a field called data":             {`{"data":{"data":{"a":"b"}}}`, `{"data":{"a":"b"}}`, "", delivery.Lease{}},
		"fields called data and metadata": {`{"data":{"data":"x","metadata":"y"}}`, `{"data":"x","metadata":"y"}`, "", delivery.Lease{}},
		"metadata without a version":      {`{"data":{"data":{},"metadata":{"a":1}}}`, `{"data":{},"metadata":{"a":1}}`, "", delivery.Lease{}},
	} {
		doc, err := rawAt(t, say(200, c.body)).Read(t.Context(), backend.Ref{Key: "/any/path"})
		if doc.Lease.Until.IsZero() != c.lease.IsZero() {
			t.Errorf("%s: ends with its token %v", name, doc.Lease.Until)
		}
		doc.Lease.Until = time.Time{}
		if err != nil || string(doc.Value.Reveal()) != c.want || doc.Version != c.version || doc.Lease != c.lease || doc.Fields != nil {
			t.Errorf("%s: %s, version %q, lease %+v, %v", name, doc.Value.Reveal(), doc.Version, doc.Lease, err)
		}
	}
}

func TestAnswersToWholePathsAreSorted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    backend.Kind
		says    string
	}{
		"absent":            {say(404, `{"errors":[]}`), backend.NotFound, "does not exist"},
		"deleted":           {say(404, `{"request_id":"x","data":{"data":null,"metadata":{"deletion_time":"2024-01-01T00:00:00Z","destroyed":false,"version":1}}}`), backend.NotFound, "deleted"},
		"destroyed":         {say(404, `{"data":{"data":null,"metadata":{"deletion_time":"","destroyed":true,"version":1}}}`), backend.NotFound, "deleted"},
		"no data/":          {say(404, `{"request_id":"x","data":null,"warnings":["Invalid path for a versioned K/V secrets engine."]}`), backend.Misconfigured, "secret/data/app"},
		"no such role":      {say(400, `{"errors":["unknown role: x"]}`), backend.Misconfigured, "unknown role"},
		"no route":          {say(404, `{"errors":["no handler for route"]}`), backend.Misconfigured, "no handler"},
		"HTML 404":          {say(404, "<html>"+canary), backend.Malformed, ""},
		"denied":            {say(403, `{"errors":["permission denied"]}`), backend.Refused, ""},
		"throttled":         {say(429, `{"errors":[]}`), backend.Throttled, ""},
		"sealed":            {say(503, `{"errors":["Vault is sealed"]}`), backend.Unavailable, ""},
		"internal error":    {say(500, `{"errors":["connection refused"]}`), backend.Unavailable, ""},
		"garbage":           {say(200, canary+"{{{"), backend.Malformed, ""},
		"empty":             {say(200, ""), backend.Malformed, ""},
		"JSON null":         {say(200, "null"), backend.Malformed, ""},
		"data is text":      {say(200, `{"data":"`+canary+`"}`), backend.Malformed, ""},
		"data is null":      {say(200, `{"data":null}`), backend.Malformed, ""},
		"KV's data is text": {say(200, `{"data":{"data":"`+canary+`","metadata":{"version":1}}}`), backend.Malformed, "no map"},
		"KV's data is null": {say(200, `{"data":{"data":null,"metadata":{"version":1}}}`), backend.Malformed, "no map"},
		"a lease of no one": {say(200, `{"lease_id":{"x":"`+canary+`"},"data":{}}`), backend.Malformed, ""},
		"cut":               {cut, backend.Malformed, "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := rawAt(t, c.handler).Read(t.Context(), backend.Ref{Key: "secret/data/db"})
			wantOutcome(t, err, c.want, c.says)
		})
	}
}

func TestWhatCannotBeAskedByAWholePathIsUnsupported(t *testing.T) {
	t.Parallel()
	b := rawAt(t, say(200, `{"data":{}}`))
	for _, ref := range []backend.Ref{
		{Key: ""}, {Key: "/"}, {Key: "secret"}, {Key: "secret/../sys/x"}, {Key: "secret/data/db", Version: "1"},
		{Key: "secret/app", Metadata: true}, {Key: "kv1/app", Metadata: true}, {Key: "secret/data", Metadata: true},
	} {
		_, err := b.Read(t.Context(), ref)
		wantOutcome(t, err, backend.Unsupported, "")
	}
	_, err := b.(backend.Finder).Find(t.Context(), backend.Query{})
	wantOutcome(t, err, backend.Unsupported, "searched")
	_, err = open(t, at(answering(t, say(200, "")), 1), backendtest.Credentials{"token": "x"}).Read(t.Context(), backend.Ref{Key: "db", Metadata: true})
	wantOutcome(t, err, backend.Unsupported, "")
}

// TestMetadataIsWatchedWithoutTheRightToReadValues is about who watches
// secrets for a change, and may know no more than when it was.
func TestMetadataIsWatchedWithoutTheRightToReadValues(t *testing.T) {
	t.Parallel()
	v := testkit.SharedVault(t)
	key := "watched/" + strings.ToLower(rand.Text())
	if err := v.Put(t.Context(), key, map[string]any{"password": canary}); err != nil {
		t.Fatal(err)
	}
	value, err := v.Token(t.Context(), `path "+/metadata/*" { capabilities = ["read"] }`)
	if err != nil {
		t.Fatal(err)
	}
	creds := backendtest.Credentials{"token": value}
	cfg := delivery.VaultConfig{Server: v.Addr, Mount: "secret", KV: 2, Auth: token()}
	whole := cfg
	whole.Mount, whole.KV = "", 0
	stores := map[string]backend.Backend{
		key: open(t, cfg, creds), "secret/data/" + key: open(t, whole, creds), "secret/metadata/" + key: open(t, whole, creds),
	}
	last := map[string]time.Time{}
	for round := range 3 {
		for ref, b := range stores {
			doc, err := b.Read(t.Context(), backend.Ref{Key: ref, Metadata: true})
			if err != nil {
				t.Fatal(err)
			}
			changed, err := time.Parse(time.RFC3339Nano, doc.Version)
			if err != nil || !changed.After(last[ref]) {
				t.Errorf("round %d, %s: version %q after %v, %v", round, ref, doc.Version, last[ref], err)
			}
			last[ref] = changed
			var fields map[string]string
			if err := json.Unmarshal(doc.Value.Reveal(), &fields); err != nil || fields["current_version"] == "" || fields["updated_time"] != "" {
				t.Errorf("the document has the fields %v, %v", fields, err)
			}
			again, err := b.Read(t.Context(), backend.Ref{Key: ref, Metadata: true})
			if err != nil || again.Version != doc.Version {
				t.Errorf("%s: nothing changed, but the version became %q, %v", ref, again.Version, err)
			}
			if _, err := b.Read(t.Context(), backend.Ref{Key: ref}); backend.KindOf(err) != backend.Refused && !strings.Contains(ref, "metadata") {
				t.Errorf("%s: the value can be read: %v", ref, err)
			}
		}
		if err := v.Put(t.Context(), key, map[string]any{"password": fmt.Sprint(canary, round)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = stores[key].Read(t.Context(), backend.Ref{Key: key + "-not", Metadata: true})
	wantOutcome(t, err, backend.NotFound, "")
}
