package baddays

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/status"
)

// object is a spec, and what is said of it.
type object struct{ spec, says string }

// list writes n entries of a YAML list.
func list(n int, entry string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(entry+", ", n), ", ") + "]"
}

// mirrorsThatMakeNoSense, though the schema admits them.
func mirrorsThatMakeNoSense() map[string]object {
	vault := func(addr, path, auth string) string {
		return fmt.Sprintf("source: {type: vault, vault: {addr: %q, path: %q, auth: %s}}, destination: {namespaces: [x]}", addr, path, auth)
	}
	const login = "{token: {secretRef: {name: token}}}"
	to := func(patterns string) string { return "source: {name: x}, destination: {namespaces: " + patterns + "}" }
	return map[string]object{
		"nothing":           {"{}", "spec.destination.namespaces"},
		"no-namespaces":     {to("[]"), "spec.destination.namespaces"},
		"empty-pattern":     {to("['']"), "spec.destination.namespaces[0]"},
		"bad-pattern":       {to("['(']"), "spec.destination.namespaces[0]"},
		"perl-pattern":      {to("['(?!x)y']"), "spec.destination.namespaces[0]"},
		"heavy-pattern":     {to("['(a{0,1000}){0,1000}']"), "spec.destination.namespaces[0]"},
		"heavy-patterns":    {to(list(256, "'((((a{1,9}){1,9}){1,9}){1,9})'")), "spec.destination"},
		"long-pattern":      {to("['" + strings.Repeat("a", 2000) + "']"), "spec.destination.namespaces[0]"},
		"many-patterns":     {to(list(20_000, "a")), "20000 patterns"},
		"poll-negative":     {"pollPeriodSeconds: -5, " + to("[x]"), "spec.pollPeriodSeconds"},
		"name-path":         {"source: {name: ../../other/secrets/x}, destination: {namespaces: [x]}", "spec.source.name"},
		"name-long":         {"source: {name: " + strings.Repeat("n", 254) + "}, destination: {namespaces: [x]}", "spec.source.name"},
		"name-huge":         {"source: {name: " + strings.Repeat("n", 500_000) + "}, destination: {namespaces: [x]}", "spec.source.name"},
		"addr-empty":        {vault("", "a/b", login), "spec.source.vault.addr"},
		"addr-no-scheme":    {vault("vault:8200", "a/b", login), "spec.source.vault.addr"},
		"addr-ftp":          {vault("ftp://127.0.0.1", "a/b", login), "spec.source.vault.addr"},
		"addr-user":         {vault("http://user:canary@127.0.0.1", "a/b", login), "spec.source.vault.addr"},
		"addr-control":      {vault("http://127.0.0.1/\x01", "a/b", login), "spec.source.vault.addr"},
		"path-empty":        {vault("http://127.0.0.1:1", "", login), "spec.source.vault.path"},
		"path-climbing":     {vault("http://127.0.0.1:1", "secret/../sys/seal", login), "spec.source.vault"},
		"path-mount-alone":  {vault("http://127.0.0.1:1", "secret", login), "spec.source.vault"},
		"auth-empty":        {vault("http://127.0.0.1:1", "a/b", "{}"), "spec.source.vault.auth"},
		"auth-elsewhere":    {vault("http://127.0.0.1:1", "a/b", "{token: {secretRef: {name: token, namespace: kube-system}}}"), "spec.source.vault.auth"},
		"auth-missing":      {vault("http://127.0.0.1:1", "a/b", "{token: {secretRef: {name: none}}}"), "none"},
		"auth-bad-name":     {vault("http://127.0.0.1:1", "a/b", "{token: {secretRef: {name: '../x'}}}"), "../x"},
		"role-climbing":     {vault("http://127.0.0.1:1", "a/b", "{approle: {secretRef: {name: token}, appRolePath: ../../sys}}"), ""},
		"vault-to-nowhere":  {"source: {name: x}, destination: {type: vault}", "spec.destination.vault"},
		"vault-of-nowhere":  {"source: {type: vault}, destination: {namespaces: [x]}", "spec.source.vault"},
		"source-that-waits": {to("[x]"), "not found"},
	}
}

// dopplersThatMakeNoSense, though the schema admits them.
func dopplersThatMakeNoSense() map[string]object {
	with := func(more string) string { return "tokenSecret: {name: token}, managedSecret: {name: x}, " + more }
	var processors []string
	for i := range 4000 {
		processors = append(processors, fmt.Sprintf("N%d: {type: base64, asName: '%d/'}", i, i))
	}
	return map[string]object{
		"token-elsewhere":  {"host: $DOPPLER, tokenSecret: {name: token, namespace: kube-system}, managedSecret: {name: x}", "spec.tokenSecret.namespace"},
		"token-path":       {"host: $DOPPLER, tokenSecret: {name: ../x}, managedSecret: {name: x}", "spec.tokenSecret.name"},
		"token-missing":    {"host: $DOPPLER, tokenSecret: {name: none}, managedSecret: {name: x}", "none"},
		"secret-elsewhere": {"host: $DOPPLER, tokenSecret: {name: token}, managedSecret: {name: x, namespace: kube-system}", "spec.managedSecret.namespace"},
		"secret-path":      {"host: $DOPPLER, tokenSecret: {name: token}, managedSecret: {name: ../../x}", "spec.managedSecret.name"},
		"secret-long":      {"host: $DOPPLER, tokenSecret: {name: token}, managedSecret: {name: " + strings.Repeat("n", 254) + "}", "spec.managedSecret.name"},
		"secret-is-token":  {"host: $DOPPLER, tokenSecret: {name: token}, managedSecret: {name: token}", "token"},
		"bad-label":        {"host: $DOPPLER, tokenSecret: {name: token}, managedSecret: {name: x, labels: {'a b': c}}", "spec.managedSecret.labels"},
		"host-elsewhere":   {with("host: 'http://169.254.169.254'"), "host"},
		"host-user":        {with("host: 'http://user:canary@127.0.0.1'"), "host"},
		"host-nonsense":    {with("host: '::::'"), "host"},
		"many-processors":  {with("host: $DOPPLER, processors: {" + strings.Join(processors, ", ") + "}"), "spec.processors"},
		"many-secrets":     {with("host: $DOPPLER, secrets: " + list(30_000, "NAME")), ""},
		"comma":            {with("host: $DOPPLER, secrets: ['A,B']"), "spec.secrets[0]"},
		"expiry":           {with("host: $DOPPLER, expirationSeconds: 1"), "spec.expirationSeconds"},
	}
}

// TestManifestsThatMakeNoSense end in a condition that names what is wrong, in
// a bounded message, and hurt nobody else.
func TestManifestsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	b, other := beside(t)
	create(b, &corev1.Secret{ObjectMeta: meta("token"), StringData: map[string]string{"token": "x", "role-id": "x", "secret-id": "x", "serviceToken": "x"}})
	want := map[string]string{}
	apply := func(kind, apiVersion, prefix string, all map[string]object) {
		t.Helper()
		for name, o := range all {
			want[kind+" "+prefix+name] = o.says
			spec := o.spec
			if spec != "{}" {
				spec = "{" + spec + "}"
			}
			b.Apply(fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: %s}, spec: %s}", apiVersion, kind, prefix+name, spec))
		}
	}
	apply("SecretMirror", "mirrors.kts.studio/v1alpha2", "m-", mirrorsThatMakeNoSense())
	apply("DopplerSecret", "secrets.doppler.com/v1alpha1", "d-", dopplersThatMakeNoSense())
	looks := map[string]object{}
	for name, spec := range map[string]string{
		"empty": "deployName: '', deployNamespace: '', secretEngine: '', secretPath: ''", "huge": "deployName: x, deployNamespace: $NS, secretEngine: secret, secretPath: " + strings.Repeat("p", 900_000),
		"climbing": "deployName: x, deployNamespace: $NS, secretEngine: secret, secretPath: ../../sys", "else": "deployName: x, deployNamespace: kube-system, secretEngine: secret, secretPath: x",
	} {
		looks[name] = object{spec + ", timeStamp: soon", "spec."}
	}
	apply("VaultSyncStatus", "stable.example.com/v1", "v-", looks)

	b.Eventually(func() error {
		rows := map[string]status.Row{}
		for _, row := range b.Table(operator.LanguageOptions{}) {
			rows[row.Kind+" "+row.Name] = row
		}
		for what, says := range want {
			switch row := rows[what]; {
			case row.Ready != status.False || !strings.Contains(row.Message, says):
				return fmt.Errorf("%s is %q: %.300s; want it refused with %q", what, row.Ready, row.Message, says)
			case len(row.Message) > 4096:
				return fmt.Errorf("%s has a message of %d bytes", what, len(row.Message))
			case strings.Contains(row.Message, "canary"):
				return fmt.Errorf("%s quotes the password: %s", what, row.Message)
			}
		}
		return nil
	})
	// And whoever makes sense is served.
	create(b, &corev1.Secret{ObjectMeta: meta("good"), StringData: map[string]string{"k": "one"}})
	b.Apply(fmt.Sprintf("{apiVersion: mirrors.kts.studio/v1alpha2, kind: SecretMirror, metadata: {name: good}, spec: {destination: {namespaces: ['^%s$']}}}", other))
	copyOf(b, other, "good", "k", "one")
	mirrorSays(b, "good", "Active")
}

// TestAnnotationsThatMakeNoSense end in a warning that names the annotation,
// and hurt neither others nor what there is.
func TestAnnotationsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	const rf, kb = "reflector.v1.k8s.emberstack.com/", "kubed.appscode.com/"
	allowed := func(more ...string) map[string]string {
		a := map[string]string{rf + "reflection-allowed": "true", rf + "reflection-auto-enabled": "true"}
		for i := 0; i < len(more); i += 2 {
			a[more[i]] = more[i+1]
		}
		return a
	}
	b := operatortest.WithShared(t)
	other := team(b)
	for name, c := range map[string]struct {
		annotations map[string]string
		says        string
	}{
		"pattern":        {allowed(rf+"reflection-allowed-namespaces", "(("), rf + "reflection-allowed-namespaces"},
		"auto-pattern":   {allowed(rf+"reflection-auto-namespaces", "(?<x"), rf + "reflection-auto-namespaces"},
		"many-patterns":  {allowed(rf+"reflection-auto-namespaces", strings.Repeat("a.*,", 50_000)+"a"), rf + "reflection-auto-namespaces"},
		"long-pattern":   {allowed(rf+"reflection-auto-namespaces", strings.Repeat("a", 100_000)+".*"), rf + "reflection-auto-namespaces"},
		"groups":         {allowed(rf+"reflection-auto-namespaces", strings.Repeat("(", 400)+"a"+strings.Repeat(")", 400)), rf + "reflection-auto-namespaces"},
		"catastrophe":    {allowed(rf+"reflection-auto-namespaces", "(([a-z0-9-]+)*)*!"), "longer than"},
		"selector":       {allowed(rf+"reflection-auto-namespaces-selector", "!!"), rf + "reflection-auto-namespaces-selector"},
		"long-selector":  {allowed(rf+"reflection-auto-namespaces-selector", "team in ("+strings.Repeat("a,", 20_000)+"a)"), rf + "reflection-auto-namespaces-selector"},
		"kubed-selector": {map[string]string{kb + "sync": "(("}, kb + "sync"},
		"kubed-all":      {map[string]string{kb + "sync": ""}, "--kubed-all-namespaces"},
		"kubed-contexts": {map[string]string{kb + "sync-contexts": "a,b"}, kb + "sync-contexts"},
		"kubed-many":     {map[string]string{kb + "sync-contexts": strings.TrimSuffix(manyNames(500), ",")}, "more than 64 contexts"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, obj := range []client.Object{
				&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: name, Annotations: c.annotations}, StringData: map[string]string{"k": "v"}},
				&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: name, Annotations: c.annotations}, Data: map[string]string{"k": "v"}},
			} {
				must(t, b.Create(t.Context(), obj))
			}
			told(b, name, c.says)
			if err := b.Get(t.Context(), keyOf(other, name), &corev1.Secret{}); client.IgnoreNotFound(err) != nil || err == nil {
				t.Errorf("a copy came of it: %v", err)
			}
		})
	}
	good := map[string]string{rf + "reflection-allowed": "true", rf + "reflection-auto-enabled": "true", rf + "reflection-auto-namespaces-selector": "team=" + b.NS}
	create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "good", Annotations: good}, StringData: map[string]string{"k": "one"}})
	copyOf(b, other, "good", "k", "one")
}

// manyNames is a list with a comma behind each.
func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "name-%d,", i)
	}
	return b.String()
}

// TestWorkloadsThatMakeNoSense: a warning names the annotation; what could be
// understood is followed; and a record that somebody spoilt restarts nobody.
func TestWorkloadsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	const named = "secret.reloader.stakater.com/reload"
	b := operatortest.WithShared(t)
	secret := create(b, &corev1.Secret{ObjectMeta: meta("app"), StringData: map[string]string{"k": "one"}})
	spoilt := strings.Repeat(`{"Secret/app":`, 10_000)
	wrong, _ := json.Marshal(map[string]any{"Secret/app": []string{"x"}})
	for name, c := range map[string]struct {
		annotations map[string]string
		warns       bool
	}{
		"pattern":       {map[string]string{named: "((,app"}, true},
		"many-patterns": {map[string]string{named: "app," + strings.Repeat("a.*b,", 40_000)}, true},
		"long-pattern":  {map[string]string{named: "app," + strings.Repeat("(a|b)", 30_000)}, true},
		"many-names":    {map[string]string{named: "app," + manyNames(15_000)}, true},
		"bad-names":     {map[string]string{named: "app,other/app,../x,APP"}, true},
		"volume":        {map[string]string{"reloader.stakater.com/auto": "true", named: "app"}, false},
		"pause":         {map[string]string{named: "app", "deployment.reloader.stakater.com/pause-period": "soon"}, true},
		"paused-at":     {map[string]string{named: "app", "deployment.reloader.stakater.com/paused-at": "then"}, false},
		"strategy":      {map[string]string{named: "app", "reloader.stakater.com/rollout-strategy": "\x7f"}, false},
		"spoilt":        {map[string]string{named: "app", rollout.Recorded: spoilt}, false},
		"wrong-record":  {map[string]string{named: "app", rollout.Recorded: string(wrong)}, false},
		"foreign":       {map[string]string{named: "app", rollout.Recorded: `{"Secret/app":"zzzz.1234567890123456"}`}, false},
	} {
		labels := map[string]string{"app": name}
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: name, Annotations: c.annotations}}
		d.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
		d.Spec.Template.Labels = labels
		d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "main", Image: "x"}}
		if name == "volume" {
			pod := &d.Spec.Template.Spec
			pod.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "other/app"}}}}
			pod.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: "/v"}}
		}
		must(t, b.Create(t.Context(), d))
		if c.warns {
			b.Event(name, "ReloadFail")
		}
		replicaSets(b, name, 1)
		b.Eventually(func() error {
			must(t, b.Get(t.Context(), keyOf(b.NS, name), d))
			if r, _ := rollout.ReadRecord(d.Annotations); len(r["Secret/app"]) < 10 || strings.HasPrefix(r["Secret/app"], "zzzz") {
				return fmt.Errorf("the record of %s is %v", name, r)
			}
			return nil
		})
		replicaSets(b, name, 1)
		secret.StringData = map[string]string{"k": name}
		must(t, b.Update(t.Context(), secret))
		replicaSets(b, name, 2)
		must(t, b.Delete(t.Context(), d))
	}
}

// replicaSets waits until a Deployment has had so many: every rollout adds one.
func replicaSets(b *operatortest.Bed, name string, want int) {
	b.T.Helper()
	b.Eventually(func() error {
		all := &appsv1.ReplicaSetList{}
		must(b.T, b.List(b.T.Context(), all, client.InNamespace(b.NS), client.MatchingLabels{"app": name}))
		if len(all.Items) != want {
			return fmt.Errorf("%d ReplicaSets of %s, want %d", len(all.Items), name, want)
		}
		return nil
	})
}
