// Package seal is the work behind `tacit seal` and `tacit keys`: manifests and
// files in, manifests, files and reports out. What encrypts is in sealing.
//
// A file of SealedSecrets is read as YAML and changed as text, so that all
// that is not meant stays as it was written: comments, order, quotes, line
// ends and other documents. After a change the text is read again, and refused
// if it says anything else than was meant.
//
// Values come in as secret.Value. No error of this package holds a part of
// one: where a parser would quote what it read, its words are dropped and the
// place is told instead.
package seal
