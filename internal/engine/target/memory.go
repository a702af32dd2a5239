package target

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Memory is what we know of a Secret since we wrote it or found it right. It
// holds no value, and is lost at a restart without harm: then the Secret is
// read once and compared. The zero Memory knows nothing.
type Memory struct {
	// Name of the Secret, and the version in which it was as desired.
	Name, Version string
	// Digest of everything that was desired.
	Digest secret.Digest
	// Frozen: the Secret is immutable as asked, and holds something else
	// than desired.
	Frozen bool
	// Immutable: the API server lets nobody change its data.
	Immutable bool
	// Empty: it holds no data.
	Empty bool
	// Type that was desired.
	Type string
	// Labels, Annotations and Stamps are the keys that we set.
	Labels, Annotations, Stamps []string
}

// Knows reports that the Secret as seen is the one remembered, or an older
// state of it because the watch lags behind our own write.
func (m Memory) Knows(seen *metav1.PartialObjectMetadata) bool {
	return m.Name == seen.Name && m.Version != "" && (m.Version == seen.ResourceVersion || Older(seen.ResourceVersion, m.Version))
}

// Older reports whether resource version a came before b. What cannot be
// ordered is not older.
func Older(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

// digest is over everything that an update could write.
func (w *Writer) digest(dest *Target, want Desired) secret.Digest {
	all := make(secret.Data, len(want.Data)+len(want.Labels)+len(want.Annotations)+2)
	for k, v := range want.Data {
		all["d/"+k] = v
	}
	for k, v := range want.Labels {
		all["l/"+k] = secret.NewString(v)
	}
	for k, v := range want.Annotations {
		all["a/"+k] = secret.NewString(v)
	}
	all["type"] = secret.NewString(want.Type)
	all["terms"] = secret.NewString(fmt.Sprint(dest.Creation, dest.Immutable, dest.Owner.UID, dest.Finalizers))
	return w.Key.Digest(all)
}

// remember is the Memory of a Secret that is as desired.
func remember(s *corev1.Secret, want Desired, digest secret.Digest) Memory {
	return Memory{Name: s.Name, Version: s.ResourceVersion, Digest: digest,
		Immutable: immutable(s), Empty: len(s.Data) == 0,
		Type: want.Type, Labels: sortedKeys(want.Labels), Annotations: sortedKeys(want.Annotations), Stamps: sortedKeys(want.Stamps)}
}

// Recognise reads a Secret that somebody wrote to, and reports whether it is
// still as remembered, others' labels and annotations aside. Then mem is what
// to remember from now on.
func (w *Writer) Recognise(ctx context.Context, dest *Target) (Memory, bool) {
	mem := dest.Memory
	if mem.Version == "" || mem.Name != dest.Name || mem.Frozen || dest.merges() {
		return mem, false
	}
	objs, err := w.objects(ctx, dest)
	if err != nil {
		return mem, false
	}
	got, err := objs.get(ctx, dest.Name)
	if err != nil || got.DeletionTimestamp != nil {
		return mem, false // the run that follows finds out
	}
	if dest.on(&got.ObjectMeta).merges() {
		return mem, false
	}
	if dest.Creation == delivery.Owner && controller(&got.ObjectMeta, dest) != ours {
		return mem, false
	}
	if dest.Creation == delivery.Marked && marked(dest, got) != ours {
		return mem, false
	}
	if labels, annotations := w.strange(dest, &got.ObjectMeta); len(labels)+len(annotations) > 0 {
		return mem, false
	}
	for _, key := range mem.Stamps {
		if got.Annotations[key] == "" {
			return mem, false
		}
	}
	is := Desired{Type: mem.Type, Data: secret.FromMap(got.Data), Labels: pick(got.Labels, mem.Labels), Annotations: pick(got.Annotations, mem.Annotations)}
	if w.digest(dest, is) != mem.Digest {
		return mem, false
	}
	mem.Version, mem.Immutable = got.ResourceVersion, immutable(got)
	return mem, true
}

// pick returns the entries of m under the keys.
func pick(m map[string]string, keys []string) map[string]string {
	out := map[string]string{}
	for _, k := range keys {
		if v, ok := m[k]; ok {
			out[k] = v
		}
	}
	return out
}

func sortedKeys(m map[string]string) []string {
	if len(m) == 0 {
		return nil
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
