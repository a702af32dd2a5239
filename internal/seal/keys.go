package seal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Opener opens SealedSecrets: a cluster that is asked to, or keys at hand.
type Opener interface {
	// Open is nil if every value opens. A *delivery.Error of kind Refused or
	// Malformed is about the object; any other error may pass.
	Open(ctx context.Context, o *v1alpha1.SealedSecret) error
	// Reseal returns all values, sealed for the newest key.
	Reseal(ctx context.Context, o *v1alpha1.SealedSecret) (map[string]string, error)
}

// Keys are those of a backup.
type Keys struct{ ring *sealing.Keyring }

// OpenBackup reads the keys of a backup.
func OpenBackup(ctx context.Context, r io.Reader, with ...age.Identity) (*Keys, error) {
	secrets, err := sealing.Import(r, with...)
	if err != nil {
		return nil, err
	}
	ring := sealing.NewKeyring(backup(secrets), sealing.Options{Namespace: "of the backup", Backup: true})
	if err := ring.Load(ctx); err != nil {
		return nil, err
	}
	if len(ring.Keys()) == 0 {
		return nil, errors.New("there is no key in use in the backup")
	}
	return &Keys{ring}, nil
}

// Open implements Opener.
func (k *Keys) Open(ctx context.Context, o *v1alpha1.SealedSecret) error {
	_, err := k.Data(ctx, o)
	return err
}

// Data are the object's values.
func (k *Keys) Data(ctx context.Context, o *v1alpha1.SealedSecret) (secret.Data, error) {
	return k.ring.Open(ctx, sealedOf(o))
}

// Reseal implements Opener.
func (k *Keys) Reseal(ctx context.Context, o *v1alpha1.SealedSecret) (map[string]string, error) {
	return k.ring.Reseal(ctx, rand.Reader, sealedOf(o))
}

// Newest is the certificate that Reseal seals for.
func (k *Keys) Newest() (sealing.Certificate, error) { return k.ring.Newest() }

func sealedOf(o *v1alpha1.SealedSecret) delivery.Sealed {
	return delivery.Sealed{Entries: o.Spec.EncryptedData, Scope: ScopeOf(o.Annotations), Namespace: o.Namespace, Name: o.Name}
}

// backup has a keyring read a backup as it reads a cluster.
type backup []corev1.Secret

// List implements sealing.Secrets.
func (b backup) List(_ context.Context, opts metav1.ListOptions) (*corev1.SecretList, error) {
	byLabel, err := labels.Parse(opts.LabelSelector)
	if err != nil {
		return nil, err
	}
	byField, err := fields.ParseSelector(opts.FieldSelector)
	if err != nil {
		return nil, err
	}
	out := &corev1.SecretList{}
	for i := range b {
		if byLabel.Matches(labels.Set(b[i].Labels)) && byField.Matches(fields.Set{"metadata.name": b[i].Name}) {
			out.Items = append(out.Items, b[i])
		}
	}
	return out, nil
}

// Watch implements sealing.Secrets.
func (backup) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return nil, fmt.Errorf("a backup does not change")
}

// Create implements sealing.Secrets.
func (backup) Create(context.Context, *corev1.Secret, metav1.CreateOptions) (*corev1.Secret, error) {
	return nil, fmt.Errorf("a backup does not change")
}
