// Package dopplerreload is the annotation by which a workload asks the Doppler
// operator to be restarted when a Secret that it uses changes.
//
// As with the original, those Secrets are the ones that a DopplerSecret manages:
// another that is renewed restarts nobody. The original looks at Deployments
// alone; here every kind whose pods run on is served.
package dopplerreload

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Name of the language.
const Name = "secrets.doppler.com/reload"

const (
	reload = "secrets.doppler.com/reload"
	update = "secrets.doppler.com/secretsupdate."

	// The label of the Secrets that a DopplerSecret manages.
	subtypeLabel, subtype = "secrets.doppler.com/subtype", "dopplerSecret"
)

// New returns the language.
func New() dialect.Workloads { return language{} }

type language struct{}

// Name implements dialect.Workloads.
func (language) Name() string { return Name }

// Kept implements dialect.Workloads.
func (language) Kept() dialect.WorkloadKeys {
	return dialect.WorkloadKeys{Workload: []string{reload}, Object: []string{subtypeLabel}}
}

// Translate implements dialect.Workloads.
func (language) Translate(w dialect.Workload) (delivery.Reload, error) {
	value, ok := w.Annotations[reload]
	if !ok {
		value = w.Template[reload]
	}
	// The next run of a CronJob takes the new values anyway.
	if value != "true" || w.Kind == "CronJob" {
		return delivery.Reload{}, nil
	}
	return delivery.Reload{Rules: []delivery.ReloadRule{{
		Kind: "Secret", Referenced: true, WithLabels: map[string]string{subtypeLabel: subtype},
	}}}, nil
}

// Mark implements dialect.Workloads. The value is a keyed digest, not the ETag
// that the original writes: of an ETag nobody promises that it does not tell
// about the values.
func (language) Mark(_ dialect.Workload, changed []delivery.Reloaded, _ time.Time) delivery.ReloadMarks {
	m := delivery.ReloadMarks{Annotations: map[string]string{}, Template: map[string]string{}}
	for _, c := range changed {
		key := updateKey(c.Object.Name)
		m.Annotations[key], m.Template[key] = c.Digest, c.Digest
	}
	return m
}

// maxName is how many characters an annotation key has after its prefix.
const maxName = 63

// updateKey is the annotation for a Secret. A name that does not fit is cut,
// and told from others that begin alike by a hash of the whole.
func updateKey(secret string) string {
	room := maxName - len("secretsupdate.")
	if len(secret) <= room {
		return update + secret
	}
	sum := sha256.Sum256([]byte(secret))
	tail := "." + hex.EncodeToString(sum[:5])
	return update + secret[:room-len(tail)] + tail
}
