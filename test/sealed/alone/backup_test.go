package alone_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
	ascii "filippo.io/age/armor" //nolint:misspell // its name
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

// started is another cluster, which has made its first key, and a backup of it.
type started struct {
	bed
	key    corev1.Secret
	backup []byte
	id     *age.X25519Identity
}

func newStarted(t *testing.T) started {
	t.Helper()
	b := newBed(t, 0)
	_, stop := b.serve(nil)
	key := b.ring(1)[0]
	stop()
	id, err := age.GenerateX25519Identity()
	b.Must(err)
	text, n, faults, err := b.store().Backup(t.Context(), id.Recipient())
	b.Must(err)
	if n != 1 || len(faults) > 0 {
		t.Fatalf("%d keys are backed up, faults %v", n, faults)
	}
	return started{b, key, text, id}
}

// store is what the command line asks.
func (b bed) store() *seal.Store {
	b.T.Helper()
	out, err := seal.NewStore(b.Plane.Config(), b.keys)
	b.Must(err)
	return out
}

// restore is `tacit keys restore`.
func (b bed) restore(keys []corev1.Secret) []seal.Restored {
	b.T.Helper()
	out, err := b.store().Restore(b.T.Context(), keys)
	b.Must(err)
	return out
}

// keysIn are those of the backup.
func (s started) keysIn() []corev1.Secret {
	s.T.Helper()
	out, err := sealing.Import(bytes.NewReader(s.backup), s.id)
	s.Must(err)
	return out
}

// kubectl does with the backup, decrypted, what a user does who has no Tacit;
// the keys go to another cluster's namespace.
func (s started) kubectl(to bed, verb string) {
	s.T.Helper()
	r, err := age.Decrypt(ascii.NewReader(bytes.NewReader(s.backup)), s.id)
	s.Must(err)
	text, err := io.ReadAll(r)
	s.Must(err)
	cmd := s.Plane.Kubectl(s.T.Context(), verb, "-f", "-")
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(string(text), s.keys, to.keys))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.T.Errorf("kubectl %s: %v\n%s", verb, err, out)
	}
}

// TestABackupComesIntoAClusterThatHasAKey of its own, because its operator
// started first: that stays, and the files of both clusters open.
func TestABackupComesIntoAClusterThatHasAKey(t *testing.T) {
	t.Parallel()
	for name, restore := range map[string]func(from started, to bed, own *corev1.Secret){
		"tacit":          func(from started, to bed, _ *corev1.Secret) { to.restore(from.keysIn()) },
		"kubectl create": func(from started, to bed, _ *corev1.Secret) { from.kubectl(to, "create") },
		"kubectl apply":  func(from started, to bed, _ *corev1.Secret) { from.kubectl(to, "apply") },
		// Backups of before have the names of the Secrets.
		"a name that is taken": func(from started, to bed, own *corev1.Secret) {
			keys := from.keysIn()
			keys[0].Name = own.Name
			to.restore(keys)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newStarted(t), newBed(t, 0)
			b.serve(nil)
			own := &b.ring(1)[0]
			if own.Name == a.key.Name {
				t.Errorf("both have a first key %s", own.Name)
			}
			apply := func(name string, key *corev1.Secret) {
				b.Apply(sealedtest.Manifest(name, values{"k": b.sealFor(key, b.NS+"/"+name, name)}, "", ""))
			}
			apply("own", own)
			b.Holds("own", values{"k": "own"})
			apply("from-a", &a.key)
			b.Fails("from-a", "another cluster")

			restore(a, b, own)
			b.Holds("from-a", values{"k": "from-a"})
			b.Synced("from-a")
			apply("own-later", own)
			b.Holds("own-later", values{"k": "own-later"})
			kept := &corev1.Secret{}
			b.Must(b.Get(t.Context(), client.ObjectKeyFromObject(own), kept))
			if kept.ResourceVersion != own.ResourceVersion || len(b.ring(2)) != 2 {
				t.Errorf("the cluster's own key was written, or there are not two but %d", len(b.ring(2)))
			}
			// Known by what it is, whatever it is called.
			for _, r := range b.restore(a.keysIn()) {
				if !r.There {
					t.Errorf("%s was restored again", r.Secret)
				}
			}
		})
	}
}

// TestABackupMendsWhatSomebodyBroke without touching it, and brings nothing back
// into use that was taken out of it.
func TestABackupMendsWhatSomebodyBroke(t *testing.T) {
	t.Parallel()
	a := newStarted(t)
	b := a.bed
	app := values{"k": b.sealFor(&a.key, b.NS+"/app", "one")}
	sealedtest.Change(b.Bed, &a.key, func(s *corev1.Secret) { s.Data["tls.key"] = []byte("gone") })
	b.serve(nil)
	b.Apply(sealedtest.Manifest("app", app, "", ""))
	b.Fails("app", "Secret "+a.key.Name+": tls.key holds no key")
	done := b.restore(a.keysIn())
	if len(done) != 1 || done[0].There || done[0].Secret == a.key.Name {
		t.Errorf("restored %+v", done)
	}
	b.Holds("app", values{"k": "one"})

	s := &corev1.Secret{}
	b.Must(b.Get(t.Context(), client.ObjectKey{Namespace: b.keys, Name: done[0].Secret}, s))
	sealedtest.Change(b.Bed, s, func(s *corev1.Secret) { s.Labels[sealing.KeyLabel] = "compromised" })
	again := b.restore(a.keysIn())
	if len(again) != 1 || !again[0].There || again[0].Secret != s.Name || again[0].State != "compromised" {
		t.Errorf("restored %+v", again)
	}
}
