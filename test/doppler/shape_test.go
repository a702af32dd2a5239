package doppler_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/test/doppler/dopplertest"
)

// ask is what Doppler itself answers to a query.
func (b bed) ask(query string) string {
	b.T.Helper()
	r, err := http.NewRequestWithContext(b.T.Context(), http.MethodGet, b.Doppler.Addr+dopplertest.Download+"?"+query, nil)
	b.Must(err)
	r.SetBasicAuth(b.Token, "")
	got, err := http.DefaultClient.Do(r)
	b.Must(err)
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	b.Must(err)
	if got.StatusCode != http.StatusOK {
		b.T.Fatalf("Doppler says %s: %s", got.Status, body)
	}
	return string(body)
}

func TestFormats(t *testing.T) {
	b := newBed(t, map[string]string{"DB__URL": "psql://x", "TEXT": "two\nlines \"quoted\" $x ä"})
	for _, format := range []string{"json", "dotnet-json", "env", "yaml", "docker"} {
		b.DS("as-"+format, "format: "+format)
	}
	for _, format := range []string{"json", "dotnet-json", "env", "yaml", "docker"} {
		want := b.ask("format=" + format)
		s := b.Carries("as-"+format, "DOPPLER_SECRETS_FILE", want)
		if got := s.Annotations["secrets.doppler.com/format"]; got != format || !strings.Contains(want, "psql://x") || len(s.Data) != 1 {
			t.Errorf("%s: annotation %q, %d keys", format, got, len(s.Data))
		}
	}
	// Back to keys of their own: the file and its annotation go.
	b.DS("as-env")
	s := b.Carries("as-env", "DB__URL", "psql://x", "TEXT", "two\nlines \"quoted\" $x ä")
	if _, there := s.Annotations["secrets.doppler.com/format"]; there {
		t.Errorf("annotations are %v", s.Annotations)
	}
}

func TestNameTransformers(t *testing.T) {
	b := newBed(t, map[string]string{"DB_URL": "one", "SOME__API_KEY": "two"})
	all := []string{"upper-camel", "camel", "lower-snake", "tf-var", "dotnet-env", "lower-kebab"}
	for _, name := range all {
		b.DS("as-"+name, "nameTransformer: "+name)
	}
	for _, name := range all {
		want := map[string]string{}
		b.Must(json.Unmarshal([]byte(b.ask("name_transformer="+name)), &want))
		var pairs []string
		for k, v := range want {
			pairs = append(pairs, k, v)
		}
		if len(pairs) != 10 || want["DB_URL"] != "" {
			t.Errorf("%s: Doppler says %v", name, want)
		}
		b.Carries("as-"+name, pairs...)
	}
}

func TestASubsetOfTheSecrets(t *testing.T) {
	b := newBed(t, map[string]string{"A": "1", "B": "2", "C": "3"})
	b.DS("app", "secrets: [A, C]")
	if s := b.Carries("app", "A", "1", "C", "3"); len(s.Data) != 2 {
		t.Errorf("it holds %d keys", len(s.Data))
	}
	b.DS("app", "secrets: [B]")
	b.Carries("app", "B", "2")
	b.DS("app")
	b.Carries("app", "A", "1", "B", "2", "C", "3")
}

func TestProcessors(t *testing.T) {
	binary := "\x00\xff\x80 not text"
	b := newBed(t, map[string]string{"PLAIN": "text", "CODED": base64.StdEncoding.EncodeToString([]byte(binary)), "OTHER": "as it is"})
	b.DS("app", `processors: {PLAIN: {type: plain, asName: plain.txt}, CODED: {type: base64}}`)
	first := b.Carries("app", "plain.txt", "text", "CODED", binary, "OTHER", "as it is")
	version := first.Annotations["secrets.doppler.com/processor-version"]

	// The manifest counts though the ETag is as it was.
	b.DS("app", `processors: {CODED: {type: base64, asName: coded.bin}}`)
	s := b.Carries("app", "PLAIN", "text", "coded.bin", binary, "OTHER", "as it is")
	if now := s.Annotations["secrets.doppler.com/processor-version"]; now == version || now == "" || version == "" {
		t.Errorf("processor-version was %q and is %q", version, now)
	}
	b.DS("app")
	s = b.Carries("app", "PLAIN", "text", "CODED", base64.StdEncoding.EncodeToString([]byte(binary)), "OTHER", "as it is")
	if _, there := s.Annotations["secrets.doppler.com/processor-version"]; there {
		t.Errorf("annotations are %v", s.Annotations)
	}
	if s.UID != first.UID {
		t.Error("the Secret was made anew")
	}
}

func TestWhatCannotBeDecodedIsNotShown(t *testing.T) {
	b := newBed(t, map[string]string{"CODED": "!!not-base64-but-secret!!", "K": "one"})
	b.DS("app", `processors: {CODED: {type: base64}}`)
	if message := b.Broken("app", "CODED", "not valid Base64"); strings.Contains(message, "secret!!") {
		t.Errorf("it says %q", message)
	}
	if b.Secret("app") != nil {
		t.Error("there is a Secret with half of the data")
	}
	b.Set("CODED", "eA==")
	b.Carries("app", "CODED", "x", "K", "one")
}

func TestTypesTakeWhatIsNamed(t *testing.T) {
	config := `{"auths":{"x":{"auth":"eDp5"}}}`
	b := newBed(t, map[string]string{"CONFIG": config, "USER": "ann", "PASSWORD": "pw", "OTHER": "x"})
	b.DS("docker", "managedSecret: {name: docker, type: kubernetes.io/dockerconfigjson}", "processors: {CONFIG: {asName: .dockerconfigjson}}")
	b.DS("basic", "managedSecret: {name: basic, type: kubernetes.io/basic-auth}", "processors: {USER: {asName: username}, PASSWORD: {asName: password}, OTHER: {type: plain}}")
	if s := b.Carries("docker", ".dockerconfigjson", config); s.Type != corev1.SecretTypeDockerConfigJson || len(s.Data) != 1 {
		t.Errorf("it is %s with %d keys", s.Type, len(s.Data))
	}
	if s := b.Carries("basic", "username", "ann", "password", "pw"); s.Type != corev1.SecretTypeBasicAuth || len(s.Data) != 2 {
		t.Errorf("it is %s with %d keys", s.Type, len(s.Data))
	}

	// A name that Doppler does not have.
	b.DS("partly", "managedSecret: {name: partly, type: kubernetes.io/basic-auth}", "processors: {USER: {asName: username}, NO_SUCH: {asName: password}}")
	if s := b.Carries("partly", "username", "ann"); len(s.Data) != 1 {
		t.Errorf("it holds %d keys", len(s.Data))
	}
}

func TestATypeIsNotChanged(t *testing.T) {
	b := newBed(t, map[string]string{"PASSWORD": "pw"})
	b.DS("app")
	was := b.Carries("app", "PASSWORD", "pw")
	b.DS("app", "managedSecret: {name: app, type: kubernetes.io/basic-auth}", "processors: {PASSWORD: {asName: password}}")
	b.Broken("app", "Cannot change existing managed secret type from Opaque to kubernetes.io/basic-auth. Delete the managed secret and re-apply the DopplerSecret.")
	b.Stays(was)
	b.Must(b.Delete(t.Context(), was))
	if s := b.Carries("app", "password", "pw"); s.Type != corev1.SecretTypeBasicAuth {
		t.Errorf("it is %s", s.Type)
	}
	b.InSync("app")
}

func TestLabelsAndAnnotationsOfTheManifest(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("app", "managedSecret: {name: app, labels: {team: a, tier: x}, annotations: {note: hello, secrets.doppler.com/version: forged}}")
	s := b.Carries("app", "K", "one")
	if s.Labels["team"] != "a" || s.Labels["tier"] != "x" || s.Annotations["note"] != "hello" || s.Annotations["secrets.doppler.com/version"] == "forged" {
		t.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
	}
	b.InSync("app", "spec.managedSecret.annotations", "secrets.doppler.com/version", "has no effect")
	b.Change(s, func() { s.Labels["someone"] = "else" })

	b.DS("app", "managedSecret: {name: app, labels: {team: b}}")
	b.Eventually(func() error {
		s = b.Secret("app")
		return check(s.Labels["team"] == "b" && s.Labels["tier"] == "" && s.Annotations["note"] == "" && s.Labels["someone"] == "else",
			"labels %v, annotations %v", s.Labels, s.Annotations)
	})
	if s.Labels["secrets.doppler.com/subtype"] != "dopplerSecret" || s.Annotations["secrets.doppler.com/managed-by"] != b.NS+"/app" ||
		!strings.HasPrefix(s.Annotations["secrets.doppler.com/version"], `W/"`) || s.Annotations["secrets.doppler.com/last-updated"] == "" ||
		s.Annotations["secrets.doppler.com/dashboard-link"] != "https://dashboard.doppler.com/workplace/projects/"+b.NS+"/configs/prd" {
		t.Errorf("the original's marks are %v and %v", s.Labels, s.Annotations)
	}
}
