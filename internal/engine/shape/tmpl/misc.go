package tmpl

import (
	"crypto/sha1" //nolint:gosec // the format of htpasswd files asks for it
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"sigs.k8s.io/yaml"
)

// htpasswd makes a line of an htpasswd file: SHA-1 if an algorithm is named and
// is "sha", else bcrypt. External Secrets always names one, sprig never.
func htpasswd(user, password string, algorithm ...string) (string, error) {
	if len(algorithm) > 1 {
		return "", plain(fmt.Sprintf("gets %d arguments, and takes 2 or 3", 2+len(algorithm)))
	}
	if strings.Contains(user, ":") {
		return "", plain("a user name must not contain a colon")
	}
	if len(algorithm) == 1 && algorithm[0] == "sha" {
		sum := sha1.Sum([]byte(password)) //nolint:gosec // see above
		return user + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:]), nil
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return "", plain("bcrypt takes passwords of at most 72 bytes")
	}
	return user + ":" + string(hash), nil
}

// hexDecode returns what is wrong in place of the bytes, as sprig's decoders
// do and templates may rely on.
func hexDecode(s string) string {
	b, err := hex.DecodeString(s)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// toYAML renders v; what YAML cannot express comes out empty.
func toYAML(v any) string {
	b, err := yaml.Marshal(v)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}

// fromYAML reads a map; what is wrong with the text stands in its key Error,
// which templates may test.
func fromYAML(s string) map[string]any {
	m := map[string]any{}
	if err := yaml.Unmarshal([]byte(s), &m); err != nil {
		m["Error"] = err.Error()
	}
	return m
}
