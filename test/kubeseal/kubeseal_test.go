package kubeseal_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

const patience = 2 * time.Minute

// bed is a namespace in the cluster.
type bed struct {
	*cluster
	t  *testing.T
	ns string
}

func newBed(t *testing.T) bed {
	t.Helper()
	t.Parallel()
	c := theCluster(t)
	return bed{c, t, testkit.Namespace(t, c.Plane)}
}

// seal runs kubeseal as somebody without rights, and returns what it wrote and
// said.
func (b bed) seal(stdin string, args ...string) (out, said string, err error) {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), b.kubeseal, args...)
	cmd.Env = []string{"KUBECONFIG=" + b.user, "PATH=" + os.Getenv("PATH"), "HOME=" + b.t.TempDir()}
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// sealed is seal where that must succeed.
func (b bed) sealed(stdin string, args ...string) string {
	b.t.Helper()
	out, said, err := b.seal(stdin, args...)
	if err != nil {
		b.t.Fatalf("kubeseal %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return out
}

// online waits until kubeseal reaches the operator, and returns the
// certificate.
func (b bed) online() string {
	b.t.Helper()
	var cert string
	testkit.Eventually(b.t, patience, func() error {
		out, said, err := b.seal("", "--fetch-cert")
		if err != nil {
			return fmt.Errorf("%w: %s", err, said)
		}
		cert = out
		return nil
	})
	return cert
}

// manifest is a Secret.
func (b bed) manifest(name, value string, annotations ...string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":%q,"namespace":%q,"annotations":{%s}},"type":"Opaque","stringData":{"password":%q}}`,
		name, b.ns, strings.Join(annotations, ","), value)
}

func (b bed) apply(manifest string) {
	b.t.Helper()
	cmd := b.Kubectl(b.t.Context(), "apply", "--namespace", b.ns, "-f", "-")
	cmd.Stdin = strings.NewReader(manifest)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("kubectl apply: %v\n%s", err, out)
	}
}

// holds waits until the Secret has the password.
func (b bed) holds(name, want string) {
	b.t.Helper()
	testkit.Eventually(b.t, patience, func() error {
		s, err := b.clients.CoreV1().Secrets(b.ns).Get(b.t.Context(), name, metav1.GetOptions{})
		if err == nil && string(s.Data["password"]) != want {
			err = fmt.Errorf("the password is %q, want %q", s.Data["password"], want)
		}
		return err
	})
}

func TestOnline(t *testing.T) {
	b := newBed(t)
	cert := b.online()
	parsed, err := sealing.ParseCertificates([]byte(cert))
	if err != nil || len(parsed) != 1 {
		t.Fatalf("the certificate: %v %v\n%s", parsed, err, cert)
	}
	b.apply(b.sealed(b.manifest("strict", "pw-1")))
	b.apply(b.sealed(b.manifest("spaced", "pw-2"), "--scope", "namespace-wide", "--format", "yaml"))
	b.apply(b.sealed(b.manifest("wide", "pw-3", `"sealedsecrets.bitnami.com/cluster-wide":"true"`)))
	b.holds("strict", "pw-1")
	b.holds("spaced", "pw-2")
	b.holds("wide", "pw-3")
	if b.egress.reached.Load() == 0 {
		t.Error("nothing came through the API server")
	}
}

func TestOffline(t *testing.T) {
	b := newBed(t)
	file := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(file, []byte(b.online()), 0o600); err != nil {
		t.Fatal(err)
	}
	b.apply(b.sealed(b.manifest("file", "pw-1"), "--cert", file))
	b.apply(b.sealed(b.manifest("url", "pw-2"), "--cert", "http://"+b.addrs[0]+"/v1/cert.pem"))
	raw := b.sealed("pw-3", "--raw", "--from-file=/dev/stdin", "--name", "raw", "--namespace", b.ns, "--cert", file)
	b.apply(fmt.Sprintf(`{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{"name":"raw"},"spec":{"encryptedData":{"password":%q}}}`, raw))
	b.holds("file", "pw-1")
	b.holds("url", "pw-2")
	b.holds("raw", "pw-3")

	into := filepath.Join(t.TempDir(), "sealed.json")
	if err := os.WriteFile(into, []byte(b.sealed(b.manifest("file", "pw-1"), "--cert", file)), 0o600); err != nil {
		t.Fatal(err)
	}
	b.sealed(b.manifest("file", "pw-4"), "--cert", file, "--merge-into", into)
	text, err := os.ReadFile(into)
	if err != nil {
		t.Fatal(err)
	}
	b.apply(string(text))
	b.holds("file", "pw-4")
}

func TestValidate(t *testing.T) {
	b := newBed(t)
	b.online()
	good := b.sealed(b.manifest("db", "pw-1"))
	b.sealed(good, "--validate")
	_, cert, err := sealing.Generate(2048, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.pem")
	if err := os.WriteFile(other, cert.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	for name, bad := range map[string]string{
		"another cluster's": b.sealed(b.manifest("db", "pw-1"), "--cert", other),
		"another name":      strings.ReplaceAll(good, `"db"`, `"bd"`),
	} {
		if _, said, err := b.seal(bad, "--validate"); !errors.As(err, &exit) || !strings.Contains(said, "unable to decrypt sealed secret") {
			t.Errorf("%s: %v\n%s", name, err, said)
		}
	}
	// What is wrong with a request, its user is told through the API server.
	if _, said, err := b.seal(strings.Replace(good, "bitnami.com/v1alpha1", "bitnami.com/v9", 1), "--validate"); err == nil || !strings.Contains(said, "no SealedSecret of bitnami.com/v1alpha1") {
		t.Errorf("another version: %v\n%s", err, said)
	}
}

// entry is the one of a SealedSecret.
func entry(t *testing.T, manifest string) string {
	t.Helper()
	var ss struct {
		Spec struct{ EncryptedData map[string]string }
	}
	if err := json.Unmarshal([]byte(manifest), &ss); err != nil {
		t.Fatal(err)
	}
	return ss.Spec.EncryptedData["password"]
}

// A new key is made in the cluster while others use it: what they sealed
// before goes on to open.
func TestReEncrypt(t *testing.T) {
	b := newBed(t)
	before := b.online()
	old := b.sealed(b.manifest("db", "pw-1"))
	was, err := sealing.ParseCertificates([]byte(before))
	if err != nil {
		t.Fatal(err)
	}
	key, cert, err := sealing.Generate(2048, was[0].NotBefore.Add(time.Second), 365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	newest := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{GenerateName: sealing.KeyPrefix, Labels: map[string]string{sealing.KeyLabel: sealing.KeyActive}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"tls.key": key.PEM().Reveal(), "tls.crt": cert.PEM()},
	}
	if _, err := b.clients.CoreV1().Secrets("kube-system").Create(t.Context(), newest, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, patience, func() error {
		if b.online() == before {
			return errors.New("the certificate is still the old one")
		}
		return nil
	})
	renewed := b.sealed(old, "--re-encrypt")
	v, _, err := sealing.Open([]sealing.Key{key}, b.ns+"/db", entry(t, renewed))
	if err != nil || !v.Equal(secret.NewString("pw-1")) {
		t.Errorf("with the new key alone: %v", err)
	}
	b.apply(old)
	b.holds("db", "pw-1")
	b.apply(renewed)
	b.sealed(renewed, "--validate")
	b.holds("db", "pw-1")
}

// kubeseal reads the keys that the operator made, for those who must do
// without a cluster.
func TestRecovery(t *testing.T) {
	b := newBed(t)
	b.online()
	sealed := b.sealed(b.manifest("db", "pw-1"))
	keys, err := b.Kubectl(t.Context(), "get", "secrets", "--namespace", "kube-system", "-l", sealing.KeyLabel, "-o", "yaml").Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(file, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	out := b.sealed(sealed, "--recovery-unseal", "--recovery-private-key", file)
	var s corev1.Secret
	if err := json.Unmarshal([]byte(out), &s); err != nil || string(s.Data["password"]) != "pw-1" {
		t.Errorf("recovered %v", err)
	}
}

func TestEveryReplicaServesAndAgrees(t *testing.T) {
	b := newBed(t)
	b.online()
	for _, addr := range b.addrs {
		testkit.Eventually(t, patience, func() error {
			resp, err := http.Get("http://" + addr + "/v1/cert.pem")
			if err != nil {
				return err
			}
			defer func() { _ = resp.Body.Close() }()
			text, err := io.ReadAll(resp.Body)
			if err == nil && string(text) != b.online() {
				err = fmt.Errorf("%s: %d %s", addr, resp.StatusCode, text)
			}
			return err
		})
	}
}

// Through the API server everybody reaches the endpoints, and nothing more.
func TestRightsAreThoseOfTheExample(t *testing.T) {
	b := newBed(t)
	b.online()
	cmd := b.Kubectl(t.Context(), "--kubeconfig", b.user, "get", "secrets", "--namespace", "kube-system")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "forbidden") {
		t.Errorf("somebody reads the keys: %s", out)
	}
	big := fmt.Sprintf(`{"kind":"SealedSecret","x":%q}`, rand.Text()+strings.Repeat("x", 10<<20))
	err := b.clients.CoreV1().RESTClient().Post().Namespace("kube-system").Resource("services").
		Name("http:sealed-secrets-controller:http").SubResource("proxy").Suffix("/v1/verify").Body([]byte(big)).Do(t.Context()).Error()
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Code != http.StatusRequestEntityTooLarge {
		t.Errorf("10 MB through the API server: %v", err)
	}
	// Which keys there are is told to nobody.
	stranger := fmt.Sprintf(`{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{"name":"db"},"spec":{"encryptedData":{"password":%q}}}`,
		base64.StdEncoding.EncodeToString(append([]byte{1, 0}, make([]byte, 512)...)))
	resp, err := http.Post("http://"+b.addrs[0]+"/v1/verify", "application/json", strings.NewReader(stranger))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusConflict || !strings.Contains(string(text), "none of this cluster's keys opens it") {
		t.Errorf("it is answered %d %s, %v", resp.StatusCode, text, err)
	}
}
