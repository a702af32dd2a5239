// Package reloader is the language of Stakater's Reloader: annotations by
// which a workload asks to be restarted when Secrets and ConfigMaps change.
//
// An annotation is looked for on the workload, and where it has none of those
// that ask for restarts, on the pod template.
package reloader

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Name of the language.
const Name = "reloader.stakater.com"

// Strategy is how a restart shows on the pod template.
type Strategy string

// The strategies, by the names that the original's --reload-strategy knows.
const (
	EnvVars     Strategy = "env-vars"
	Annotations Strategy = "annotations"
)

// Options of the language. The zero Options are the original's defaults.
type Options struct {
	// Strategy is EnvVars if empty.
	Strategy Strategy
	// AutoAll restarts workloads that say nothing when something that they
	// use changes.
	AutoAll bool
}

// New returns the language.
func New(opts Options) dialect.Workloads { return language{opts} }

type language struct{ opts Options }

const (
	auto       = "reloader.stakater.com/auto"
	search     = "reloader.stakater.com/search"
	match      = "reloader.stakater.com/match"
	ignore     = "reloader.stakater.com/ignore"
	strategy   = "reloader.stakater.com/rollout-strategy"
	lastFrom   = "reloader.stakater.com/last-reloaded-from"
	holdPeriod = "deployment.reloader.stakater.com/pause-period"
	heldAt     = "deployment.reloader.stakater.com/paused-at"
)

// keys are the annotations that exist once for each kind of object.
type keys struct{ kind, auto, named, exclude string }

// perKind lists them for both kinds.
func perKind() []keys {
	return []keys{
		{"Secret", "secret.reloader.stakater.com/auto", "secret.reloader.stakater.com/reload", "secrets.exclude.reloader.stakater.com/reload"},
		{"ConfigMap", "configmap.reloader.stakater.com/auto", "configmap.reloader.stakater.com/reload", "configmaps.exclude.reloader.stakater.com/reload"},
	}
}

// unserved are the annotations about SecretProviderClasses.
func unserved() []string {
	return []string{"secretproviderclass.reloader.stakater.com/auto", "secretproviderclass.reloader.stakater.com/reload"}
}

// Name implements dialect.Workloads.
func (language) Name() string { return Name }

// Kept implements dialect.Workloads.
func (language) Kept() dialect.WorkloadKeys {
	kept := dialect.WorkloadKeys{
		Workload: []string{auto, search, strategy, holdPeriod, heldAt},
		Object:   []string{match, ignore},
	}
	kept.Workload = append(kept.Workload, unserved()...)
	for _, k := range perKind() {
		kept.Workload = append(kept.Workload, k.auto, k.named, k.exclude)
	}
	return kept
}

// Translate implements dialect.Workloads.
func (l language) Translate(w dialect.Workload) (delivery.Reload, error) {
	plan := delivery.Reload{HeldAt: heldAt}
	var first *delivery.Error
	note := func(err *delivery.Error) {
		if first == nil {
			first = err
		}
	}
	var asks []delivery.ReloadRule
	for _, k := range perKind() {
		rules, err := l.rules(w, k)
		note(err)
		asks = append(asks, rules...)
	}
	if len(asks) > 0 {
		// An object's own word goes before the workload's.
		never := delivery.ReloadRule{With: map[string]string{ignore: "true"}, Never: true}
		plan.Rules = append([]delivery.ReloadRule{never}, asks...)
	}
	for _, k := range unserved() {
		if _, says := w.Annotations[k]; says || w.Template[k] != "" {
			note(dialect.Invalid(k, "SecretProviderClasses are not watched, and their changes restart nobody: the Secrets that they sync do, by the annotations for Secrets"))
		}
	}
	hold, err := holdOf(w)
	note(err)
	plan.Hold = hold
	if first != nil {
		return plan, first
	}
	return plan, nil
}

// rules are what the workload says of one kind of object, in the original's
// order: exclude, named, search, auto. Nil if nothing of the kind restarts it.
func (l language) rules(w dialect.Workload, k keys) ([]delivery.ReloadRule, *delivery.Error) {
	says := w.Annotations
	if !anyOf(says, k.named, auto, k.auto, search) {
		says = w.Template
	}
	var asks []delivery.ReloadRule
	names, patterns, err := named(k.named, says[k.named])
	if len(names)+len(patterns) > 0 {
		asks = append(asks, delivery.ReloadRule{Kind: k.kind, Names: names, Patterns: patterns})
	}
	if says[search] == "true" {
		asks = append(asks, delivery.ReloadRule{Kind: k.kind, Referenced: true, With: map[string]string{match: "true"}})
	}
	silent := says[auto] == "" && says[k.auto] == ""
	if truth(says[auto]) || truth(says[k.auto]) || silent && l.opts.AutoAll {
		asks = append(asks, delivery.ReloadRule{Kind: k.kind, Referenced: true})
	}
	if len(asks) == 0 {
		return nil, err
	}
	exclude := w.Annotations[k.exclude]
	if exclude == "" {
		exclude = says[k.exclude]
	}
	if excluded := list(exclude); len(excluded) > 0 {
		asks = append([]delivery.ReloadRule{{Kind: k.kind, Names: excluded, Never: true}}, asks...)
	}
	return asks, err
}

func anyOf(annotations map[string]string, keys ...string) bool {
	for _, k := range keys {
		if _, ok := annotations[k]; ok {
			return true
		}
	}
	return false
}

// truth is what the original takes for true.
func truth(s string) bool {
	b, err := strconv.ParseBool(s)
	return err == nil && b
}

// list splits at commas.
func list(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// Bounds on what one annotation makes the operator keep, and do for each name
// that it tries.
const (
	maxPattern = 512   // bytes of one
	maxProgram = 2_000 // instructions of all, about
	maxNames   = 100   // each is looked for, and recorded on the workload
)

// named tells names from patterns. A bad one is left out and reported; the
// others hold.
func named(key, value string) (names, patterns []string, bad *delivery.Error) {
	size := 0
	note := func(format string, args ...any) {
		if bad == nil {
			bad = dialect.Invalid(key, format, args...)
		}
	}
	for _, part := range list(value) {
		if regexp.QuoteMeta(part) == part {
			switch {
			case len(validation.IsDNS1123Subdomain(part)) > 0:
				note("%.80q is no name that an object can have", part)
			case len(names) == maxNames:
				note("it names more than %d objects, from %.80q on; use a pattern", maxNames, part)
			default:
				names = append(names, part)
			}
			continue
		}
		n, ok := cost(part)
		switch {
		case ok && size+n <= maxProgram:
			size += n
			patterns = append(patterns, "^"+part+"$")
		case ok:
			note("its patterns are too large together, from %.80q on; name the objects one by one", part)
		default:
			note("the pattern %.80q is no regular expression (RE2) of at most %d bytes", part, maxPattern)
		}
	}
	return names, patterns, bad
}

// cost is about how many instructions a pattern compiles to. It is told
// without compiling: a short pattern can take long.
func cost(pattern string) (n int, ok bool) {
	if len(pattern) > maxPattern {
		return 0, false
	}
	re, err := syntax.Parse("^"+pattern+"$", syntax.Perl)
	if err != nil {
		return 0, false
	}
	return size(re), true
}

func size(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += size(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return n
}

// holdOf is how long a Deployment is paused after a change.
func holdOf(w dialect.Workload) (time.Duration, *delivery.Error) {
	value, ok := w.Annotations[holdPeriod]
	if !ok || w.Kind != "Deployment" {
		return 0, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return 0, dialect.Invalid(holdPeriod, "%.40q is no positive duration such as 5m; restarts do not pause", value)
	}
	return d, nil
}
