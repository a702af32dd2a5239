package tmpl

import (
	"bytes"
	"crypto/x509"
)

// filterCertChain picks the leaf, intermediate or root certificates of a
// chain, whatever order it is in. What is not there comes out empty.
func filterCertChain(part, input string) (string, error) {
	certs, _, err := certificates([]byte(input))
	if err != nil {
		return "", err
	}
	chain, err := orderChain(certs)
	if err != nil {
		return "", err
	}
	switch first, last := chain[0], chain[len(chain)-1]; {
	case part == "leaf" && !isRoot(first):
		return encodePEM(blockCert, first.Raw), nil
	case part == "root" && isRoot(last):
		return encodePEM(blockCert, last.Raw), nil
	case part == "intermediate":
		var out string
		for _, c := range chain[1:] {
			if isRoot(c) {
				break
			}
			out += encodePEM(blockCert, c.Raw)
		}
		return out, nil
	}
	return "", nil
}

// isRoot reports that the certificate names itself, or nobody, as its issuer.

func isRoot(c *x509.Certificate) bool {
	return c.AuthorityKeyId == nil || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId)
}

// orderChain puts certificates in order, leaf first, by their key ids. It
// arranges and checks nothing: the result says nothing about trust.
func orderChain(certs []*x509.Certificate) ([]*x509.Certificate, error) {
	issuer := make([]int, len(certs))
	issues := make([]bool, len(certs))
	for i, c := range certs {
		issuer[i] = -1
		for j, other := range certs {
			if i != j && bytes.Equal(c.AuthorityKeyId, other.SubjectKeyId) {
				issuer[i], issues[j] = j, true
				break
			}
		}
	}
	leaf := -1
	for i := range certs {
		if issues[i] {
			continue
		}
		if leaf >= 0 {
			return nil, plain("the certificates are no single chain")
		}
		leaf = i
	}
	if leaf < 0 {
		return nil, plain("there is no leaf certificate")
	}
	var chain []*x509.Certificate
	for i := leaf; i >= 0; i = issuer[i] {
		if len(chain) == len(certs) {
			return nil, plain("the certificates issue each other in a circle")
		}
		chain = append(chain, certs[i])
	}
	return chain, nil
}
