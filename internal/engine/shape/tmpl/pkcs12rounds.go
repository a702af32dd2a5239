package tmpl

import (
	"bytes"
	"encoding/asn1"
)

// maxRounds bounds how often an archive has its password hashed. Tools write
// thousands, cautious ones hundreds of thousands; the format allows what would
// take years.
const maxRounds = 2_000_000

var (
	// oidPBE begins every password based encryption of PKCS #12, oidPBKDF2
	// is the derivation of PKCS #5, both with their ASN.1 tags.
	oidPBE    = []byte{0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01}
	oidPBKDF2 = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c}
)

// checkRounds reads the numbers of rounds that an archive asks for before
// anything is derived.
func checkRounds(archive []byte) error {
	tooMany := plain("the archive asks for too many rounds of hashing its password")
	var outer struct {
		Version  int
		AuthSafe asn1.RawValue
		Mac      struct {
			Digest asn1.RawValue
			Salt   []byte
			Rounds int `asn1:"optional,default:1"`
		} `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(archive, &outer); err != nil {
		return plain("this is no PKCS #12 archive")
	}
	total := outer.Mac.Rounds
	for _, oid := range []struct {
		bytes []byte
		tail  int
	}{{oidPBE, 1}, {oidPBKDF2, 0}} {
		for rest := archive; ; {
			i := bytes.Index(rest, oid.bytes)
			if i < 0 || i+len(oid.bytes)+oid.tail > len(rest) {
				break
			}
			rest = rest[i+len(oid.bytes)+oid.tail:]
			n, ok := rounds(rest)
			if total += n; !ok || total > maxRounds {
				return tooMany
			}
		}
	}
	if total > maxRounds || total < 0 {
		return tooMany
	}
	return nil
}

// rounds reads the parameters that follow an algorithm's name. What does not
// parse belongs to no algorithm.
func rounds(params []byte) (n int, ok bool) {
	var seq, salt asn1.RawValue
	if _, err := asn1.Unmarshal(params, &seq); err != nil || seq.Tag != asn1.TagSequence {
		return 0, true
	}
	rest, err := asn1.Unmarshal(seq.Bytes, &salt)
	if err != nil {
		return 0, true
	}
	if _, err := asn1.Unmarshal(rest, &n); err != nil {
		return 0, true
	}
	return n, n >= 0 && n <= maxRounds
}
