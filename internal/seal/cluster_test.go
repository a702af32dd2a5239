package seal_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/dialect/sealedsecrets"
	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/seal/sealtest"
	"github.com/tacit-secrets/tacit/internal/sealing/server"
)

// operator is Tacit's own, with the cluster's keys.
func operator(t testing.TB, c *sealtest.Cluster) http.Handler {
	t.Helper()
	ring, err := c.Keyring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return server.New(server.Options{Keys: ring, Kind: sealedsecrets.SealedSecrets()}).Handler()
}

func cluster(t testing.TB, operator http.Handler, objects ...*v1alpha1.SealedSecret) *seal.Cluster {
	t.Helper()
	out, err := seal.NewCluster(sealtest.Config(sealtest.API(t, operator, objects...)), sealtest.Namespace, sealtest.Service)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAClusterIsAskedThroughItsService(t *testing.T) {
	t.Parallel()
	a, b := clusters()[0], clusters()[1]
	old := sealed(t, plain, a.Certificates[0])
	both := sealed(t, plain, a.Certificates[0], b.Newest())
	c := cluster(t, operator(t, a), old)

	if cert, err := c.Certificate(t.Context()); err != nil || cert.ID != a.Newest().ID {
		t.Errorf("the certificate is %s, %v", &cert, err)
	}
	if err := c.Open(t.Context(), old); err != nil {
		t.Error(err)
	}
	if err := c.Open(t.Context(), sealed(t, plain, b.Newest())); err == nil || !strings.Contains(err.Error(), "does not open in this cluster: ") {
		t.Errorf("another cluster's: %v", err)
	}
	live, err := c.Live(t.Context(), "shop", "db")
	if err != nil || live.Spec.EncryptedData["user"] != old.Spec.EncryptedData["user"] {
		t.Errorf("the live one: %v", err)
	}
	if _, err := c.Live(t.Context(), "shop", "none"); !errors.Is(err, seal.ErrNotThere) {
		t.Errorf("one that is not there: %v", err)
	}
	for name, o := range map[string]*v1alpha1.SealedSecret{"one": old, "both": both} {
		before := text(t, o)
		after, report, err := seal.Rotate(t.Context(), before, "", c)
		if err != nil || len(report) != 1 || len(report[0].Keys) != 2 || !strings.HasPrefix(string(after), "# of the shop\n") {
			t.Fatalf("%s: %v, %v", name, report, err)
		}
		again, report, err := seal.Rotate(t.Context(), after, "", c)
		if err != nil || len(report[0].Keys) != 0 || string(again) != string(after) {
			t.Errorf("%s, again: %v, %v", name, report, err)
		}
		f, err := seal.ParseFile(after)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range map[string][]*sealtest.Cluster{"one": {a}, "both": {a, b}}[name] {
			data, err := keysOf(t, at).Data(t.Context(), &f.Objects[0].SealedSecret)
			if err != nil || string(data["password"].Reveal()) != "canary-1" {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// What a template makes of a value is not sealed in its place, which is known of
// Tacit.
func TestTacitRotatesAKeyThatATemplateHas(t *testing.T) {
	t.Parallel()
	a := clusters()[0]
	own := operator(t, a)
	as := func(name string) *seal.Cluster {
		return cluster(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			own.ServeHTTP(answer, r)
			w.Header().Set("Server", name)
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes())
		}))
	}
	o := sealed(t, plain, a.Certificates[0])
	o.Spec.Template.Data = map[string]string{"user": "user={{ .user }}"}
	for name, ours := range map[string]bool{server.Name: true, "": false, "nginx": false} {
		after, report, err := seal.Rotate(t.Context(), text(t, o), "", as(name))
		if err != nil || (report[0].Problem == nil) != ours || (len(report[0].Keys) == 2) != ours {
			t.Fatalf("%q: %v, %v", name, report, err)
		}
		if !ours {
			continue
		}
		f, err := seal.ParseFile(after)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := keysOf(t, a).Data(t.Context(), &f.Objects[0].SealedSecret); err != nil || string(data["user"].Reveal()) != "canary-2" {
			t.Errorf("it holds %d keys, %v", len(data), err)
		}
	}
}

func TestARefusalIsToldInWords(t *testing.T) {
	t.Parallel()
	answers := func(code int, body string) *seal.Cluster {
		return cluster(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}))
	}
	o := sealed(t, plain, clusters()[0].Newest())
	for name, c := range map[string]struct {
		code       int
		body, want string
		about      bool
	}{
		"forbidden": {403, "", "you may not ask Service kube-system/sealed-secrets-controller", false},
		"nobody":    {503, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no endpoints available for service", "reason": "ServiceUnavailable", "code": 503}`, "does the operator run?", false},
		"busy":      {503, "busy with other requests\n", "Service kube-system/sealed-secrets-controller cannot do it now: busy with other requests", false},
		"not there": {404, "", "--controller-name", false},
		"broken":    {500, "<html>canary", "answers 500", true},
		"in words":  {409, "a key is missing\n", "does not open in this cluster: a key is missing", true},
		"wordless":  {409, "", "does not open in this cluster: it was sealed for another cluster", true},
	} {
		err := answers(c.code, c.body).Open(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
		_, report, err := seal.Rotate(t.Context(), text(t, o), "", answers(c.code, c.body))
		if (err == nil) != c.about || c.about && (len(report) != 1 || report[0].Problem == nil) {
			t.Errorf("%s, rotated: %v, %v", name, report, err)
		}
	}
	nobody, err := seal.NewCluster(&rest.Config{Host: "http://127.0.0.1:1"}, sealtest.Namespace, sealtest.Service)
	if err != nil {
		t.Fatal(err)
	}
	if err := nobody.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "cannot ask the cluster: ") {
		t.Error(err)
	}
	elsewhere, err := seal.NewCluster(sealtest.Config(sealtest.API(t, http.NotFoundHandler())), "tacit", "tacit")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := elsewhere.Certificate(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no Service tacit/tacit") {
		t.Error(err)
	}
}

// An operator that is broken, or is none, spoils no file.
func TestAnAnswerIsDistrusted(t *testing.T) {
	t.Parallel()
	a, b := clusters()[0], clusters()[1]
	one := sealed(t, plain, a.Newest())
	both := sealed(t, plain, a.Newest(), b.Newest())
	with := func(o *v1alpha1.SealedSecret, change func(*v1alpha1.SealedSecret)) *v1alpha1.SealedSecret {
		out := o.DeepCopy()
		change(out)
		return out
	}
	all := func(value string) func(*v1alpha1.SealedSecret) {
		return func(o *v1alpha1.SealedSecret) {
			for k := range o.Spec.EncryptedData {
				o.Spec.EncryptedData[k] = value
			}
		}
	}
	for name, c := range map[string]struct {
		before, answer *v1alpha1.SealedSecret
		want           string
	}{
		"a key is missing": {one, with(one, func(o *v1alpha1.SealedSecret) { delete(o.Spec.EncryptedData, "user") }), "what came back is no sealed value"},
		"no values":        {one, with(one, all("hello: canary")), "what came back is no sealed value"},
		"for several":      {one, both, "for other clusters"},
		"for one":          {both, one, "for other clusters"},
		"for more":         {both, sealed(t, plain, a.Newest(), b.Newest(), a.Certificates[0]), "for other clusters"},
		"for two others":   {both, sealed(t, plain, a.Certificates[0], b.Certificates[0]), "for other clusters"},
		"another name":     {one, with(one, func(o *v1alpha1.SealedSecret) { o.Name = "x" }), "another SealedSecret"},
		"a wider scope": {one, with(one, func(o *v1alpha1.SealedSecret) {
			o.Annotations = map[string]string{"sealedsecrets.bitnami.com/cluster-wide": "true"}
		}), "another SealedSecret"},
		"a template's value": {with(one, func(o *v1alpha1.SealedSecret) { o.Spec.Template.Data = map[string]string{"user": "{{ .user }}"} }), one, "use --keys"},
	} {
		answer, err := json.Marshal(c.answer)
		if err != nil {
			t.Fatal(err)
		}
		at := cluster(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) }))
		before := text(t, c.before)
		after, report, err := seal.Rotate(t.Context(), before, "", at)
		if err != nil || len(report) != 1 || report[0].Problem == nil || !strings.Contains(report[0].Problem.Error(), c.want) || strings.Contains(report[0].Problem.Error(), "canary") {
			t.Errorf("%s: %v, %v", name, report, err)
		}
		if string(after) != string(before) {
			t.Errorf("%s: the file changed", name)
		}
	}
}

func TestOneObjectDoesNotKeepOthersFromRotating(t *testing.T) {
	t.Parallel()
	a, b := clusters()[0], clusters()[1]
	other := sealed(t, strings.ReplaceAll(plain, "name: db", "name: other"), b.Newest())
	file := string(text(t, other)) + "---\n" + string(text(t, sealed(t, plain, a.Certificates[0]))) + "---\nkind: ConfigMap\n"
	after, report, err := seal.Rotate(t.Context(), []byte(file), "", keysOf(t, a))
	if err != nil || len(report) != 2 || report[0].Problem == nil || report[1].Problem != nil || len(report[1].Keys) != 2 {
		t.Fatal(report, err)
	}
	if !strings.HasPrefix(string(after), string(text(t, other))) || !strings.HasSuffix(string(after), "---\nkind: ConfigMap\n") {
		t.Error("something else changed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	same, _, err := seal.Rotate(ctx, []byte(file), "", keysOf(t, a))
	if !errors.Is(err, context.Canceled) || string(same) != file {
		t.Errorf("cancelled: %v", err)
	}
}

// Nothing is sealed for keys that expired.
func TestNothingIsSealedForABackupOfExpiredKeys(t *testing.T) {
	t.Parallel()
	c, err := sealtest.NewCluster(time.Now().AddDate(-20, 0, 0), 1)
	if err != nil {
		t.Fatal(err)
	}
	keys, o := keysOf(t, c), sealed(t, plain, clusters()[0].Newest())
	_, newest := keys.Newest()
	_, moved := keys.Reseal(t.Context(), o)
	for _, err := range []error{newest, moved} {
		if err == nil || !strings.Contains(err.Error(), "expired on") || !strings.Contains(err.Error(), "make a backup of the keys that the cluster has now") {
			t.Error(err)
		}
	}
}
