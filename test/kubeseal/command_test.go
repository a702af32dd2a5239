package kubeseal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// command builds tacit as it is now, once.
var command = sync.OnceValues(func() (string, error) {
	root, err := testkit.Root()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "tacit-command-")
	if err != nil {
		return "", err
	}
	shared.ends = append(shared.ends, func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "tacit")
	build := exec.Command("go", "build", "-o", path, "./cmd/tacit")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// tacit runs the command with a kubeconfig, and returns what it wrote and said.
func (b bed) tacit(kubeconfig, stdin string, args ...string) (out, said string, err error) {
	b.t.Helper()
	path, err := command()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.CommandContext(b.t.Context(), path, append([]string{"seal"}, args...)...)
	cmd.Env = []string{"KUBECONFIG=" + kubeconfig, "HOME=" + b.t.TempDir()}
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// says runs the command as somebody without rights: it must succeed, and its
// answer have all of these words.
func (b bed) says(stdin string, args []string, words ...string) string {
	b.t.Helper()
	out, said, err := b.tacit(b.user, stdin, args...)
	for _, word := range words {
		if err == nil && !strings.Contains(out+said, word) {
			err = fmt.Errorf("want %q", word)
		}
	}
	if err != nil {
		b.t.Fatalf("tacit seal %s: %v\n%s%s", strings.Join(args, " "), err, out, said)
	}
	return out
}

// oldKey gives the cluster a key that was never its newest, and returns the
// file of its certificate.
func (b bed) oldKey(dir string) string {
	b.t.Helper()
	key, cert, err := sealing.Generate(2048, time.Now().AddDate(0, -2, 0), 365*24*time.Hour)
	if err != nil {
		b.t.Fatal(err)
	}
	_, err = b.clients.CoreV1().Secrets("kube-system").Create(b.t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{GenerateName: sealing.KeyPrefix, Labels: map[string]string{sealing.KeyLabel: sealing.KeyActive}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"tls.key": key.PEM().Reveal(), "tls.crt": cert.PEM()},
	}, metav1.CreateOptions{})
	path := filepath.Join(dir, "old.pem")
	if err = errors.Join(err, os.WriteFile(path, cert.PEM(), 0o600)); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b bed) applyFile(path string) {
	b.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.apply(string(text))
}

// The commands, as a user runs them, against a cluster as a user has it.
func TestTheCommandsReachTheOperatorThroughTheAPIServer(t *testing.T) {
	b := newBed(t)
	b.online()
	dir := t.TempDir()
	file, before := filepath.Join(dir, "db.yaml"), filepath.Join(dir, "before.yaml")

	b.says(b.manifest("db", "pw-1"), []string{"-w", file})
	b.applyFile(file)
	b.holds("db", "pw-1")
	b.says("", []string{"verify", file}, b.ns+"/db: opens")
	text, err := os.ReadFile(file)
	if err = errors.Join(err, os.WriteFile(before, text, 0o600)); err != nil {
		t.Fatal(err)
	}

	b.says("pw-2", []string{"set", file, "password"}, "key password: sealed anew")
	b.says("", []string{"diff", before, file}, b.ns+"/db: key password: sealed anew")
	if out, said, err := b.tacit(b.Kubeconfig(), "", "diff", "--live", "--exit-code", file); exitStatus(err) != 1 || !strings.Contains(out, b.ns+"/db: key password: sealed anew") {
		t.Errorf("diff --live: %v\n%s%s", err, out, said)
	}
	if out, said, err := b.tacit(b.user, "", "diff", "--live", "--exit-code", file); exitStatus(err) != 2 || !strings.Contains(said, "you may not read SealedSecret "+b.ns+"/db: it takes get on sealedsecrets") {
		t.Errorf("diff --live without the right: %v\n%s%s", err, out, said)
	}
	b.applyFile(file)
	b.holds("db", "pw-2")

	b.says("pw-3", []string{"set", file, "password", "--cert", b.oldKey(dir)})
	testkit.Eventually(t, patience, func() error {
		out, said, err := b.tacit(b.user, "", "verify", file)
		if err != nil {
			return fmt.Errorf("%w: %s%s", err, out, said)
		}
		return nil
	})
	b.says("", []string{"rotate", dir}, b.ns+"/db: sealed anew: password")
	b.says("", []string{"verify", file}, b.ns+"/db: opens")
	b.applyFile(file)
	b.holds("db", "pw-3")

	foreign := strings.ReplaceAll(string(text), b.ns, "elsewhere")
	if out, said, err := b.tacit(b.user, foreign, "verify", "-"); exitStatus(err) != 1 || !strings.Contains(out, "stdin: elsewhere/db: does not open in this cluster: ") {
		t.Errorf("verify of what does not open: %v\n%s%s", err, out, said)
	}
	cert := b.says("", []string{"cert"}, "-----BEGIN CERTIFICATE-----")
	b.apply(b.says(b.manifest("db", "pw-4"), []string{"--cert", write(t, dir, "ours.pem", cert)}))
	b.holds("db", "pw-4")
	if b.egress.reached.Load() == 0 { // connections, which the API server keeps
		t.Error("nothing came through the API server")
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// exitStatus is that of a command that ended with an error.
func exitStatus(err error) int {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0
	}
	return exit.ExitCode()
}
