package externalsecrets

import (
	"slices"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

func rewrite(p *dialect.Problems, field string, r *esv1.Rewrite) delivery.Rewrite {
	var out delivery.Rewrite
	set := 0
	if r.Regexp != nil {
		set++
		checkRegexp(p, field+".regexp.source", r.Regexp.Source)
		out.Regexp = &delivery.RewriteRegexp{Source: r.Regexp.Source, Target: r.Regexp.Target}
	}
	if r.Transform != nil {
		set++
		out.Transform = &delivery.RewriteTransform{Template: r.Transform.Template}
	}
	if r.Merge != nil {
		set++
		out.Merge = merge(p, field+".merge", r.Merge)
	}
	if set != 1 {
		p.Invalid(field, "%d of regexp, transform and merge are set; set exactly one", set)
	}
	return out
}

func merge(p *dialect.Problems, field string, m *esv1.RewriteMerge) *delivery.RewriteMerge {
	const (
		extract, toJSON   = "Extract", "JSON"
		strict, mayMiss   = "Strict", "IgnoreNotFound"
		refuse, lastShall = "Error", "Ignore"
	)
	out := &delivery.RewriteMerge{
		Extract:         choose(p, field+".strategy", m.Strategy, extract, toJSON) == extract,
		Priority:        slices.Clone(m.Priority),
		IgnoreMissing:   choose(p, field+".priorityPolicy", m.PriorityPolicy, strict, mayMiss) == mayMiss,
		IgnoreConflicts: choose(p, field+".conflictPolicy", m.ConflictPolicy, refuse, lastShall) == lastShall,
	}
	if out.Extract {
		// The original ignores into here, and says so in its reference.
		return out
	}
	out.Into = m.Into
	if m.Into == "" {
		p.Invalid(field+".into", "strategy JSON needs the key that gets the result; set it")
	}
	return out
}
