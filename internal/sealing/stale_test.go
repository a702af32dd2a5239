package sealing

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lister answers each list with the same.
type lister struct {
	Secrets
	list corev1.SecretList
}

func (l lister) List(context.Context, metav1.ListOptions) (*corev1.SecretList, error) {
	return &l.list, nil
}

// TestAListThatWasOvertakenByTheWatchChangesNothing: a key that went meanwhile
// does not come back.
func TestAListThatWasOvertakenByTheWatchChangesNothing(t *testing.T) {
	t.Parallel()
	key, cert, err := Generate(2048, time.Unix(1_800_000_000, 0), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := keySecret("k", key, &cert)
	for version, want := range map[string]int{"9": 0, "10": 1, "11": 1} {
		list := corev1.SecretList{ListMeta: metav1.ListMeta{ResourceVersion: version}, Items: []corev1.Secret{*s}}
		r := NewKeyring(lister{list: list}, Options{})
		r.take(nil, nil, "10", "8")
		if err := r.Load(t.Context()); err != nil || len(r.Keys()) != want {
			t.Errorf("a list of version %s: %d keys, want %d; %v", version, len(r.Keys()), want, err)
		}
	}
}
