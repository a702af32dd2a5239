package reloader

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Mark implements dialect.Workloads.
func (l language) Mark(w dialect.Workload, changed []delivery.Reloaded, now time.Time) delivery.ReloadMarks {
	switch {
	case w.Kind == "Rollout" && w.Annotations[strategy] == "restart":
		return delivery.ReloadMarks{RestartPods: true}
	case l.opts.Strategy == Annotations:
		return delivery.ReloadMarks{Template: map[string]string{lastFrom: source(changed[len(changed)-1], now)}}
	}
	var m delivery.ReloadMarks
	for _, c := range changed {
		m.Env = append(m.Env, delivery.EnvMark{Container: c.Container, Name: envName(c.Object), Value: c.Digest})
	}
	return m
}

// source is the JSON that tells what a restart was for. The original keeps
// the last cause alone, so that the annotation stays small.
func source(c delivery.Reloaded, now time.Time) string {
	b, err := json.Marshal(struct {
		Type          string   `json:"type"`
		Name          string   `json:"name"`
		Namespace     string   `json:"namespace"`
		Hash          string   `json:"hash"`
		ContainerRefs []string `json:"containerRefs"`
		ObservedAt    int64    `json:"observedAt"`
	}{strings.ToUpper(c.Object.Kind), c.Object.Name, c.Object.Namespace, c.Digest, []string{c.Container}, now.Unix()})
	if err != nil {
		return "" // strings and numbers always marshal
	}
	return string(b)
}

// envName is the variable that stands for an object: letters and digits in
// upper case, everything between them one underscore.
func envName(ref delivery.ObjectRef) string {
	var b strings.Builder
	b.WriteString("STAKATER_")
	gap := false
	for _, c := range strings.ToUpper(ref.Name) {
		if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			b.WriteRune(c)
			gap = true
		} else if gap {
			b.WriteByte('_')
			gap = false
		}
	}
	return b.String() + "_" + strings.ToUpper(ref.Kind)
}
