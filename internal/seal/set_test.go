package seal_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

func TestSetKeepsTheScope(t *testing.T) {
	t.Parallel()
	a := clusters()[0]
	for _, scope := range []string{"", "namespace-wide", "cluster-wide"} {
		manifest := plain
		if scope != "" {
			manifest = strings.Replace(plain, "name: db", "name: db, annotations: {sealedsecrets.bitnami.com/"+scope+": \"true\"}", 1)
		}
		o := sealed(t, manifest, a.Newest())
		// What the template says of the scope counts for nothing.
		o.Spec.Template.Metadata.Annotations = map[string]string{"sealedsecrets.bitnami.com/cluster-wide": "true"}
		set := seal.Set{Key: "password", Value: value("next"), To: []sealing.Certificate{a.Newest()}}
		after, _, err := set.Do(rand.Reader, text(t, o))
		if err != nil {
			t.Fatal(err)
		}
		f, err := seal.ParseFile(after)
		if err != nil {
			t.Fatal(err)
		}
		data, err := keysOf(t, a).Data(t.Context(), &f.Objects[0].SealedSecret)
		if err != nil || string(data["password"].Reveal()) != "next" || string(data["user"].Reveal()) != "canary-2" {
			t.Errorf("%q: %v", scope, err)
		}
	}
}

func TestSetRefusesOtherRecipients(t *testing.T) {
	t.Parallel()
	a, b := clusters()[0], clusters()[1]
	one := text(t, sealed(t, plain, a.Newest()))
	both := text(t, sealed(t, plain, a.Newest(), b.Newest()))
	single := text(t, sealed(t, strings.Replace(plain, ", user: canary-2", "", 1), a.Newest(), b.Newest()))
	for name, c := range map[string]struct {
		file []byte
		to   []sealing.Certificate
		want string
	}{
		"one, the same":        {one, []sealing.Certificate{a.Newest()}, ""},
		"one, unknowable":      {one, []sealing.Certificate{b.Newest()}, ""},
		"one, then two":        {one, []sealing.Certificate{a.Newest(), b.Newest()}, "in the form of Sealed Secrets"},
		"two, the same":        {both, []sealing.Certificate{b.Newest(), a.Newest(), b.Newest()}, ""},
		"two, fewer":           {both, []sealing.Certificate{a.Newest()}, "not given: " + b.Newest().ID.String()},
		"two, the only value":  {single, []sealing.Certificate{a.Newest()}, "not given: " + b.Newest().ID.String()},
		"two, another":         {both, []sealing.Certificate{a.Certificates[0], b.Newest()}, "not given: " + a.Newest().ID.String()},
		"two, more":            {both, append(a.Certificates, b.Newest()), "not sealed for " + a.Certificates[0].ID.String()},
		"two, nobody":          {both, nil, "not given"},
		"a broken other value": {[]byte(strings.Replace(string(one), "user: ", "user: canary!", 1)), []sealing.Certificate{a.Newest()}, ""},
		"a broken value":       {[]byte(strings.Replace(string(one), "password: ", "password: canary!", 1)), []sealing.Certificate{a.Newest()}, ""},
	} {
		set := seal.Set{Key: "password", Value: value("canary-3"), To: c.to}
		_, _, err := set.Do(rand.Reader, c.file)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%s: %v", name, err)
		}
		set.ChangeRecipients = true
		if _, _, err := set.Do(rand.Reader, c.file); (err == nil) != (len(c.to) > 0) {
			t.Errorf("%s, though: %v", name, err)
		}
	}
}

// Values that are malformed keep nobody from mending one after the other.
func TestSetMendsOneOfSeveralMalformedValues(t *testing.T) {
	t.Parallel()
	a, b := clusters()[0], clusters()[1]
	for _, to := range [][]sealing.Certificate{{a.Newest()}, {a.Newest(), b.Newest()}} {
		o := sealed(t, plain, to...)
		o.Spec.EncryptedData["user"], o.Spec.EncryptedData["password"] = "canary!", o.Spec.EncryptedData["user"][:50]
		file := text(t, o)
		for _, c := range []struct{ key, note string }{
			{"user", `shop/db: note: key "password" is malformed, and stays so: `},
			{"password", ""},
		} {
			set := seal.Set{Key: c.key, Value: value("canary-3"), To: to}
			after, told, err := set.Do(rand.Reader, file)
			if err != nil || told[0] != "shop/db: key "+c.key+": sealed anew" {
				t.Fatalf("%s: %q, %v", c.key, told, err)
			}
			notes := strings.Join(told[1:], "\n")
			if !strings.HasPrefix(notes, c.note) || (notes == "") != (c.note == "") || strings.Contains(notes, "canary") {
				t.Errorf("%s: %q", c.key, told)
			}
			file = after
		}
	}
}
