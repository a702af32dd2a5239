package sealing_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

func identity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// encrypted is any text as a backup.
func encrypted(t testing.TB, text string, to age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A cluster that lost everything opens its files again.
func TestABackupRestoresAnEmptyCluster(t *testing.T) {
	t.Parallel()
	p := pairs()
	before := secretsOf(t)
	annotated := keySecret("sealed-secrets-keya", sealing.KeyActive, p[0])
	annotated.Annotations = map[string]string{"team": "infra", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
	create(t, before, annotated, keySecret("sealed-secrets-keyb", "compromised", p[1]), keySecret("sealed-secrets-key", "", p[2]))
	all, err := before.List(t.Context(), metav1.ListOptions{FieldSelector: "type=kubernetes.io/tls"})
	if err != nil {
		t.Fatal(err)
	}
	recipients, err := sealing.ParseRecipients("# mine\n" + identity(t).Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	id := identity(t)
	var file bytes.Buffer
	if faults, err := sealing.Export(&file, all.Items, append(recipients, id.Recipient())...); err != nil || len(faults) > 0 {
		t.Fatal(faults, err)
	}
	for _, k := range keysOf(p[:3]...) {
		if text := file.String(); strings.Contains(text, base64.StdEncoding.EncodeToString(k.PEM().Reveal())[:60]) || !strings.HasPrefix(text, "-----BEGIN AGE ENCRYPTED FILE-----") {
			t.Error("the backup is readable")
		}
	}
	with, err := sealing.ParseIdentities(value(id.String()))
	if err != nil {
		t.Fatal(err)
	}
	got, err := sealing.Import(&file, with...)
	if err != nil {
		t.Fatal(err)
	}
	after := secretsOf(t)
	for i := range got {
		got[i].Namespace = ""
		create(t, after, &got[i])
	}
	r := loaded(t, after, sealing.Options{})
	if ring(r) != ids(p[2], p[0]) || len(r.Faults()) > 0 {
		t.Errorf("the keys are %s, %v", ring(r), r.Faults())
	}
	if _, err := r.Open(t.Context(), sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, p[0])); err != nil {
		t.Error(err)
	}
	kept, err := after.Get(t.Context(), sealing.KeyName(p[0].key.ID, 0), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"team": "infra"}, kept.Annotations); diff != "" {
		t.Error(diff)
	}
}

func TestABackupForAPassphrase(t *testing.T) {
	t.Parallel()
	to, err := sealing.PassphraseRecipient(value("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := sealing.Export(&file, []corev1.Secret{*keySecret("k", sealing.KeyActive, pairs()[0])}, to); err != nil {
		t.Fatal(err)
	}
	for passphrase, want := range map[string]string{"correct horse": "", "wrong horse": "for another passphrase"} {
		with, err := sealing.PassphraseIdentity(value(passphrase))
		if err != nil {
			t.Fatal(err)
		}
		got, err := sealing.Import(bytes.NewReader(file.Bytes()), with)
		if want == "" && (err != nil || len(got) != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %d keys, %v", passphrase, len(got), err)
		}
	}
}

// Which of the two ways to open a backup was tried, and which one it wants.
func TestABackupSaysWhatItWants(t *testing.T) {
	t.Parallel()
	id := identity(t)
	passphrase, err := sealing.PassphraseIdentity(value("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	to, err := sealing.PassphraseRecipient(value("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = sealing.Import(bytes.NewReader(encrypted(t, "", to)), id)
	if err == nil || !strings.HasSuffix(err.Error(), "give the passphrase") {
		t.Error(err)
	}
	_, err = sealing.Import(bytes.NewReader(encrypted(t, "", id.Recipient())), passphrase)
	if err == nil || !strings.HasSuffix(err.Error(), "give the file of the identity") {
		t.Error(err)
	}
}

// A key is once in a backup, in use if one of its Secrets is, under a name that
// no other key has; the original's first is marked, as it is not known by its
// name any more.
func TestABackupNamesKeysAfterThemselves(t *testing.T) {
	t.Parallel()
	p := pairs()
	none := keySecret("b", sealing.KeyActive, p[0])
	none.Data["tls.crt"] = nil
	none.Type = corev1.SecretTypeOpaque
	id := identity(t)
	var file bytes.Buffer
	faults, err := sealing.Export(&file, []corev1.Secret{
		*keySecret("a", "compromised", p[0]), *none, *keySecret("c", sealing.KeyActive, p[0]),
		*keySecret("sealed-secrets-key", "", p[1]), *keySecret("d", "compromised", p[2]),
	}, id.Recipient())
	if err != nil || len(faults) > 0 {
		t.Fatal(faults, err)
	}
	got, err := sealing.Import(&file, id)
	if err != nil || len(got) != 3 {
		t.Fatal(len(got), err)
	}
	for i, want := range []string{"active", "active", "compromised"} {
		if got[i].Name != sealing.KeyName(p[i].key.ID, 0) || got[i].Labels[sealing.KeyLabel] != want || len(got[i].Data["tls.crt"]) == 0 {
			t.Errorf("%s is %s", got[i].Name, got[i].Labels[sealing.KeyLabel])
		}
	}
	if got[0].Name == got[1].Name || got[0].Name == sealing.KeyName(p[0].key.ID, 1) {
		t.Error("names are not told apart")
	}
}

func TestABrokenKeyDoesNotStopABackup(t *testing.T) {
	t.Parallel()
	p := pairs()
	broken := keySecret("broken", sealing.KeyActive, p[1])
	broken.Data["tls.key"] = []byte("canary")
	id := identity(t)
	var file bytes.Buffer
	faults, err := sealing.Export(&file, []corev1.Secret{*broken, *keySecret("good", sealing.KeyActive, p[0])}, id.Recipient())
	if err != nil || len(faults) != 1 || faults[0].Secret != "broken" || strings.Contains(faults[0].String(), "canary") {
		t.Fatal(faults, err)
	}
	if got, err := sealing.Import(&file, id); err != nil || len(got) != 1 || got[0].Name != sealing.KeyName(p[0].key.ID, 0) {
		t.Errorf("%d keys, %v", len(got), err)
	}
	if _, err := sealing.Export(&file, []corev1.Secret{*broken}, id.Recipient()); err == nil {
		t.Error("an empty backup was written")
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	id := identity(t)
	var good bytes.Buffer
	if _, err := sealing.Export(&good, []corev1.Secret{*keySecret("k", sealing.KeyActive, pairs()[0])}, id.Recipient()); err != nil {
		t.Fatal(err)
	}
	const list = "apiVersion: v1\nkind: List\nitems:\n"
	seal := func(text string) []byte { return encrypted(t, text, id.Recipient()) }
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":          {nil, "no backup"},
		"garbage":        {[]byte("hello"), "no backup"},
		"another's":      {encrypted(t, "x", identity(t).Recipient()), "for another age identity"},
		"cut":            {good.Bytes()[:good.Len()-200], "cut short"},
		"no YAML":        {seal("canary: [canary"), "no list"},
		"no list":        {seal("kind: Secret"), "no list"},
		"empty list":     {seal(list), "no list"},
		"another kind":   {seal(list + "- {kind: ConfigMap, metadata: {name: canary}}"), "item 1 of the backup: it is no Secret"},
		"another Secret": {seal(list + "- {kind: Secret, type: Opaque, metadata: {name: canary}}"), "it is no key"},
		"a bad name":     {seal(list + "- {kind: Secret, type: kubernetes.io/tls, metadata: {name: ../canary}}"), "name"},
		"no key":         {seal(list + "- {kind: Secret, type: kubernetes.io/tls, metadata: {name: x}, data: {tls.key: Y2FuYXJ5}}"), "no key that can be used"},
		"too large":      {seal(strings.Repeat("#", sealing.MaxBackup+1)), "more than"},
	} {
		got, err := sealing.Import(bytes.NewReader(c.file), id)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %d keys, %v", name, len(got), err)
		}
	}
}

func TestRecipientsAndIdentitiesAreNotQuoted(t *testing.T) {
	t.Parallel()
	id := identity(t)
	_, asRecipient := sealing.ParseRecipients(id.String())
	_, asIdentity := sealing.ParseIdentities(value("AGE-SECRET-KEY-CANARY"))
	_, empty := sealing.PassphraseRecipient(value(""))
	_, none := sealing.PassphraseIdentity(value(""))
	all := errors.Join(asRecipient, asIdentity, empty, none)
	if asRecipient == nil || asIdentity == nil || empty == nil || none == nil || strings.Contains(all.Error(), "CANARY") || strings.Contains(all.Error(), id.String()[:24]) {
		t.Error(all)
	}
}
