package sealed_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

// TestTheLifeOfASealedSecret: made, told, changed, repaired, made anew, and gone
// with its SealedSecret.
func TestTheLifeOfASealedSecret(t *testing.T) {
	b := newBed(t)
	const template = `
template:
  type: example.com/login
  metadata:
    name: app
    labels: {app: web, more: x}
    annotations: {note: "{{ .user }}", more: x}
`
	b.SealAndApply("app", values{"user": "me", "binary": "\x00\xff"}, template)
	b.Holds("app", values{"user": "me", "binary": "\x00\xff"})
	s := b.Owned("app", true)
	if s.Type != "example.com/login" || s.Labels["app"] != "web" || s.Annotations["note"] != "{{ .user }}" || s.Immutable != nil {
		t.Errorf("type %s, labels %v, annotations %v, immutable %v", s.Type, s.Labels, s.Annotations, s.Immutable)
	}
	ss := b.Synced("app")
	if got := ss.Status.SealedFor; got != b.Key.Fingerprint(t) {
		t.Errorf("sealed for %q", got)
	}
	if c := ss.Status.Conditions[0]; c.Message != "" || c.LastUpdateTime == "" || c.LastTransitionTime == "" {
		t.Errorf("the condition is %+v", c)
	}
	b.Event("app", "Unsealed", "SealedSecret unsealed successfully")
	out, err := b.Plane.Kubectl(t.Context(), "get", "sealedsecrets", "app", "--namespace", b.NS).CombinedOutput()
	if want := []string{"NAME", "STATUS", "SYNCED", "AGE", "app", "True"}; err != nil || !slices.Equal(strings.Fields(string(out))[:6], want) {
		t.Errorf("kubectl get: %v\n%s", err, out)
	}

	// One value changes, one goes, and a label with it.
	b.SealAndApply("app", values{"user": "you"}, strings.ReplaceAll(template, ", more: x", ""))
	b.Holds("app", values{"user": "you"})
	if s = b.Secret("app"); s.Labels["more"] != "" || s.Annotations["more"] != "" || s.Labels["app"] != "web" {
		t.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
	}

	sealedtest.Change(b, s, func(s *corev1.Secret) { s.Data = map[string][]byte{"user": []byte("edited"), "added": []byte("x")} })
	b.Holds("app", values{"user": "you"})
	sealedtest.Change(b, b.Secret("app"), func(s *corev1.Secret) { s.Labels["app"] = "other" })
	b.Eventually(func() error {
		if got := b.Secret("app").Labels["app"]; got != "web" {
			return fmt.Errorf("the label is %q", got)
		}
		return nil
	})
	before := b.Secret("app")
	b.Must(b.Delete(t.Context(), before))
	if after := b.Holds("app", values{"user": "you"}); after.UID == before.UID {
		t.Error("the Secret was not deleted")
	}

	b.Must(b.Delete(t.Context(), ss))
	b.Eventually(func() error {
		if b.Secret("app") != nil {
			return fmt.Errorf("the Secret is still there")
		}
		return nil
	})
}

func TestAnEmptyOneMakesAnEmptySecret(t *testing.T) {
	b := newBed(t)
	b.Apply(sealedtest.Manifest("empty", nil, "", ""))
	b.Synced("empty")
	b.Holds("empty", values{})
	b.Apply(sealedtest.Manifest("plain", nil, "", `template: {data: {k: "{{ 1 }}"}}`))
	b.Holds("plain", values{"k": "1"})
}

// TestScopes: a value opens where it was sealed for, and nowhere else; a scope
// that the object does not tell is named.
func TestScopes(t *testing.T) {
	b := newBed(t)
	wide := func(scope string) string { return `annotations: {sealedsecrets.bitnami.com/` + scope + `: "true"}` }
	for name, c := range map[string]struct{ label, metadata, fails string }{
		"strict":             {b.NS + "/strict", "", ""},
		"namespace-wide":     {b.NS, wide("namespace-wide"), ""},
		"cluster-wide":       {"", wide("cluster-wide"), ""},
		"other-name":         {b.NS + "/strict", "", "sealed for another cluster, or for another namespace or name than " + b.NS + "/other-name"},
		"other-namespace":    {b.NS + "x", wide("namespace-wide"), "for another namespace than " + b.NS},
		"not-told-namespace": {b.NS, "", "it was sealed namespace-wide, and the object says strict"},
		"not-told-cluster":   {"", "", "it was sealed cluster-wide, and the object says strict"},
		"told-in-vain":       {b.NS + "/told-in-vain", wide("cluster-wide"), "it was sealed strict, and the object says cluster-wide"},
	} {
		b.Apply(sealedtest.Manifest(name, values{"k": b.Key.Seal(t, c.label, name)}, c.metadata, ""))
		if c.fails == "" {
			b.Holds(name, values{"k": name})
			continue
		}
		b.Fails(name, `no key could decrypt secret: "k"`, c.fails)
		if b.Secret(name) != nil {
			t.Errorf("%s has a Secret", name)
		}
	}
	b.Event("other-name", "ErrUnsealFailed", "Failed to unseal: no key could decrypt secret")

	// Telling the scope is no new generation, and mends it all the same.
	sealedtest.Change(b, b.SealedSecret("not-told-cluster"), func(ss *v1alpha1.SealedSecret) {
		ss.Annotations = values{"sealedsecrets.bitnami.com/cluster-wide": "true"}
	})
	b.Holds("not-told-cluster", values{"k": "not-told-cluster"})
	b.Synced("not-told-cluster")
}

func TestTemplates(t *testing.T) {
	b := newBed(t)
	b.SealAndApply("app", values{"password": "p&w", "user": "me"}, `
template:
  data:
    url: "postgres://{{ .user | upper }}:{{ .password | urlquery }}@db"
    user: "{{ .user }}2"
    absent: '{{ .absent }}, {{ .absent | default "none" }}'
    words: "{{ range $i, $w := splitList \",\" \"a,b\" }}{{ $i }}{{ $w }}{{ end }}"
`)
	b.Holds("app", values{
		"password": "p&w", "user": "me2", "url": "postgres://ME:p%26w@db", "absent": "<no value>, none", "words": "0a1b",
	})
	for _, c := range []struct{ name, text, says string }{
		{"env", `{{ env \"PATH\" }}`, "env"},
		{"expandenv", `{{ expandenv \"$PATH\" }}`, "expandenv"},
		{"host", `{{ getHostByName \"localhost\" }}`, "getHostByName"},
		{"syntax", `{{ .password `, "line 1"},
		{"endless", `{{ range until 100000000 }}x{{ end }}`, "bytes"},
	} {
		b.SealAndApply(c.name, values{"password": "p&w"}, `template: {data: {k: "`+c.text+`"}}`)
		ss := b.Fails(c.name, `spec.template.data["k"]`, c.says)
		if strings.Contains(ss.Status.Conditions[0].Message, "p&w") {
			t.Errorf("%s tells the value", c.name)
		}
	}
	b.Event("env", "ErrUnsealFailed", "Failed to unseal: ")
	all := &corev1.SecretList{}
	b.Must(b.List(t.Context(), all, client.InNamespace(b.NS)))
	for _, s := range all.Items {
		if s.Name != "app" && s.Type == corev1.SecretTypeOpaque {
			t.Errorf("Secret %s was made", s.Name)
		}
	}
}

// TestWarningsAreToldOnce: a success tells what the template says in vain.
func TestWarningsAreToldOnce(t *testing.T) {
	b := newBed(t)
	b.SealAndApply("app", values{"k": "v"}, `template: {metadata: {name: zzz, namespace: `+b.NS+`}}`)
	want := `spec.template.metadata.name: "zzz" has no effect, for the Secret has that of the SealedSecret`
	if got := b.Synced("app").Status.Conditions[0].Message; got != want {
		t.Errorf("the message is %q, want %q", got, want)
	}
	b.Holds("app", values{"k": "v"})
}

func TestImmutable(t *testing.T) {
	b := newBed(t)
	const frozen = `template: {immutable: true}`
	b.SealAndApply("app", values{"k": "one"}, frozen)
	s := b.Holds("app", values{"k": "one"})
	if s.Immutable == nil || !*s.Immutable {
		t.Error("it is not immutable")
	}
	b.Synced("app")
	b.SealAndApply("app", values{"k": "two"}, frozen)
	b.Fails("app", "Secret app is immutable and holds something else", "delete it")
	b.Event("app", "ErrUpdateFailed", "immutable")
	b.Must(b.Delete(t.Context(), b.Secret("app")))
	b.Holds("app", values{"k": "two"})
	b.Synced("app")
}

func TestTypes(t *testing.T) {
	b := newBed(t)
	b.SealAndApply("app", values{"username": "me", "password": "pw"}, `template: {type: kubernetes.io/basic-auth}`)
	if s := b.Holds("app", values{"username": "me", "password": "pw"}); s.Type != corev1.SecretTypeBasicAuth {
		t.Errorf("its type is %s", s.Type)
	}
	b.SealAndApply("app", values{"username": "me", "password": "pw"}, "")
	b.Fails("app", "is of type kubernetes.io/basic-auth and should be Opaque", "delete it")
	b.SealAndApply("tls", values{"tls.crt": "no"}, `template: {type: kubernetes.io/tls}`)
	b.Fails("tls", "the API server refused the write", "data[tls.key]")
	b.SealAndApply("token", values{"k": "v"}, `
template:
  type: kubernetes.io/service-account-token
  metadata: {annotations: {kubernetes.io/service-account.name: default}}
`)
	b.Fails("token", "failed update: Secret token is not made: Secrets of type kubernetes.io/service-account-token are acted on by the cluster itself",
		"--sealed-privileged-namespace="+b.NS)

	b.Apply(`
apiVersion: v1
kind: Secret
metadata: {name: theirs}
type: bootstrap.kubernetes.io/token
`)
	b.SealAndApply("theirs", values{"k": "v"}, "")
	b.Fails("theirs", `Resource "theirs" already exists and is not managed by SealedSecret`)
	b.Annotate("theirs", "sealedsecrets.bitnami.com/managed", "true")
	b.Fails("theirs", "is of type bootstrap.kubernetes.io/token, which the cluster itself acts on: delete it to have it made anew", "--sealed-privileged-namespace="+b.NS)
}
