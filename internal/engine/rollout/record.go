package rollout

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Record is what a workload runs with: by "Secret/name", "ConfigMap/name" or
// the trigger of another object, a short keyed digest. It tells which key it
// was made with, so that under another key it is unknown rather than
// different.
type Record map[string]string

// maxRecord bounds what is read of an annotation that anybody may have
// written.
const maxRecord = 256 << 10

// owner is the entry that names the workload whose the record is: annotations
// are copied from one to another. A record of before there was that entry is
// taken for the workload's own.
const owner = "workload"

// RecordOf returns the workload's record. Known is false where it has none, or
// that of another workload.
func RecordOf(w delivery.Workload, annotations map[string]string) (r Record, known bool) {
	r, whose, known := read(annotations)
	if whose != "" && whose != w.String() {
		return Record{}, false
	}
	return r, known
}

// ReadRecord returns the record in a workload's annotations, whose ever it is.
// Known is false where there is none, or none that makes sense.
func ReadRecord(annotations map[string]string) (r Record, known bool) {
	r, _, known = read(annotations)
	return r, known
}

func read(annotations map[string]string) (r Record, whose string, known bool) {
	text, ok := annotations[Recorded]
	if !ok || len(text) > maxRecord || json.Unmarshal([]byte(text), &r) != nil || r == nil {
		return Record{}, "", false
	}
	whose = r[owner]
	delete(r, owner)
	return r, whose, true
}

// Of is the annotation's value on the workload.
func (r Record) Of(w delivery.Workload) string {
	bound := make(Record, len(r)+1)
	maps.Copy(bound, r)
	bound[owner] = w.String()
	return bound.String()
}

// String is the record alone.
func (r Record) String() string {
	b, err := json.Marshal(r)
	if err != nil {
		return "{}" // a map of strings always marshals
	}
	return string(b)
}

// Entry is how the record names an object.
func Entry(ref delivery.ObjectRef) string { return ref.Kind + "/" + ref.Name }

// Object is the object that an entry names; ok is false for other triggers.
func Object(entry, namespace string) (ref delivery.ObjectRef, ok bool) {
	kind, name, ok := strings.Cut(entry, "/")
	if !ok || kind != "Secret" && kind != "ConfigMap" {
		return delivery.ObjectRef{}, false
	}
	return delivery.ObjectRef{Kind: kind, Namespace: namespace, Name: name}, true
}

// identity names the object that a digest is of. No key of a Secret or
// ConfigMap has a slash.
const identity = "tacit.dev/object"

// Digest is the keyed fingerprint of an object's data. It is bound to the
// object: otherwise whoever may make a Secret somewhere could try values there,
// and see by their digests whether another Secret holds the same.
func (r *Runner) Digest(ref delivery.ObjectRef, data secret.Data) string {
	bound := make(secret.Data, len(data)+1)
	for k, v := range data {
		bound[k] = v
	}
	bound[identity] = secret.NewString(ref.String())
	return string(r.Key.Digest(bound))
}

// digestLength is how much of a digest the record keeps: 96 bits.
const digestLength = 16

// Short is the form in which the record keeps a digest: the key's own mark,
// and enough of the digest.
func (r *Runner) Short(digest string) string {
	return r.keyMark() + "." + digest[:min(len(digest), digestLength)]
}

// Absent is what the record keeps of an object that is not there.
func (r *Runner) Absent() string { return r.keyMark() + ".-" }

// Known reports that an entry was written with our key, so that it can be
// compared.
func (r *Runner) Known(entry string) bool {
	return strings.HasPrefix(entry, r.keyMark()+".")
}

// keyMark tells keys apart, and nothing about them.
func (r *Runner) keyMark() string {
	return string(r.Key.Digest(secret.Data{identity: secret.NewString("key")}))[:4]
}
