package externalsecrets_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// tmpl is a spec with a template that reads the properties user and pass.
func tmpl(template string) string {
	return "target:\n  template:\n" + indent(template, "    ") + "dataFrom: [{extract: {key: $NS/app}}]\n"
}

func templateBed(t *testing.T) bed {
	t.Helper()
	b := vaultBed(t)
	b.Put("app", map[string]any{"user": "ann", "pass": "x"})
	return b
}

const templates = `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: texts}
data:
  one: "config of {{ .user }}"
  many: |
    {{ .user }}-key: "{{ .pass }}"
    fixed: value
---
apiVersion: v1
kind: Secret
metadata: {name: texts}
stringData:
  one: "secret of {{ .user }}"
`

func TestTemplateData(t *testing.T) {
	b := templateBed(t)
	b.Apply(templates)
	b.run([]reads{
		{name: "data", spec: tmpl(`data: {url: "db://{{ .user }}:{{ .pass }}@host"}`), want: []string{"url", "db://ann:x@host"}},
		{name: "merge", spec: tmpl("mergePolicy: Merge\ndata: {url: \"{{ .user }}\", pass: over}"), want: []string{"url", "ann", "user", "ann", "pass", "over"}},
		{name: "empty", spec: tmpl("data: {}"), want: []string{"user", "ann", "pass", "x"}},
		{name: "v2", spec: tmpl(`{engineVersion: v2, data: {k: "{{ .user | upper | b64enc }}"}}`), want: []string{"k", "QU5O"}},
		{name: "loop", spec: tmpl(`data: {k: "{{ range $k, $v := . }}{{ $k }}={{ $v }};{{ end }}"}`), want: []string{"k", "pass=x;user=ann;"}},
		{name: "to-yaml", spec: tmpl(`data: {k: "{{ . | toYaml }}"}`), want: []string{"k", "pass: x\nuser: ann"}},
		{name: "config-map", spec: tmpl("templateFrom: [{configMap: {name: texts, items: [{key: one}]}}]"), want: []string{"one", "config of ann"}},
		{name: "config-many", spec: tmpl("templateFrom: [{configMap: {name: texts, items: [{key: many, templateAs: KeysAndValues}]}}]"), want: []string{"ann-key", "x", "fixed", "value"}},
		{name: "secret", spec: tmpl("templateFrom: [{target: Data, secret: {name: texts, items: [{key: one, templateAs: Values}]}}]"), want: []string{"one", "secret of ann"}},
		{name: "literal", spec: tmpl(`templateFrom: [{literal: "{{ .user }}: {{ .pass }}"}]`), want: []string{"ann", "x"}},
		{name: "precedence", spec: tmpl(`
mergePolicy: Merge
data: {one: from data}
templateFrom:
- {configMap: {name: texts, items: [{key: one}]}}
- {literal: "{user: literal, one: literal}"}`), want: []string{"user", "literal", "pass", "x", "one", "from data"}},
		{name: "later-from", spec: tmpl("templateFrom: [{configMap: {name: texts, items: [{key: one}]}}, {secret: {name: texts, items: [{key: one}]}}]"), want: []string{"one", "secret of ann"}},
		{name: "decoded", spec: tmpl(`templateFrom: [{valuesDecodingStrategy: Base64, literal: "k: aGVsbG8="}]`), want: []string{"k", "hello"}},
	})
}

func TestTemplateFailures(t *testing.T) {
	b := templateBed(t)
	b.Apply(templates)
	b.run([]reads{
		{name: "missing-key", spec: tmpl(`data: {k: "{{ .nope }}"}`), fails: []string{"could not update secret", `template.data["k"]`}},
		{name: "no-parse", spec: tmpl(`data: {k: "{{ .user"}`), fails: []string{`template.data["k"]`}},
		{name: "no-config-map", spec: tmpl("templateFrom: [{configMap: {name: nope, items: [{key: one}]}}]"), fails: []string{"templateFrom[0]", `ConfigMap "nope"`}},
		{name: "no-item", spec: tmpl("templateFrom: [{secret: {name: texts, items: [{key: nope}]}}]"), fails: []string{"templateFrom[0]", `"nope"`}},
		{name: "no-map", spec: tmpl(`templateFrom: [{literal: "{{ .user }}"}]`), fails: []string{"templateFrom[0].literal"}},
		{name: "bad-label", spec: tmpl(`metadata: {labels: {l: "a b {{ .user }}"}}`), fails: []string{`metadata.labels["l"]`}},
		{name: "no-source", spec: tmpl("templateFrom: [{target: Data}]"), fails: []string{"templateFrom[0]"}},
		{name: "bad-target", spec: tmpl("templateFrom: [{target: spec.type, literal: \"a: b\"}]"), fails: []string{"templateFrom[0].target", `"spec.type"`}},
		{name: "bootstrap", spec: tmpl("type: bootstrap.kubernetes.io/token"), fails: []string{"spec.target.template.type", "bootstrap.kubernetes.io/token"}},
		{name: "account", spec: tmpl("type: kubernetes.io/service-account-token\nmetadata: {annotations: {kubernetes.io/service-account.name: default}}"), fails: []string{"spec.target.template.type"}},
		{name: "account-from", spec: tmpl("type: kubernetes.io/service-account-token\ntemplateFrom: [{target: Annotations, literal: \"kubernetes.io/service-account.name: default\"}]"), fails: []string{"spec.target.template.type"}},
		{name: "env", spec: tmpl(`data: {k: "{{ env \"HOME\" }}"}`), fails: []string{`template.data["k"]`}},
		{name: "dns", spec: tmpl(`data: {k: "{{ getHostByName \"localhost\" }}"}`), fails: []string{`template.data["k"]`}},
	})
}

func TestTemplateOfTypeAndMetadata(t *testing.T) {
	b := templateBed(t)
	b.Apply(es("app", tmpl(`
type: kubernetes.io/basic-auth
metadata:
  labels: {plain: label, made: "{{ .user }}"}
  annotations: {made: "by {{ .user }}"}
  finalizers: [example.com/keep]
data: {username: "{{ .user }}", password: "{{ .pass }}"}
templateFrom:
- {target: Labels, literal: "from: labels-{{ .user }}"}
- {target: Annotations, literal: "from: annotations of {{ .user }}"}`)))
	s := b.holds("app", "username", "ann", "password", "x")
	t.Cleanup(func() { b.unblock("app") })
	if s.Type != corev1.SecretTypeBasicAuth {
		t.Errorf("its type is %s", s.Type)
	}
	for name, want := range map[string]string{"plain": "label", "made": "ann", "from": "labels-ann", managed: "true"} {
		if s.Labels[name] != want {
			t.Errorf("label %s is %q, want %q", name, s.Labels[name], want)
		}
	}
	for name, want := range map[string]string{"made": "by ann", "from": "annotations of ann"} {
		if s.Annotations[name] != want {
			t.Errorf("annotation %s is %q, want %q", name, s.Annotations[name], want)
		}
	}
	if len(s.Finalizers) != 1 || s.Finalizers[0] != "example.com/keep" {
		t.Errorf("finalizers are %v", s.Finalizers)
	}

	// What leaves the template leaves the Secret; what others added stays.
	b.change(s, func() { s.Labels["foreign"], s.Annotations["foreign"] = "x", "y" })
	b.Apply(es("app", tmpl(`
type: kubernetes.io/basic-auth
metadata: {labels: {plain: other}}
data: {username: "{{ .user }}", password: "{{ .pass }}"}`)))
	b.Eventually(func() error {
		s = b.Secret("app")
		if s.Labels["plain"] != "other" || s.Labels["made"]+s.Labels["from"]+s.Annotations["made"]+s.Annotations["from"] != "" {
			return fmt.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
		}
		return nil
	})
	if s.Labels["foreign"] != "x" || s.Annotations["foreign"] != "y" || s.Labels[managed] != "true" {
		t.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
	}
}

// unblock takes the finalizers off a Secret, so that its namespace can go.
func (b bed) unblock(name string) {
	s := plain(name)
	s.Namespace = b.NS
	body := []byte(`{"metadata":{"finalizers":null}}`)
	_ = b.Patch(b.background(), s, rawMerge(body))
}

func TestLabelsAndAnnotationsOfTheObjectAreCopiedWithoutATemplate(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	const meta = "metadata: {name: %s, labels: {app: web}, annotations: {note: \"by hand\"}}"
	b.Apply(withMeta(es("copied", one("app")), fmt.Sprintf(meta, "copied")) +
		withMeta(es("templated", "target: {"+bare+"}"+one("app")), fmt.Sprintf(meta, "templated")))
	s := b.holds("copied", "v", "one")
	if s.Labels["app"] != "web" || s.Annotations["note"] != "by hand" || s.Labels[managed] != "true" {
		t.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
	}
	s = b.holds("templated", "v", "one")
	if s.Labels["app"] != "" || s.Annotations["note"] != "" || s.Labels[managed] != "true" {
		t.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
	}

	// They follow.
	b.Synced("copied")
	b.Apply(withMeta(es("copied", one("app")), "metadata: {name: copied, labels: {tier: one}}"))
	b.Eventually(func() error {
		if s := b.Secret("copied"); s.Labels["tier"] != "one" || s.Labels["app"] != "" || s.Annotations["note"] != "" {
			return fmt.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
		}
		return nil
	})
}

func TestAChangedTemplateWakesItsObjects(t *testing.T) {
	b := templateBed(t)
	b.Apply(es("late", tmpl("templateFrom: [{configMap: {name: texts, items: [{key: one}]}}]")))
	b.Failed("late", `ConfigMap "texts"`)
	b.Apply(templates + es("secret", tmpl("templateFrom: [{secret: {name: texts, items: [{key: one}]}}]")))
	within(t, atOnce, func() { b.holds("late", "one", "config of ann") })
	b.holds("secret", "one", "secret of ann")
	b.Synced("late")
	b.Synced("secret")

	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "texts", Namespace: b.NS}}
	secret := plain("texts")
	secret.Namespace = b.NS
	b.change(cm, func() { cm.Data = map[string]string{"one": "new {{ .user }}"} })
	within(t, atOnce, func() { b.holds("late", "one", "new ann") })
	b.change(secret, func() { secret.Data["one"] = []byte("newer {{ .user }}") })
	within(t, atOnce, func() { b.holds("secret", "one", "newer ann") })

	// One that breaks leaves the last good Secret.
	good := b.Secret("late")
	b.change(cm, func() { cm.Data = map[string]string{"one": "{{ .user"} })
	b.Failed("late", `ConfigMap "texts"`, `"one"`)
	b.stays(good)
}
