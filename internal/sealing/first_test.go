package sealing_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/sealing"
)

// The first key of the original has no label, and is followed all the same:
// made, broken, deleted, made anew and marked while the ring is watched.
func TestTheFirstKeyIsFollowedLikeOthers(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	create(t, secrets, keySecret("k0", sealing.KeyActive, p[0]))
	_, until := watched(t, secrets)
	ctx := t.Context()
	until("without it", ids(p[0]))
	const name = "sealed-secrets-key"
	create(t, secrets, keySecret("other", "", p[3]), keySecret(name, "", p[1]))
	until("made", ids(p[1], p[0]))
	broken := keySecret(name, "", p[1])
	broken.Data["tls.key"] = []byte("x")
	if _, err := secrets.Update(ctx, broken, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	until("broken", ids(p[0]))
	if err := secrets.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	create(t, secrets, keySecret(name, "", p[2]))
	until("another", ids(p[2], p[0]))
	label(t, secrets, name, sealing.KeyActive)
	label(t, secrets, name, "compromised")
	until("out of use", ids(p[0]))
	if err := secrets.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	create(t, secrets, keySecret(name, "", p[2]))
	until("in use again", ids(p[2], p[0]))
	if err := secrets.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until("deleted", ids(p[0]))
}
