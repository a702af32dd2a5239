package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/secret"
)

const canary = "canary-7f3a"

// holder has the Value where fmt cannot call its methods.
type holder struct {
	v    secret.Value
	list []secret.Value
	m    map[string]secret.Value
}

func TestValueNeverPrints(t *testing.T) {
	t.Parallel()
	v := secret.NewString(canary)
	d := secret.Data{"k": v}
	h := holder{v, []secret.Value{v}, map[string]secret.Value{"k": v}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%p", "%t"} {
		for _, x := range []any{v, &v, d, h, &h, []any{v, d}} {
			fmt.Fprintf(&out, verb+"\n", x)
		}
	}
	fmt.Fprintln(&out, errors.Join(fmt.Errorf("wrapped: %v", v)))
	for _, x := range []any{v, d, struct{ V secret.Value }{v}} {
		b, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v, "d", d, "h", h)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v, "d", d, "h", h)
	for _, form := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary)), fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary))} {
		if strings.Contains(out.String(), form) {
			t.Errorf("printed %q in %s", form, out.String())
		}
	}
	if got := string(v.Reveal()); got != canary {
		t.Errorf("Reveal() = %q", got)
	}
}

func TestDigestIsKeyedAndUnambiguous(t *testing.T) {
	t.Parallel()
	one, two := secret.Key{1}, secret.Key{2}
	data := func(kv ...string) secret.Data {
		d := secret.Data{}
		for i := 0; i < len(kv); i += 2 {
			d[kv[i]] = secret.NewString(kv[i+1])
		}
		return d
	}
	base := one.Digest(data("a", "1", "b", "2"))
	if base != one.Digest(data("b", "2", "a", "1")) {
		t.Error("the digest depends on the order of insertion")
	}
	for name, other := range map[string]secret.Digest{
		"another key":      two.Digest(data("a", "1", "b", "2")),
		"another value":    one.Digest(data("a", "1", "b", "3")),
		"shifted boundary": one.Digest(data("a", "1b", "2", "")),
		"fewer keys":       one.Digest(data("a", "1")),
	} {
		if other == base {
			t.Errorf("%s gives the same digest", name)
		}
	}
}
