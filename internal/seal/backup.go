package seal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Unwritten is nil if a backup can get this name: who is asked for a passphrase
// should not type it in vain.
func Unwritten(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s is there already, and is not overwritten: choose another name", path)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	return nil
}

// Store is the cluster's keeper of keys, reached with a user's rights.
type Store struct {
	client    *corev1client.CoreV1Client
	namespace string
}

// NewStore makes a client for the keys in a namespace.
func NewStore(cfg *rest.Config, namespace string) (*Store, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.UserAgent = -1, "tacit-keys"
	client, err := corev1client.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("set up the client: %w", err)
	}
	if namespace == "" {
		namespace = sealing.KeyNamespace
	}
	return &Store{client, namespace}, nil
}

// secrets are those that hold keys, those out of use too.
func (s *Store) secrets(ctx context.Context) ([]corev1.Secret, error) {
	secrets := s.client.Secrets(s.namespace)
	marked, err := secrets.List(ctx, metav1.ListOptions{LabelSelector: sealing.KeyLabel})
	if err != nil {
		return nil, s.unreadable(err)
	}
	// Before the original renewed keys, it kept its only one without the label.
	first, err := secrets.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + sealing.KeyPrefix})
	if err != nil {
		return nil, s.unreadable(err)
	}
	out := marked.Items
	for i := range first.Items {
		if _, known := first.Items[i].Labels[sealing.KeyLabel]; !known {
			out = append(out, first.Items[i])
		}
	}
	return out, nil
}

func (s *Store) unreadable(err error) error {
	return fmt.Errorf("read the keys in namespace %s: %w", s.namespace, err)
}

// absent says that the keys' namespace is not there, if it is not; whoever may
// not ask is told nothing.
func (s *Store) absent(ctx context.Context) error {
	_, err := s.client.Namespaces().Get(ctx, s.namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no namespace %s: --namespace says where the operator keeps the keys", s.namespace)
	}
	return nil
}

// Backup is a backup's text, how many keys it holds, and what was left out.
func (s *Store) Backup(ctx context.Context, to ...age.Recipient) (text []byte, keys int, faults []sealing.Fault, err error) {
	all, err := s.secrets(ctx)
	if err != nil {
		return nil, 0, nil, err
	}
	if len(all) == 0 {
		if err := s.absent(ctx); err != nil {
			return nil, 0, nil, err
		}
		return nil, 0, nil, fmt.Errorf("there is no key in namespace %s: --namespace says where the operator keeps them", s.namespace)
	}
	var out bytes.Buffer
	faults, err = sealing.Export(&out, all, to...)
	return out.Bytes(), len(byKey(all)), faults, err
}

// byKey finds the Secret of each key; one in use, if there are several.
func byKey(all []corev1.Secret) map[sealing.KeyID]*corev1.Secret {
	out := map[sealing.KeyID]*corev1.Secret{}
	for i := range all {
		s := &all[i]
		key, err := sealing.ParseKey(secret.New(s.Data[corev1.TLSPrivateKeyKey]))
		if err != nil {
			continue
		}
		if have := out[key.ID]; have == nil || state(have) != sealing.KeyActive {
			out[key.ID] = s
		}
	}
	return out
}

// state is what a key Secret's label says.
func state(s *corev1.Secret) string {
	if label, marked := s.Labels[sealing.KeyLabel]; marked {
		return label
	}
	return sealing.KeyActive // the original's first
}

// Restored is what became of a key of a backup.
type Restored struct {
	// Secret is what its Secret is called in the cluster.
	Secret string
	// There reports that the cluster had this very key.
	There bool
	// State is what its label says: sealing.KeyActive, or why it is out of use.
	State string
}

// Restore makes those keys of a backup that the cluster has not, under whatever
// name. It changes nothing that is there: where something else has the name of
// a key, that gets another.
func (s *Store) Restore(ctx context.Context, from []corev1.Secret) ([]Restored, error) {
	all, err := s.secrets(ctx)
	if err != nil {
		return nil, err
	}
	have := byKey(all)
	var out []Restored
	for i := range from {
		key, err := sealing.ParseKey(secret.New(from[i].Data[corev1.TLSPrivateKeyKey]))
		if err != nil {
			return out, fmt.Errorf("restore Secret %s: %w", from[i].Name, err)
		}
		there, known := have[key.ID]
		if !known {
			if there, err = s.restore(ctx, key.ID, &from[i]); err != nil {
				return out, err
			}
			have[key.ID] = there
		}
		out = append(out, Restored{Secret: there.Name, There: known, State: state(there)})
	}
	return out, nil
}

// maxNames is how many names are tried: others than the first are needed where
// somebody broke the Secret that had it, say.
const maxNames = 20

func (s *Store) restore(ctx context.Context, key sealing.KeyID, from *corev1.Secret) (*corev1.Secret, error) {
	next := from.DeepCopy()
	next.Namespace = s.namespace
	var err error
	for try := range maxNames {
		var made *corev1.Secret
		made, err = s.client.Secrets(s.namespace).Create(ctx, next, metav1.CreateOptions{FieldManager: "tacit"})
		if err == nil {
			return made, nil
		}
		if !apierrors.IsAlreadyExists(err) {
			break
		}
		next.Name = sealing.KeyName(key, try)
	}
	return nil, fmt.Errorf("restore Secret %s/%s (run it again: what is restored stays): %w", s.namespace, next.Name, err)
}

// Listed is one key of the cluster.
type Listed struct {
	Secret, Fingerprint string
	Made                time.Time
	Expires             time.Time
	// State is "newest" for the key that is sealed for, "active" for one that
	// opens, else what its label says.
	State string
	// Fault is what is broken of it.
	Fault string
}

// List tells of the cluster's keys, the newest first.
func (s *Store) List(ctx context.Context) ([]Listed, error) {
	all, err := s.secrets(ctx)
	if err != nil {
		return nil, err
	}
	ring := sealing.NewKeyring(backup(all), sealing.Options{Namespace: s.namespace})
	if err := ring.Load(ctx); err != nil {
		return nil, err
	}
	newest := ""
	if certs := ring.Certificates(); len(certs) > 0 {
		newest = certs[0].ID.String()
	}
	if len(all) == 0 {
		return nil, s.absent(ctx)
	}
	var out []Listed
	for i := range all {
		l := listed(&all[i], newest)
		for _, f := range ring.Faults() {
			if f.Secret == l.Secret {
				l.Fault = f.Problem
			}
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Listed) int {
		if c := b.Made.Compare(a.Made); c != 0 {
			return c
		}
		return strings.Compare(a.Secret, b.Secret)
	})
	return out, nil
}

func listed(s *corev1.Secret, newest string) Listed {
	l := Listed{Secret: s.Name, Made: s.CreationTimestamp.Time, State: state(s)}
	key, err := sealing.ParseKey(secret.New(s.Data[corev1.TLSPrivateKeyKey]))
	if err != nil {
		l.Fault = "it holds no key that can be used: " + err.Error()
		return l
	}
	l.Fingerprint = key.ID.String()
	if l.State == sealing.KeyActive && l.Fingerprint == newest {
		l.State = "newest"
	}
	if certs, err := sealing.ParseCertificates(s.Data[corev1.TLSCertKey]); err == nil && len(certs) > 0 {
		l.Made, l.Expires = certs[0].NotBefore, certs[0].NotAfter
	}
	return l
}
