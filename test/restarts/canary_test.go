package restarts

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	mirrorsv1 "github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/dialect/reloader"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/status"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// sowing sends canaries down every path of the languages that came after
// ExternalSecret, and knows how each object is to end.
type sowing struct {
	*bed
	all testkit.Canaries
	// issued are secrets that the test did not choose.
	issued map[string]string
	// clear is what the test itself wrote in the clear.
	clear []string
	want  map[string]map[string]string
}

// TestNoSecretByteComesOut is promises 1 and 2 for copies, mirrors, Doppler and
// restarts: values go down every path, good and bad, and then everything that
// others can read is searched, for them and for digests that anybody could make.
func TestNoSecretByteComesOut(t *testing.T) {
	t.Parallel()
	for _, strategy := range []reloader.Strategy{reloader.EnvVars, reloader.Annotations} {
		t.Run(string(strategy), func(t *testing.T) {
			s := &sowing{bed: newBed(t), all: testkit.Canaries{}, issued: map[string]string{}, want: map[string]map[string]string{}}
			o := s.serve(func(o *operator.Options) { o.Languages.Reloader.Strategy = strategy })
			s.mirrors()
			s.mirrorsOfBrokenVaults()
			s.copies()
			s.dopplers()
			s.dopplersRefused()
			s.lookers()
			s.workloads()
			for kind, want := range s.want {
				s.ended(kind, want)
			}
			s.changeAll()
			s.search(o)
		})
	}
}

// expect notes how an object is to end.
func (s *sowing) expect(kind, name, ready string) {
	if s.want[kind] == nil {
		s.want[kind] = map[string]string{}
	}
	s.want[kind][name] = ready
}

// search looks for what came out.
func (s *sowing) search(o *one) {
	t := s.T
	texts := testkit.Readable(t, s.Plane, s.clear, s.NS, s.other)
	for _, kind := range []string{"events", "secretmirrors", "dopplersecrets", "vaultsyncstatus", "deployments", "secrets", "replicasets"} {
		if texts[kind] == "" {
			t.Errorf("there are no %s to search", kind)
		}
	}
	texts["metrics"] = testkit.MetricsText(t, o.registry)
	rows, err := json.Marshal(s.table())
	s.must(err)
	texts["status"], texts["status as JSON"] = s.tableText(), string(rows)
	o.stop()
	texts["log"] = o.out.String()
	if !strings.Contains(texts["log"], "level=DEBUG") || !strings.Contains(texts["metrics"], "tacit_rollouts_total") || !strings.Contains(texts["status"], "DopplerSecret") {
		t.Errorf("the outputs are not what they should be: %d bytes of log", len(texts["log"]))
	}
	for name, text := range texts {
		for _, leak := range s.all.Leaks(text) {
			t.Errorf("%s: %s", name, leak)
		}
		for of, value := range s.issued {
			if strings.Contains(text, value) {
				t.Errorf("%s: holds the %s", name, of)
			}
		}
	}
}

// mirror applies a SecretMirror. In its source and destination, $LOGIN is a
// good login.
func (s *sowing) mirror(name, ready, source, destination string) {
	s.T.Helper()
	s.expect("SecretMirror", name, ready)
	login := "auth: {token: {secretRef: {name: vault-token}}}"
	s.apply(strings.NewReplacer("$LOGIN", login).Replace(fmt.Sprintf(`
apiVersion: mirrors.kts.studio/v1alpha2
kind: SecretMirror
metadata: {name: %s}
spec:
  pollPeriodSeconds: 1
  source: {%s}
  destination: {%s}
`, name, source, destination)))
}

const (
	toOther   = `namespaces: ["^$OTHER$"]`
	fromVault = "type: vault, name: %s, vault: {addr: %q, path: %s, $LOGIN}"
	intoVault = "type: vault, vault: {addr: %q, path: secret/data/$NS/%s, $LOGIN}"
)

// source makes a Secret as kubectl does, with a record of it in the clear.
func (s *sowing) source(name string, kind corev1.SecretType, annotations map[string]string) *corev1.Secret {
	s.T.Helper()
	value := s.all.Of(name)
	record, _ := json.Marshal(map[string]any{"data": map[string][]byte{"k": []byte(value)}, "stringData": map[string]string{"k": value}})
	annotations = maps.Clone(annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[corev1.LastAppliedConfigAnnotation] = string(record)
	made := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.NS, Name: name, Annotations: annotations},
		Type:       kind, Data: map[string][]byte{"k": []byte(value)},
	}
	s.must(s.Create(s.T.Context(), made))
	s.clear = append(s.clear, "secrets/"+s.NS+"/"+name)
	return made
}

// foreign makes a Secret in the other namespace that is not ours.
func (s *sowing) foreign(name string) {
	s.T.Helper()
	s.must(s.Create(s.T.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.other, Name: name}, Data: map[string][]byte{"k": []byte(s.all.Of("foreign " + name))},
	}))
}

func (s *sowing) mirrors() {
	s.keepToken("vault-token", s.Vault.RootToken)
	s.issued["root token"] = s.Vault.RootToken
	for _, name := range []string{"sm-good", "sm-foreign", "sm-to-vault", "sm-refused"} {
		s.source(name, "", nil)
	}
	s.source("sm-type", "bootstrap.kubernetes.io/token", nil)
	s.foreign("sm-foreign")
	s.mirror("sm-good", status.True, "name: sm-good", toOther)
	s.mirror("sm-foreign", status.False, "name: sm-foreign", toOther)
	s.mirror("sm-type", status.False, "name: sm-type", toOther)
	s.mirror("sm-to-vault", status.True, "name: sm-to-vault", fmt.Sprintf(intoVault, s.VaultAddr, "out"))
	weak, err := s.Vault.Token(s.T.Context(), testkit.ReadOnly("secret/data/"+s.NS))
	s.must(err)
	s.issued["weak token"] = weak
	s.keepToken("weak-token", weak)
	s.mirror("sm-refused", status.False, "name: sm-refused",
		strings.Replace(fmt.Sprintf(intoVault, s.VaultAddr, "refused"), "$LOGIN", "auth: {token: {secretRef: {name: weak-token}}}", 1))

	s.Put("kv", map[string]any{
		"k": s.all.Of("vault value"), "n": map[string]any{"inner": s.all.Of("vault inner value")}, "b c/ü": s.all.Of("under a bad key"),
	})
	s.mirror("sm-vault", status.True, fmt.Sprintf(fromVault, "from-vault", s.VaultAddr, "secret/data/$NS/kv"), toOther)
	s.mirror("sm-through", status.True, fmt.Sprintf(fromVault, "x", s.VaultAddr, "secret/data/$NS/kv"), fmt.Sprintf(intoVault, s.VaultAddr, "through"))
	s.mirror("sm-nothing", status.False, fmt.Sprintf(fromVault, "x", s.VaultAddr, "secret/data/$NS/none"), toOther)
	s.must(s.Vault.Leasing(s.T.Context(), s.NS, "1h"))
	s.mirror("sm-dynamic", status.True, fmt.Sprintf(fromVault, "dynamic", s.VaultAddr, "database/creds/$NS"), toOther)
}

func (s *sowing) keepToken(name, token string) {
	s.T.Helper()
	s.apply(fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: %s}, stringData: {token: %q}}", name, token))
}

var asJSON = http.Header{"Content-Type": {"application/json"}}

// broken is a Vault that fails for the requests that match.
func (s *sowing) broken(fault testkit.Fault) string {
	s.T.Helper()
	proxy := testkit.NewProxy(s.T, s.VaultAddr, nil)
	proxy.Set(fault)
	return proxy.URL
}

// says is an answer of Vault's.
func says(words string) testkit.Fault {
	text, _ := json.Marshal(map[string][]string{"errors": {words}})
	return testkit.Status(http.StatusBadRequest, asJSON, string(text))
}

// mirrorsOfBrokenVaults repeat what they were sent, or say too much.
func (s *sowing) mirrorsOfBrokenVaults() {
	for name, body := range map[string]string{
		"garbage": `{"data":{"data":{"k":"` + s.all.Plain("garbage body") + `"`,
		"type":    `{"data":{"data":"` + s.all.Plain("wrong type") + `","metadata":{"version":1}}}`,
		"lease":   `{"lease_id":"a/b","lease_duration":"` + s.all.Plain("wrong lease") + `","data":{"password":"` + s.all.Plain("wrong lease's password") + `"}}`,
	} {
		at := s.broken(testkit.Status(200, asJSON, body).OnPrefix("/v1/secret/"))
		s.mirror("sm-body-"+name, status.False, fmt.Sprintf(fromVault, "x", at, "secret/data/$NS/kv"), toOther)
	}
	token, role, secret := s.all.Plain("token"), s.all.Plain("role id"), s.all.Plain("secret id")
	s.apply(fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: logins}, stringData: {token: %q, role-id: %q, secret-id: %q, bad: %q}}",
		token, role, secret, s.all.Of("bad token")+"\n\x01"))
	for name, c := range map[string]struct{ login, sent string }{
		"token":   {"auth: {token: {secretRef: {name: logins}}}", token},
		"approle": {"auth: {approle: {secretRef: {name: logins}}}", role + "/" + secret},
		"bad":     {"auth: {token: {secretRef: {name: logins}, tokenKey: bad}}", ""},
	} {
		for at, addr := range map[string]string{"real": s.VaultAddr, "echo": s.broken(says("cannot take " + c.sent))} {
			from := strings.Replace(fmt.Sprintf(fromVault, "x", addr, "secret/data/$NS/kv"), "$LOGIN", c.login, 1)
			s.mirror("sm-login-"+name+"-"+at, status.False, from, toOther)
		}
	}
	// What is written comes back as the request had it.
	s.source("sm-echo", "", nil)
	quoted, _ := json.Marshal(map[string]any{"data": map[string]string{"k": s.all.Of("sm-echo")}})
	for name, words := range map[string]string{"raw": s.all.Of("sm-echo"), "request": "failed to parse " + string(quoted)} {
		fault := says(words)
		fault.Match = func(r *http.Request) bool {
			return r.Method != http.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/secret/data/")
		}
		s.mirror("sm-echo-"+name, status.False, "name: sm-echo", fmt.Sprintf(intoVault, s.broken(fault), "echo"))
	}
}

// copies are those of annotated Secrets and ConfigMaps.
func (s *sowing) copies() {
	const rf = "reflector.v1.k8s.emberstack.com/"
	asked := map[string]map[string]string{
		"rf": {rf + "reflection-allowed": "true", rf + "reflection-auto-enabled": "true"},
		"kb": {"kubed.appscode.com/sync": ""},
	}
	for tool, annotations := range asked {
		s.source(tool+"-good", "", annotations)
		s.foreign(tool + "-foreign")
		s.source(tool+"-foreign", "", annotations)
		s.source(tool+"-type", "bootstrap.kubernetes.io/token", annotations)
		bad := map[string]string{"kubed.appscode.com/sync": "((", rf + "reflection-allowed": "true", rf + "reflection-auto-enabled": "true", rf + "reflection-allowed-namespaces": "(("}
		s.source(tool+"-bad", "", bad)
		value := s.all.Of("ConfigMap of " + tool)
		s.must(s.Create(s.T.Context(), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.NS, Name: tool + "-config", Annotations: annotations},
			Data:       map[string]string{"k": value}, BinaryData: map[string][]byte{"b": []byte(value)},
		}))
		s.clear = append(s.clear, "configmaps/"+s.NS+"/"+tool+"-config", "configmaps/"+s.other+"/"+tool+"-config")
	}
	s.must(s.Create(s.T.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: s.other, Name: "follower", Annotations: map[string]string{rf + "reflects": s.NS + "/rf-good"},
	}}))
	for _, name := range []string{"rf-good", "kb-good"} {
		s.holdsIn(s.other, name, "k", s.all.Of(name))
	}
	s.holdsIn(s.other, "follower", "k", s.all.Of("rf-good"))
}

// ds applies a DopplerSecret; fields are of its spec.
func (s *sowing) ds(name, ready string, fields ...string) {
	s.T.Helper()
	s.expect("DopplerSecret", name, ready)
	spec := []string{"host: $DOPPLER", "resyncSeconds: 1"}
	has := func(field string) bool {
		return slices.ContainsFunc(fields, func(f string) bool { return strings.HasPrefix(f, field+":") })
	}
	if !has("tokenSecret") && !has("identity") {
		spec = append(spec, "tokenSecret: {name: token}")
	}
	if !has("managedSecret") {
		spec = append(spec, "managedSecret: {name: "+name+"}")
	}
	s.apply(fmt.Sprintf("{apiVersion: secrets.doppler.com/v1alpha1, kind: DopplerSecret, metadata: {name: %s}, spec: {%s}}",
		name, strings.Join(append(spec, fields...), ", ")))
}

func (s *sowing) dopplerToken(name, project string) {
	s.T.Helper()
	token, err := s.doppler.Config(s.T.Context(), project, "prd", map[string]string{"K": s.all.Of("doppler value of " + name), "TEXT": s.all.Of("no base64 of " + name)})
	s.must(err)
	s.issued["Doppler token of "+name] = token
	s.apply(fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: %s}, stringData: {serviceToken: %q}}", name, token))
}

func (s *sowing) dopplers() {
	s.dopplerToken("token", s.NS)
	s.ds("ds-good", status.True)
	s.ds("ds-file", status.True, "format: env")
	s.ds("ds-processor", status.False, "processors: {TEXT: {type: base64}}")
	s.ds("ds-docker", status.False, "managedSecret: {name: ds-docker, type: kubernetes.io/dockerconfigjson}", "processors: {TEXT: {asName: .dockerconfigjson}}")
	s.ds("ds-tls", status.False, "managedSecret: {name: ds-tls, type: kubernetes.io/tls}", "processors: {TEXT: {asName: tls.crt}}")
	s.must(s.Create(s.T.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.NS, Name: "ds-foreign"}, Data: map[string][]byte{"k": []byte(s.all.Of("foreign to Doppler"))},
	}))
	s.ds("ds-foreign", status.False)
}

func (s *sowing) dopplersRefused() {
	s.apply(fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: wrong-token}, stringData: {serviceToken: %q}}", s.all.Plain("doppler token")))
	s.ds("ds-wrong-token", status.False, "tokenSecret: {name: wrong-token}")
	for name, fault := range map[string]testkit.CloudFault{
		"garbage": {Kind: "status", Status: 200, Body: `{"K":"` + s.all.Plain("doppler garbage")},
		"type":    {Kind: "status", Status: 200, Body: `{"K":["` + s.all.Plain("doppler type") + `"]}`},
		"html":    {Kind: "status", Status: 500, Body: "<html>" + s.all.Plain("doppler html")},
		"retry":   {Kind: "status", Status: 429, RetryAfter: s.all.Plain("doppler retry"), Body: "{"},
		"cut":     {Kind: "cut"},
		"echo":    {Kind: "status", Status: 400},
	} {
		project := s.NS + "-" + name
		s.dopplerToken("token-"+name, project)
		if name == "echo" {
			words, _ := json.Marshal(map[string]any{"messages": []string{"cannot take " + s.issued["Doppler token of token-echo"]}, "success": false})
			fault.Body = string(words)
		}
		fault.Scope = project
		s.must(s.doppler.Fault(s.T.Context(), fault))
		s.ds("ds-"+name, status.False, "tokenSecret: {name: token-"+name+"}")
	}
	// As an identity, where the token for it makes no sense.
	const account = "doppler-operator-controller-manager"
	s.must(s.Create(s.T.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.NS, Name: account}}))
	project := s.NS + "-identity"
	s.dopplerToken("token-identity", project)
	identity, err := s.doppler.Identity(s.T.Context(), testkit.DopplerIdentity{Plane: s.Plane, Audiences: []string{"any"}, Subjects: []string{"system:serviceaccount:" + s.NS + ":" + account}, Projects: []string{project}})
	s.must(err)
	s.must(s.doppler.Fault(s.T.Context(), testkit.CloudFault{Kind: "status", Status: 200, Scope: project, Path: "/v3/auth", Body: `{"success":true,"token":["` + s.all.Plain("doppler issued") + `"]}`}))
	s.ds("ds-identity", status.False, "identity: "+identity, "project: "+project, "config: prd")
}

// lookers are VaultSyncStatuses.
func (s *sowing) lookers() {
	_, err := s.Vault.Admin.Logical().WriteWithContext(s.T.Context(), "secret/metadata/"+s.NS+"/kv", map[string]any{"custom_metadata": map[string]string{"note": s.all.Plain("custom metadata")}})
	s.must(err)
	for name, c := range map[string]struct{ ready, namespace, path string }{
		"vss-good":    {status.True, "$NS", "$NS/kv"},
		"vss-nothing": {status.False, "$NS", "$NS/none"},
		"vss-else":    {status.False, "$OTHER", "$NS/kv"},
	} {
		s.expect("VaultSyncStatus", name, c.ready)
		s.apply(fmt.Sprintf("{apiVersion: stable.example.com/v1, kind: VaultSyncStatus, metadata: {name: %s}, spec: "+
			"{deployName: looked, deployNamespace: %s, secretEngine: secret, secretPath: %s, timeStamp: '0'}}", name, c.namespace, c.path))
	}
	s.apply(deployment("looked", "", "none"))
}

func (s *sowing) workloads() {
	s.apply(deployment("auto", auto, "sm-good") + deployment("doppler", reload+", "+auto, "ds-good") +
		deployment("bad", `secret.reloader.stakater.com/reload: "((,sm-good"`, "none"))
	for _, name := range []string{"auto", "doppler", "bad"} {
		s.sets(name, 1)
	}
	s.recorded("auto", "sm-good")
	s.recorded("doppler", "ds-good")
	s.recorded("bad", "sm-good")
}

// changeAll brings a second canary down the good paths, and ends what was
// lent.
func (s *sowing) changeAll() {
	dynamic := s.in(s.other, "dynamic")
	if dynamic == nil || len(dynamic.Data["password"]) == 0 {
		s.T.Fatal("no credentials were lent")
	}
	s.issued["password that Vault made"] = string(dynamic.Data["password"])
	for _, name := range []string{"sm-good", "rf-good", "kb-good", "sm-to-vault"} {
		source := s.in(s.NS, name)
		source.Data["k"] = []byte(s.all.Of("second " + name))
		s.must(s.Update(s.T.Context(), source))
	}
	s.Put("kv", map[string]any{"k": s.all.Of("second vault value")})
	s.must(s.doppler.Set(s.T.Context(), s.NS, "prd", "K", s.all.Of("second doppler value")))
	for _, name := range []string{"sm-good", "rf-good", "kb-good"} {
		s.holdsIn(s.other, name, "k", s.all.Of("second "+name))
	}
	s.holdsIn(s.other, "follower", "k", s.all.Of("second rf-good"))
	s.holdsIn(s.other, "from-vault", "k", s.all.Of("second vault value"))
	s.holdsIn(s.NS, "ds-good", "K", s.all.Of("second doppler value"))
	for _, name := range []string{"auto", "doppler", "bad"} {
		s.sets(name, 2)
	}
	for _, name := range []string{"sm-good", "sm-dynamic"} {
		sm := &mirrorsv1.SecretMirror{ObjectMeta: metav1.ObjectMeta{Namespace: s.NS, Name: name}}
		s.must(s.Delete(s.T.Context(), sm))
	}
	s.Eventually(func() error {
		if s.in(s.other, "dynamic") != nil || s.in(s.other, "sm-good") != nil {
			return fmt.Errorf("copies are left")
		}
		return nil
	})
	s.settled()
}
