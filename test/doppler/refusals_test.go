package doppler_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	dopplerv1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/test/doppler/dopplertest"
)

// TestWhatIsRefusedSaysWhy: a refused object gets a condition, no Secret, and
// Doppler is not asked.
func TestWhatIsRefusedSaysWhy(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	other := b.namespace("b")
	b.Apply(fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: token, namespace: %s}, stringData: {serviceToken: %s}}", other, b.Token))
	cases := map[string]struct {
		spec []string
		says []string
	}{
		"target":     {[]string{"managedSecret: {name: target, namespace: " + other + "}"}, []string{"spec.managedSecret.namespace", other, "operator's own namespaces", "--doppler-namespace"}},
		"token":      {[]string{"tokenSecret: {name: token, namespace: " + other + "}"}, []string{"spec.tokenSecret.namespace", other, "operator's own namespaces", "--doppler-namespace"}},
		"overwrites": {[]string{"managedSecret: {name: token}"}, []string{"spec.managedSecret.name", "tokenSecret itself"}},
		"host":       {[]string{"host: https://metadata.example.com"}, []string{`"metadata.example.com"`, "not one that this operator calls", "--doppler-host"}},
		"link-local": {[]string{"host: http://169.254.169.254"}, []string{`"169.254.169.254"`, "--doppler-host"}},
		"userinfo":   {[]string{"host: http://user:hunter2@127.0.0.1"}, []string{"must not hold a user or password"}},
		"scheme":     {[]string{"host: file:///etc/passwd"}, []string{"https address"}},
		"name":       {[]string{"managedSecret: {name: Not_A_Name}"}, []string{"spec.managedSecret.name", "Not_A_Name"}},
		"resync":     {[]string{"resyncSeconds: -1"}, []string{"spec.resyncSeconds", "-1"}},
		"names":      {[]string{"secrets: ['A,B']"}, []string{"spec.secrets[0]", `"A,B"`}},
		"nothing":    {[]string{"managedSecret: {name: nothing, type: kubernetes.io/tls}"}, []string{"spec.processors", "asName"}},
		"key":        {[]string{"processors: {K: {asName: 'no key'}}"}, []string{"spec.processors", "asName", "no key"}},
		"privileged": {[]string{"managedSecret: {name: privileged, type: kubernetes.io/service-account-token}", "processors: {K: {asName: token}}"}, []string{"spec.managedSecret.type", "cluster itself acts on"}},
		"expiry":     {[]string{"tokenSecret: none", "identity: x", "expirationSeconds: 5"}, []string{"spec.expirationSeconds", "600"}},
	}
	for name, c := range cases {
		b.DS(name, c.spec...)
	}
	for name, c := range cases {
		if message := b.Broken(name, c.says...); strings.Contains(message, "hunter2") {
			t.Errorf("%s: it says %q", name, message)
		}
		if name != "token" && b.Secret(name) != nil {
			t.Errorf("%s: there is a Secret", name)
		}
		b.eventIn(b.NS, name, "SecretSyncFailed", c.says[0])
	}
	if b.SecretIn(other, "target") != nil {
		t.Error("there is a Secret in another namespace")
	}
	if n := b.Requests("/", 0); n != 0 {
		t.Errorf("Doppler was asked %d times", n)
	}
	for name := range cases {
		b.remove(b.NS, name)
		b.Left(b.NS, name)
	}
}

// TestTheAPIServerRefusesWhatTheOriginalsDoes: the definition has its rules.
func TestTheDefinitionRefusesWhatTheOriginalsDoes(t *testing.T) {
	b := newBed(t, nil)
	for name, c := range map[string]struct {
		change func(*dopplerv1.DopplerSecret)
		says   string
	}{
		"two log-ins": {func(ds *dopplerv1.DopplerSecret) { ds.Spec.Identity = "x" }, "Must specify either tokenSecret or identity, but not both"},
		"no log-in":   {func(ds *dopplerv1.DopplerSecret) { ds.Spec.TokenSecret = nil }, "Must specify either tokenSecret or identity, but not both"},
		"format":      {func(ds *dopplerv1.DopplerSecret) { ds.Spec.Format = "xml" }, "Unsupported value"},
		"transformer": {func(ds *dopplerv1.DopplerSecret) { ds.Spec.NameTransformer = "shout" }, "Unsupported value"},
		"type":        {func(ds *dopplerv1.DopplerSecret) { ds.Spec.ManagedSecret.Type = "my/type" }, "Unsupported value"},
	} {
		ds := &dopplerv1.DopplerSecret{}
		ds.Namespace, ds.Name = b.NS, "app"
		ds.Spec.TokenSecret = &dopplerv1.TokenSecretReference{Name: "token"}
		ds.Spec.ManagedSecret.Name = "app"
		c.change(ds)
		if err := b.Create(t.Context(), ds); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAtHomeEveryNamespaceIsInReach: a token and a target elsewhere.
func TestAtHomeEveryNamespaceIsInReach(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.AtHome(b.NS, "tokenSecret: {name: token, namespace: "+b.NS+"}", "managedSecret: {name: app, namespace: "+b.NS+"}")
	s := b.Carries("app", "K", "one")
	if got := s.Annotations["secrets.doppler.com/managed-by"]; got != dopplertest.Home+"/"+b.NS {
		t.Errorf("it is managed by %s", got)
	}
}

// TestANamespaceThatComesLaterIsServed, as a GitOps tool may make it after what
// goes there.
func TestANamespaceThatComesLaterIsServed(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	later := b.NS + "-later"
	b.AtHome(b.NS, "managedSecret: {name: app, namespace: "+later+"}")
	b.BrokenIn(dopplertest.Home, b.NS, later)
	b.CarriesIn(b.namespace("later"), "app", "K", "one")
}

// TestAtHomePrivilegedTypesAreMade: who runs the operator may have Doppler keep
// what the cluster acts on, and still takes over nobody's.
func TestAtHomePrivilegedTypesAreMade(t *testing.T) {
	b := newBed(t, map[string]string{"ID": "abcdef", "SECRET": "0123456789abcdef"})
	processors := "processors: {ID: {asName: token-id}, SECRET: {asName: token-secret}}"
	target := "managedSecret: {name: bootstrap-token-abcdef, namespace: " + b.NS + ", type: bootstrap.kubernetes.io/token}"
	b.AtHome(b.NS, target, processors)
	s := b.Carries("bootstrap-token-abcdef", "token-id", "abcdef", "token-secret", "0123456789abcdef")
	if s.Type != "bootstrap.kubernetes.io/token" {
		t.Errorf("it is %s", s.Type)
	}
	theirs := b.Make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-theirs"}, Type: "bootstrap.kubernetes.io/token"})
	b.AtHome(b.NS+"-b", strings.Replace(target, "-abcdef", "-theirs", 1), processors)
	b.BrokenIn(dopplertest.Home, b.NS+"-b", "tacit.dev/adopt")
	b.Stays(theirs)
}

// TestWhatIsMendedRuns: and the failure is gone from the conditions.
func TestWhatIsMendedRuns(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("app", "host: https://metadata.example.com")
	b.Broken("app", "--doppler-host")
	b.DS("app")
	b.Carries("app", "K", "one")
	b.InSync("app")

	// And what was right and is refused keeps its Secret, which is still told
	// to be stale.
	s := b.Secret("app")
	b.DS("app", "host: https://metadata.example.com")
	b.Broken("app", "--doppler-host")
	b.Stays(s)
}
