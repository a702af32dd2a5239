package seal

import (
	"bytes"
	"context"
	"fmt"
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

// Backup is a backup's text, how many keys it holds, and what was left out.
func (s *Store) Backup(ctx context.Context, to ...age.Recipient) (text []byte, keys int, faults []sealing.Fault, err error) {
	all, err := s.secrets(ctx)
	if err != nil {
		return nil, 0, nil, err
	}
	if len(all) == 0 {
		return nil, 0, nil, fmt.Errorf("there is no key in namespace %s: --namespace says where the operator keeps them", s.namespace)
	}
	var out bytes.Buffer
	faults, err = sealing.Export(&out, all, to...)
	return out.Bytes(), len(all) - len(faults), faults, err
}

// Restored is what became of a key of a backup.
type Restored struct {
	Secret string
	// There reports that the cluster had this very key.
	There bool
}

// Restore makes the keys of a backup. If the cluster has another key under the
// name of one, nothing is made.
func (s *Store) Restore(ctx context.Context, from []corev1.Secret) ([]Restored, error) {
	out := make([]Restored, len(from))
	for i := range from {
		name := from[i].Name
		out[i].Secret = name
		have, err := s.client.Secrets(s.namespace).Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			continue
		case err != nil:
			return nil, fmt.Errorf("look for Secret %s/%s: %w", s.namespace, name, err)
		case !sameKey(have, &from[i]):
			return nil, fmt.Errorf("Secret %s/%s is there and holds something else: it is not overwritten, and nothing was restored; move it away first", s.namespace, name)
		}
		out[i].There = true
	}
	for i := range from {
		if out[i].There {
			continue
		}
		next := from[i].DeepCopy()
		next.Namespace = s.namespace
		if _, err := s.client.Secrets(s.namespace).Create(ctx, next, metav1.CreateOptions{FieldManager: "tacit"}); err != nil {
			return out[:i], fmt.Errorf("restore Secret %s/%s (run it again: what is restored stays): %w", s.namespace, next.Name, err)
		}
	}
	return out, nil
}

func sameKey(a, b *corev1.Secret) bool {
	return a.Type == b.Type && bytes.Equal(a.Data[corev1.TLSPrivateKeyKey], b.Data[corev1.TLSPrivateKeyKey])
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
	l := Listed{Secret: s.Name, Made: s.CreationTimestamp.Time, State: s.Labels[sealing.KeyLabel]}
	if l.State == "" {
		l.State = sealing.KeyActive // the original's first
	}
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
