package codec_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch/codec"
	"github.com/tacit-secrets/tacit/internal/secret"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	const canary = "canary-7f3a!"
	for _, c := range []struct {
		how      delivery.Decoding
		in, want string
		ok       bool
	}{
		{"", "YQ==", "YQ==", true},
		{delivery.DecodeNone, "YQ==", "YQ==", true},
		{delivery.DecodeBase64, "YQ==", "a", true},
		{delivery.DecodeBase64, "Y\nQ==\n", "a", true},
		{delivery.DecodeBase64, "_-8=", "", false},
		{delivery.DecodeBase64, "YQ", "", false},
		{delivery.DecodeBase64, canary, "", false},
		{delivery.DecodeBase64, "", "", true},
		{delivery.DecodeBase64URL, "_-8=", "\xff\xef", true},
		{delivery.DecodeBase64URL, "/+8=", "", false},
		{delivery.DecodeAuto, "/+8=", "\xff\xef", true},
		{delivery.DecodeAuto, "_-8=", "\xff\xef", true},
		{delivery.DecodeAuto, canary, canary, true},
		{"Rot13", canary, "", false},
	} {
		got, err := codec.Decode(c.how, secret.NewString(c.in))
		if (err == nil) != c.ok || string(got.Reveal()) != c.want {
			t.Errorf("Decode(%q, %q) = %q, %v", c.how, c.in, got.Reveal(), err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("error %q holds the value", err)
		}
	}
}

func TestDecodeUndoesEncoding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "value")
		for how, enc := range map[delivery.Decoding]*base64.Encoding{
			delivery.DecodeBase64: base64.StdEncoding, delivery.DecodeBase64URL: base64.URLEncoding,
		} {
			got, err := codec.Decode(how, secret.NewString(enc.EncodeToString(b)))
			if err != nil || !got.Equal(secret.New(b)) {
				t.Fatalf("%s of %x: %x, %v", how, b, got.Reveal(), err)
			}
		}
	})
}

// The rule is the API server's.
func TestKeyFaultAgreesWithTheAPIServer(t *testing.T) {
	t.Parallel()
	check := func(t interface{ Errorf(string, ...any) }, key string) {
		if fault, theirs := codec.KeyFault(key), validation.IsConfigMapKey(key); (fault == "") != (len(theirs) == 0) {
			t.Errorf("KeyFault(%q) = %q, but the API server says %v", key, fault, theirs)
		}
	}
	for _, key := range []string{"", ".", "..", "...", "..a", ".a", "a..", "a", "ü", "a b", "\xff", "٣", strings.Repeat("k", 253), strings.Repeat("k", 254)} {
		check(t, key)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.OneOf(rapid.String(), rapid.StringMatching(`[-._a-z/ ]{0,6}`)).Draw(t, "key"))
	})
}

func TestConvert(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		how       delivery.Conversion
		key, want string
	}{
		{"", "a/b c", "a_b_c"},
		{delivery.ConvertDefault, "a/b", "a_b"},
		{delivery.ConvertUnicode, "a/b", "a_U002f_b"},
		{delivery.ConvertUnicode, "🔑", "_U1f511_"},
		{delivery.ConvertDefault, "ünder", "_nder"},
		{delivery.ConvertDefault, "fine.-_9", "fine.-_9"},
	} {
		if got := codec.Convert(c.how, c.key); got != c.want {
			t.Errorf("Convert(%q, %q) = %q, want %q", c.how, c.key, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.String().Draw(t, "key")
		how := rapid.SampledFrom([]delivery.Conversion{"", delivery.ConvertDefault, delivery.ConvertUnicode}).Draw(t, "how")
		got := codec.Convert(how, key)
		if strings.ContainsFunc(got, func(r rune) bool { return len(validation.IsConfigMapKey("x"+string(r))) > 0 }) {
			t.Fatalf("Convert(%q, %q) = %q", how, key, got)
		}
		if again := codec.Convert(how, got); again != got {
			t.Fatalf("%q is converted again, to %q", got, again)
		}
	})
}
