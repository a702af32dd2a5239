package externalsecrets

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

const templateField = "spec.target.template"

func shape(p *dialect.Problems, t *esv1.ExternalSecretTemplate) delivery.Shape {
	if t == nil {
		return delivery.Shape{}
	}
	if v := t.EngineVersion; v != "" && v != "v2" {
		p.Unsupported(templateField+".engineVersion", "%s is not served, only v2; "+
			"rewrite the template for v2, where values are strings", dialect.Quote(v))
	}
	const merge, replace = "Merge", "Replace"
	out := &delivery.Template{
		Field:       templateField,
		Merge:       choose(p, templateField+".mergePolicy", t.MergePolicy, replace, merge) == merge,
		Data:        maps.Clone(t.Data),
		Labels:      maps.Clone(t.Metadata.Labels),
		Annotations: maps.Clone(t.Metadata.Annotations),
	}
	for i := range t.TemplateFrom {
		field := fmt.Sprintf("%s.templateFrom[%d]", templateField, i)
		out.From = append(out.From, templateFrom(p, field, &t.TemplateFrom[i])...)
	}
	refusePrivileged(p, t, out)
	return delivery.Shape{Template: out}
}

// templateFrom reads one entry, which may name up to three sources of
// templates: they apply in this order.
func templateFrom(p *dialect.Problems, field string, t *esv1.TemplateFrom) []delivery.TemplateFrom {
	base := delivery.TemplateFrom{
		Target: templateTarget(p, field+".target", t.Target),
		Decode: decoding(p, field+".valuesDecodingStrategy", t.ValuesDecodingStrategy),
	}
	var out []delivery.TemplateFrom
	add := func(name string, fill func(*delivery.TemplateFrom)) {
		from := base
		from.Field = field + "." + name
		fill(&from)
		out = append(out, from)
	}
	if t.ConfigMap != nil {
		add("configMap", func(f *delivery.TemplateFrom) { f.Object = templateObject(p, f.Field, "ConfigMap", t.ConfigMap) })
	}
	if t.Secret != nil {
		add("secret", func(f *delivery.TemplateFrom) { f.Object = templateObject(p, f.Field, "Secret", t.Secret) })
	}
	if t.Literal != nil {
		add("literal", func(f *delivery.TemplateFrom) { f.Literal = *t.Literal })
	}
	if len(out) == 0 {
		p.Invalid(field, "none of configMap, secret and literal is set, so there is no template; set one or remove the entry")
	}
	return out
}

// templateTarget is read without regard to case, as the original does. It
// admits nothing else: a path into the Secret would reach its type and owners.
func templateTarget(p *dialect.Problems, field, got string) delivery.TemplateTarget {
	for _, t := range []delivery.TemplateTarget{delivery.TargetData, delivery.TargetLabels, delivery.TargetAnnotations} {
		if strings.EqualFold(string(t), got) {
			return t
		}
	}
	return choose(p, field, got, delivery.TargetData, delivery.TargetLabels, delivery.TargetAnnotations)
}

func templateObject(p *dialect.Problems, field, kind string, ref *esv1.TemplateRef) *delivery.TemplateObject {
	out := &delivery.TemplateObject{Kind: kind, Name: ref.Name}
	if ref.Name == "" {
		p.Invalid(field+".name", "the name of the %s is missing", kind)
	}
	const values, both = "Values", "KeysAndValues"
	for i, item := range ref.Items {
		at := fmt.Sprintf("%s.items[%d]", field, i)
		if item.Key == "" {
			p.Invalid(at+".key", "the key within the %s is missing", kind)
		}
		out.Items = append(out.Items, delivery.TemplateItem{
			Key:           item.Key,
			KeysAndValues: choose(p, at+".templateAs", item.TemplateAs, values, both) == both,
		})
	}
	return out
}

// refusePrivileged refuses Secrets that Kubernetes itself acts on: a token of
// a service account would be filled in for whoever can read the Secret, and a
// bootstrap token lets new nodes join.
func refusePrivileged(p *dialect.Problems, t *esv1.ExternalSecretTemplate, out *delivery.Template) {
	const field = templateField + ".type"
	switch corev1.SecretType(t.Type) {
	case corev1.SecretTypeBootstrapToken:
		p.Invalid(field, "%s is not allowed: such a Secret lets nodes join the cluster", dialect.Quote(t.Type))
	case corev1.SecretTypeServiceAccountToken:
		if _, ok := t.Metadata.Annotations[corev1.ServiceAccountNameKey]; ok {
			p.Invalid(field, "%s with the annotation %s is not allowed: the cluster would fill in a token of that service account",
				dialect.Quote(t.Type), corev1.ServiceAccountNameKey)
		}
		for _, from := range out.From {
			if from.Target == delivery.TargetAnnotations {
				p.Invalid(field, "%s with annotations from %s is not allowed: they could name a service account, whose token the cluster would fill in",
					dialect.Quote(t.Type), from.Field)
			}
		}
	}
}
