package rollouts

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/engine/target"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// digests reads Secrets and ConfigMaps, and remembers the keyed digest of each
// version: an object that many workloads use is read once a change. Of what is
// gone, and of what no workload uses, it remembers nothing.
type digests struct {
	core    corev1client.CoreV1Interface
	runner  *rollout.Runner
	objects watches
	wanted  func(delivery.ObjectRef) bool
	flights singleflight.Group

	mu sync.Mutex
	by map[delivery.ObjectRef]content
}

// content is an object's data, so far as it matters here.
type content struct {
	gone            bool
	version, digest string
	// tags are there after a read alone, and never remembered: an annotation of
	// `kubectl apply` has the data of a Secret.
	tags tags
}

func newDigests(core corev1client.CoreV1Interface, runner *rollout.Runner, objects watches, wanted func(delivery.ObjectRef) bool) *digests {
	return &digests{core: core, runner: runner, objects: objects, wanted: wanted, by: map[delivery.ObjectRef]content{}}
}

// of returns the object at the version that the watch knows, or a newer one.
// What the watch does not know is read.
func (d *digests) of(ctx context.Context, ref delivery.ObjectRef, meta *metav1.PartialObjectMetadata) (content, error) {
	known := ""
	if meta != nil {
		known = meta.ResourceVersion
	}
	if got, fresh := d.recall(ref, known); fresh {
		return got, nil
	}
	// Who knows the same version has asked for what is at least as new.
	read, err, _ := d.flights.Do(ref.String()+"@"+known, func() (any, error) { return d.read(ctx, ref) })
	if err != nil {
		return content{}, err
	}
	got := read.(content)
	d.remember(ref, got)
	return got, nil
}

// recall returns what is remembered, and whether that is as new as a version
// that is known.
func (d *digests) recall(ref delivery.ObjectRef, known string) (content, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	got, ok := d.by[ref]
	return got, ok && known != "" && (got.version == known || target.Older(known, got.version))
}

func (d *digests) remember(ref delivery.ObjectRef, got content) {
	got.tags = tags{}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case got.gone || !d.worth(ref):
		delete(d.by, ref)
	case !target.Older(got.version, d.by[ref].version):
		d.by[ref] = got
	}
}

// worth reports that the object is there, and used. It is asked under the
// lock, by who remembers as by who hears that one of both has ended: whichever
// comes last knows.
func (d *digests) worth(ref delivery.ObjectRef) bool {
	return d.objects.get(ref) != nil && d.wanted(ref)
}

// tidy forgets the object if it is not worth remembering any more.
func (d *digests) tidy(ref delivery.ObjectRef) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.by[ref]; ok && !d.worth(ref) {
		delete(d.by, ref)
	}
}

// release forgets what only that workload used, as it was; nil used nothing.
func (d *digests) release(e *entry) {
	if e == nil {
		return
	}
	refs := e.refs()
	if e.matches() {
		d.mu.Lock()
		for ref := range d.by {
			if ref.Namespace == e.Namespace && e.matchesName(ref) {
				refs = append(refs, ref)
			}
		}
		d.mu.Unlock()
	}
	for _, ref := range refs {
		d.tidy(ref)
	}
}

func (d *digests) read(ctx context.Context, ref delivery.ObjectRef) (content, error) {
	got, err := target.Read(ctx, d.core, ref)
	switch {
	case apierrors.IsNotFound(err):
		return content{gone: true}, nil
	case apierrors.IsForbidden(err):
		return content{}, unread(err, "the API server forbids the operator to read %s: it needs get on that kind", ref)
	case err != nil:
		return content{}, unread(err, "the API server did not read %s", ref)
	}
	data := make(secret.Data, len(got.Data))
	for k, v := range got.Data {
		// Pods see no difference between the two parts of a ConfigMap.
		data[strings.TrimPrefix(k, target.Binary)] = secret.New(v)
	}
	return content{version: got.ResourceVersion, digest: d.runner.Digest(ref, data), tags: tags{got.Labels, got.Annotations}}, nil
}

func unread(cause error, format string, ref delivery.ObjectRef) error {
	return &delivery.Error{Kind: delivery.RolloutFailed, Message: fmt.Sprintf(format, ref), Err: cause}
}
