package restarts_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	dopplerv1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// Who goes back to the Doppler Secrets Operator is told a command, which has to
// work as it stands.
func TestTheWayBackFromDopplerSecrets(t *testing.T) {
	b := newBed(t)
	for _, ns := range []string{b.NS, b.one} {
		b.Apply(fmt.Sprintf(`
apiVersion: secrets.doppler.com/v1alpha1
kind: DopplerSecret
metadata: {name: app, namespace: %s, finalizers: [tacit.dev/dopplersecret]}
spec: {tokenSecret: {name: token}, managedSecret: {name: app}}
`, ns))
	}
	root, err := testkit.Root()
	b.Must(err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "moving.md"))
	b.Must(err)
	_, back, _ := strings.Cut(string(text), "## And back")
	_, back, _ = strings.Cut(back, "```sh\n")
	script, _, found := strings.Cut(back, "```")
	if !found {
		t.Fatal("there is no command")
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", script)
	cmd.Env = append(b.Plane.Env(), "PATH="+filepath.Dir(b.Plane.KubectlPath())+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, ns := range []string{b.NS, b.one} {
		ds := &dopplerv1.DopplerSecret{}
		b.Must(b.Get(t.Context(), types.NamespacedName{Namespace: ns, Name: "app"}, ds))
		b.Must(b.Delete(t.Context(), ds))
		b.Eventually(func() error {
			if err := b.Get(t.Context(), client.ObjectKeyFromObject(ds), ds); !apierrors.IsNotFound(err) {
				return fmt.Errorf("%s/app is held by %v: %w", ns, ds.Finalizers, err)
			}
			return nil
		})
	}
}
