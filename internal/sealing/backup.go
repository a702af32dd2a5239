package sealing

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"filippo.io/age"
	ascii "filippo.io/age/armor" //nolint:misspell // its name
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/internal/secret"
)

// maxKeys is how many keys a backup holds: one a day for years.
const maxKeys = 2000

// maxWorkFactor bounds what a backup's passphrase may cost to try: 1 GiB of
// memory. The age command and Export use a quarter of it.
const maxWorkFactor = 20

// keyList is a List of Secrets, as kubectl reads and writes it.
type keyList struct {
	metav1.TypeMeta `json:",inline"`
	Items           []corev1.Secret `json:"items"`
}

// Export writes the keys of the Secrets, those out of use too, as an armoured
// age file. Decrypted, it is a manifest: the age command and kubectl alone can
// restore it. There each key is once, under its KeyName: kubectl must not put it
// in place of another cluster's. The faults tell which Secrets hold no key and
// are left out.
func Export(w io.Writer, secrets []corev1.Secret, to ...age.Recipient) ([]Fault, error) {
	list := keyList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "List"}}
	var faults []Fault
	at := map[KeyID]int{}
	for i := range secrets {
		s := secrets[i]
		s.Type = corev1.SecretTypeTLS // a key of another type opens too
		kept, id, err := bare(&s)
		if err != nil {
			faults = append(faults, Fault{Secret: secrets[i].Name, Problem: err.Error()})
			continue
		}
		kept.Name = KeyName(id, 0)
		j, twice := at[id]
		switch {
		case !twice:
			at[id] = len(list.Items)
			list.Items = append(list.Items, kept)
		case better(&kept, &list.Items[j]):
			list.Items[j] = kept
		}
	}
	switch {
	case len(list.Items) == 0:
		return faults, errors.New("there is no key to back up")
	case len(list.Items) > maxKeys:
		return faults, fmt.Errorf("%d keys are too many for one backup: %d are the most", len(list.Items), maxKeys)
	}
	text, err := yaml.Marshal(list)
	if err != nil {
		return faults, errors.New("the keys cannot be written as a manifest") // its text may quote them
	}
	if len(text) > MaxBackup {
		return faults, fmt.Errorf("the keys make %d bytes: %d are the most", len(text), MaxBackup)
	}
	return faults, encrypt(w, text, to)
}

// better tells which of two Secrets with one key to keep: one that is in use, and
// then one that can be sealed for.
func better(a, b *corev1.Secret) bool {
	if x, y := labelOf(a) == KeyActive, labelOf(b) == KeyActive; x != y {
		return x
	}
	_, ofA := readKey(a)
	_, ofB := readKey(b)
	return ofA == nil && ofB != nil
}

func encrypt(w io.Writer, text []byte, to []age.Recipient) error {
	shell := ascii.NewWriter(w)
	in, err := age.Encrypt(shell, to...)
	if err != nil {
		return fmt.Errorf("encrypt the backup: %w", err)
	}
	if _, err := in.Write(text); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	if err := errors.Join(in.Close(), shell.Close()); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

// Import reads what Export wrote. It returns key Secrets and nothing else: a
// backup from strange hands cannot make other Secrets.
func Import(r io.Reader, with ...age.Identity) ([]corev1.Secret, error) {
	text, err := decrypt(r, with)
	if err != nil {
		return nil, err
	}
	return parseBackup(text)
}

func decrypt(r io.Reader, with []age.Identity) ([]byte, error) {
	in := bufio.NewReader(io.LimitReader(r, 2*MaxBackup))
	var file io.Reader = in
	if head, _ := in.Peek(len(ascii.Header)); string(head) == ascii.Header {
		file = ascii.NewReader(in)
	}
	out, err := age.Decrypt(file, with...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return nil, errors.New(mismatch(none.StanzaTypes, with))
	case err != nil:
		return nil, errors.New("this is no backup: age cannot read it; is it whole?")
	}
	text, err := io.ReadAll(io.LimitReader(out, MaxBackup+1))
	switch {
	case err != nil:
		return nil, errors.New("the backup was changed or cut short: use another copy")
	case len(text) > MaxBackup:
		return nil, fmt.Errorf("the backup holds more than %d bytes", MaxBackup)
	}
	return text, nil
}

// mismatch says why no identity opens a file with these stanzas.
func mismatch(stanzas []string, with []age.Identity) string {
	wants := slices.Contains(stanzas, "scrypt")
	given := slices.ContainsFunc(with, func(i age.Identity) bool { _, ok := i.(*age.ScryptIdentity); return ok })
	switch {
	case wants && !given:
		return "the backup is for a passphrase, and no age identity opens it: give the passphrase"
	case !wants && given:
		return "the backup is for an age identity, and no passphrase opens it: give the file of the identity"
	case wants:
		return "the backup is for another passphrase"
	}
	return "the backup is for another age identity"
}

// parseBackup reads the manifest in a backup. It holds keys: no error quotes
// it.
func parseBackup(text []byte) ([]corev1.Secret, error) {
	var list keyList
	if err := yaml.Unmarshal(text, &list); err != nil {
		return nil, errors.New("the backup holds no list of Secrets")
	}
	switch {
	case list.Kind != "List" && list.Kind != "SecretList" || len(list.Items) == 0:
		return nil, errors.New("the backup holds no list of Secrets")
	case len(list.Items) > maxKeys:
		return nil, fmt.Errorf("the backup holds %d keys: %d are the most", len(list.Items), maxKeys)
	}
	out := make([]corev1.Secret, len(list.Items))
	for i := range list.Items {
		kept, _, err := bare(&list.Items[i])
		if err != nil {
			return nil, fmt.Errorf("item %d of the backup: %w", i+1, err)
		}
		out[i] = kept
	}
	return out, nil
}

// lastApplied is where kubectl keeps a whole copy of what it applied.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// bare is a key Secret without what its cluster added. It is marked in any case:
// the original's first key is known by its name alone, which it may not keep.
func bare(s *corev1.Secret) (corev1.Secret, KeyID, error) {
	fail := func(format string, args ...any) (corev1.Secret, KeyID, error) {
		return corev1.Secret{}, KeyID{}, fmt.Errorf(format, args...)
	}
	switch {
	case s.Kind != "" && s.Kind != "Secret":
		return fail("it is no Secret")
	case s.Type != corev1.SecretTypeTLS:
		return fail("it is no key: its type is not %s", corev1.SecretTypeTLS)
	case len(validation.IsDNS1123Subdomain(s.Name)) > 0 || s.Namespace != "" && len(validation.IsDNS1123Label(s.Namespace)) > 0:
		return fail("its name or namespace is none")
	}
	key, err := ParseKey(secret.New(s.Data[corev1.TLSPrivateKeyKey]))
	if err != nil {
		return fail("%s holds no key that can be used: %w", corev1.TLSPrivateKeyKey, err)
	}
	out := corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name, Labels: maps.Clone(s.Labels), Annotations: maps.Clone(s.Annotations)},
		Type:       s.Type,
		Data:       map[string][]byte{},
	}
	metav1.SetMetaDataLabel(&out.ObjectMeta, KeyLabel, labelOf(s))
	delete(out.Annotations, lastApplied)
	for _, k := range []string{corev1.TLSPrivateKeyKey, corev1.TLSCertKey} {
		out.Data[k] = s.Data[k]
	}
	return out, key.ID, nil
}

// ParseRecipients reads age recipients (age1…), one a line, for Export.
func ParseRecipients(text string) ([]age.Recipient, error) {
	if strings.Contains(strings.ToUpper(text), "AGE-SECRET-KEY-") {
		return nil, errors.New("this is an age identity, which is secret: give its recipient (age1…)")
	}
	out, err := age.ParseRecipients(strings.NewReader(text))
	if err != nil {
		return nil, errors.New("this is no age recipient: one begins with age1")
	}
	return out, nil
}

// ParseIdentities reads the file of an age identity, for Import.
func ParseIdentities(text secret.Value) ([]age.Identity, error) {
	out, err := age.ParseIdentities(bytes.NewReader(text.Reveal()))
	if err != nil {
		return nil, errors.New("this is no age identity: one begins with AGE-SECRET-KEY-") // age quotes what it read
	}
	return out, nil
}

// PassphraseRecipient has Export encrypt for a passphrase.
func PassphraseRecipient(passphrase secret.Value) (age.Recipient, error) {
	out, err := age.NewScryptRecipient(string(passphrase.Reveal()))
	if err != nil {
		return nil, errors.New("a passphrase cannot be empty")
	}
	return out, nil
}

// PassphraseIdentity has Import decrypt with a passphrase.
func PassphraseIdentity(passphrase secret.Value) (age.Identity, error) {
	out, err := age.NewScryptIdentity(string(passphrase.Reveal()))
	if err != nil {
		return nil, errors.New("a passphrase cannot be empty")
	}
	out.SetMaxWorkFactor(maxWorkFactor)
	return out, nil
}
