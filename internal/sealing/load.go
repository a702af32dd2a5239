package sealing

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// Load reads the keys as they are in the cluster now. If that fails, those
// that are known stay; and so they do if the watch has brought newer ones
// meanwhile.
func (r *Keyring) Load(ctx context.Context) error {
	marked, version, err := r.list(ctx, onlyMarked)
	if err != nil {
		return r.unreadable(err)
	}
	first, _, err := r.list(ctx, r.onlyFirst)
	if err != nil {
		return r.unreadable(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.upTo == "" || !newer(r.upTo, version) {
		r.set(joined(marked, first))
	}
	return nil
}

func (r *Keyring) list(ctx context.Context, narrow func(*metav1.ListOptions)) (secrets []*corev1.Secret, version string, err error) {
	var opts metav1.ListOptions
	narrow(&opts)
	list, err := r.secrets.List(ctx, opts)
	if err != nil {
		return nil, "", err
	}
	for i := range list.Items {
		secrets = append(secrets, &list.Items[i])
	}
	return secrets, list.ResourceVersion, nil
}

// onlyMarked narrows to the keys with the label, whatever it says.
func onlyMarked(o *metav1.ListOptions) { o.LabelSelector = KeyLabel }

// onlyFirst narrows to the key that the original made when it did not mark them
// yet.
func (r *Keyring) onlyFirst(o *metav1.ListOptions) {
	o.FieldSelector = "metadata.name=" + r.opts.Prefix
}

func (r *Keyring) unreadable(err error) error {
	return fmt.Errorf("read the keys in namespace %s: %w", r.opts.Namespace, err)
}

// Watch keeps the ring as the cluster's key Secrets are, until ctx ends. A
// connection that is lost is made again.
func (r *Keyring) Watch(ctx context.Context) error {
	touched := make(chan struct{}, 1)
	touch := func() {
		select {
		case touched <- struct{}{}:
		default: // one more is on its way already
		}
	}
	marked, readMarked := r.informer(onlyMarked, touch)
	first, readFirst := r.informer(r.onlyFirst, touch)
	var done sync.WaitGroup
	done.Go(func() { readMarked.RunWithContext(ctx) })
	done.Go(func() { readFirst.RunWithContext(ctx) })
	defer done.Wait()
	// Before all keys are there, a ring of some would fail what opens.
	if !cache.WaitForCacheSync(ctx.Done(), readMarked.HasSynced, readFirst.HasSynced) {
		return nil
	}
	for touch(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-touched:
			r.take(marked.List(), first.List(), readMarked.LastSyncResourceVersion(), readFirst.LastSyncResourceVersion())
		}
	}
}

// informer reads those Secrets that the options are narrowed to, and calls touch
// whenever one of them changes.
func (r *Keyring) informer(narrow func(*metav1.ListOptions), touch func()) (cache.Store, cache.Controller) {
	return cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: plainList{&cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
				narrow(&opts)
				return r.secrets.List(ctx, opts)
			},
			WatchFuncWithContext: func(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
				narrow(&opts)
				return r.secrets.Watch(ctx, opts)
			},
		}},
		ObjectType: &corev1.Secret{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { touch() },
			UpdateFunc: func(any, any) { touch() },
			DeleteFunc: func(any) { touch() },
		},
	})
}

// plainList has the keys listed and then watched. Client-go would else have
// the watch begin with them, which saves memory where there are many.
type plainList struct{ *cache.ListWatch }

// IsWatchListSemanticsUnSupported is how client-go asks for it.
func (plainList) IsWatchListSemanticsUnSupported() bool { return true }

// take makes a ring of what the watches have seen, up to these versions.
func (r *Keyring) take(marked, first []any, upTo ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, version := range upTo {
		if newer(version, r.upTo) {
			r.upTo = version
		}
	}
	r.set(joined(secretsOf(marked), secretsOf(first)))
}

// newer reports that version a comes after b, or that b is none.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return b == "" || err == nil && order > 0
}

func secretsOf(objects []any) []*corev1.Secret {
	var out []*corev1.Secret
	for _, o := range objects {
		if s, ok := o.(*corev1.Secret); ok {
			out = append(out, s)
		}
	}
	return out
}

// joined adds the original's first key to those that are marked. It may be among
// them, or just have been marked: what its label says counts, see labelOf.
func joined(marked, first []*corev1.Secret) []*corev1.Secret {
	for _, s := range first {
		if !slices.ContainsFunc(marked, func(m *corev1.Secret) bool { return m.Name == s.Name }) {
			marked = append(marked, s)
		}
	}
	return marked
}

// set makes the ring of these Secrets. The caller holds r.mu.
func (r *Keyring) set(all []*corev1.Secret) {
	next := ring{loaded: true, turn: r.ring.turn, lost: r.ring.lost}
	seen := make(map[string]parsed, len(all))
	for _, s := range all {
		p := r.parse(s)
		seen[s.Name] = p
		if labelOf(s) != KeyActive {
			if p.key != nil {
				next.retired = append(next.retired, *p.key)
			}
			continue // what is broken of it hurts nobody
		}
		if p.fault != nil {
			next.faults = append(next.faults, *p.fault)
		}
		if p.key != nil {
			next.keys = append(next.keys, *p.key)
		}
	}
	r.parsed = seen
	slices.SortFunc(next.faults, func(a, b Fault) int { return strings.Compare(a.Secret, b.Secret) })
	next.keys, next.retired = ordered(next.keys), ordered(next.retired)
	next.retired = slices.DeleteFunc(next.retired, func(k ringKey) bool { return holds(next.keys, k.ID) })
	if slices.ContainsFunc(r.ring.keys, func(k ringKey) bool { return !holds(next.keys, k.ID) }) {
		next.lost++
	}
	others := !r.ring.loaded || !same(next.keys, r.ring.keys) || !same(next.retired, r.ring.retired)
	if others {
		next.turn++
		close(r.changed)
		r.changed = make(chan struct{})
	}
	if others || !slices.Equal(next.faults, r.ring.faults) || !slices.EqualFunc(next.keys, r.ring.keys, sameCertificate) {
		close(r.noted)
		r.noted = make(chan struct{})
	}
	r.ring = next
}

// parse reads a Secret, if that was not done at this version.
func (r *Keyring) parse(s *corev1.Secret) parsed {
	p, ok := r.parsed[s.Name]
	if !ok || s.ResourceVersion == "" || p.version != s.ResourceVersion {
		p = parsed{version: s.ResourceVersion}
		p.key, p.fault = readKey(s)
	}
	return p
}

func holds(keys []ringKey, id KeyID) bool {
	return slices.ContainsFunc(keys, func(k ringKey) bool { return k.ID == id })
}

func same(a, b []ringKey) bool {
	return slices.EqualFunc(a, b, func(a, b ringKey) bool { return a.ID == b.ID && a.label == b.label })
}

func sameCertificate(a, b ringKey) bool {
	if a.cert == nil || b.cert == nil {
		return a.cert == b.cert
	}
	return bytes.Equal(a.cert.der, b.cert.der)
}

// ordered takes each key once, from a Secret with its certificate if there is
// one, and sorts the newest first.
func ordered(keys []ringKey) []ringKey {
	var out []ringKey
	for _, k := range keys {
		i := slices.IndexFunc(out, func(o ringKey) bool { return o.ID == k.ID })
		switch {
		case i < 0:
			out = append(out, k)
		case k.cert != nil && (out[i].cert == nil || k.secret < out[i].secret):
			out[i] = k
		}
	}
	slices.SortFunc(out, func(a, b ringKey) int {
		if c := b.since.Compare(a.since); c != 0 {
			return c
		}
		return strings.Compare(b.secret, a.secret)
	})
	return out
}
