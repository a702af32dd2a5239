package testkit

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Canaries are values by the path that they take, to be searched for in
// whatever must not hold them. Each has a quote, a backslash and a character
// that JSON and URLs write in other ways.
type Canaries map[string]string

// Of is the canary of a path.
func (c Canaries) Of(path string) string {
	if c[path] == "" {
		c[path] = "cnry" + fmt.Sprintf("%02d", len(c)) + `-"\<é>-` + strings.ReplaceAll(path, " ", "")
	}
	return c[path]
}

// Plain is a canary of letters and digits alone, for where others are not
// accepted.
func (c Canaries) Plain(path string) string {
	if c[path] == "" {
		c[path] = "cnry" + fmt.Sprintf("%02d", len(c)) + "plain" + strings.ReplaceAll(path, " ", "")
	}
	return c[path]
}

// Leaks lists the canaries that text holds, in any form, and those of which it
// holds a digest that anybody could make.
func (c Canaries) Leaks(text string) []string {
	var out []string
	told := func(what string, at, length int) {
		out = append(out, fmt.Sprintf("%s: …%s…", what, text[max(0, at-150):min(len(text), at+length+50)]))
	}
	known := map[string]string{}
	for path, canary := range c {
		for form, s := range forms(canary) {
			if i := strings.Index(text, s); i >= 0 {
				told(path+" as "+form, i, len(s))
				break
			}
		}
		for form, head := range digests(canary) {
			known[head] = path + " as " + form
		}
	}
	for i := range max(0, len(text)-digestHead) {
		if what, ok := known[text[i:i+digestHead]]; ok {
			told(what, i, digestHead)
		}
	}
	return out
}

// forms are the ways in which a canary may appear.
func forms(canary string) map[string]string {
	out := map[string]string{"plain": canary, "hex": hex.EncodeToString([]byte(canary)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(canary)))}
	quoted, _ := json.Marshal(canary)
	out["JSON"] = string(quoted[1 : len(quoted)-1])
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(canary)
	out["JSON without HTML"] = strings.Trim(raw.String(), "\"\n")
	out["Go"] = strings.Trim(fmt.Sprintf("%q", canary), `"`)
	out["Go twice"] = strings.Trim(fmt.Sprintf("%q", out["Go"]), `"`)
	out["bytes"] = strings.Trim(fmt.Sprint([]byte(canary)), "[]")
	// Within something longer it begins at one of three places of a group;
	// the characters at both ends depend on the neighbours.
	for i := range 3 {
		for name, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := e.EncodeToString(append(make([]byte, i), canary...))
			out[fmt.Sprint(name, i)] = text[(i*8+5)/6 : len(text)-1]
		}
	}
	// The head of a canary is as bad as all of it.
	out["head"] = canary[:6]
	return out
}

// digestHead is how much of a digest is searched for: the head of one is as
// bad as all of it.
const digestHead = 12

// digests are the unkeyed ones that tools make of a value: alone, as k=value,
// and of the data {"k": value} in both of the ways that Go writes it.
func digests(canary string) map[string]string {
	out := map[string]string{}
	plain, _ := json.Marshal(map[string]string{"k": canary})
	coded, _ := json.Marshal(map[string][]byte{"k": []byte(canary)})
	for of, text := range map[string]string{"value": canary, "pair": "k=" + canary, "data": string(plain), "coded data": string(coded)} {
		b := []byte(text)
		m, s1, s2, s3, s5 := md5.Sum(b), sha1.Sum(b), sha256.Sum256(b), sha256.Sum224(b), sha512.Sum512(b)
		for name, sum := range map[string][]byte{"md5": m[:], "sha1": s1[:], "sha256": s2[:], "sha224": s3[:], "sha512": s5[:]} {
			for way, coded := range map[string]string{
				"hex": hex.EncodeToString(sum), "HEX": strings.ToUpper(hex.EncodeToString(sum)),
				"base64": base64.StdEncoding.EncodeToString(sum), "base64url": base64.URLEncoding.EncodeToString(sum),
			} {
				out[name+" of the "+of+", "+way] = coded[:digestHead]
			}
		}
	}
	return out
}
