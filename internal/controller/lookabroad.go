package controller

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine"
)

// lookout looks after the copies of one kind in one other cluster, which is not
// watched: each look is one list, however many they are.
type lookout struct {
	*deliveryReconciler
	cluster string
	watch   *objects.Watch
	labels  map[string]string
	queue   queue
	log     logr.Logger
	// silent is how many looks in a row failed.
	silent int
	// passed are the versions of what nobody remembers and its owner was told
	// of: it need not be told of the same again. Without one there was no owner.
	passed map[delivery.Place]string
}

// lookAbroad looks into every other cluster, at once and then ever again: what
// was edited or deleted there is put right, and what an owner here does not want
// any longer is taken back.
//
// Copies of an owner that is not here stay. It may have gone while nobody
// looked; or it may be another cluster's that was given the same name, or this
// one may be about to get it. Nothing tells these apart.
func (r *deliveryReconciler) lookAbroad(ctx context.Context, watch *objects.Watch, q queue) {
	lang, ok := r.dialect.(dialect.Abroad)
	if !ok || len(lang.AbroadLabels()) == 0 || r.Clusters == nil || synced(ctx, watch) != nil {
		return
	}
	looked := map[string]context.CancelFunc{}
	var all sync.WaitGroup
	defer all.Wait()
	for {
		names := r.Clusters.Names()
		for _, name := range names {
			if looked[name] != nil {
				continue
			}
			one, cancel := context.WithCancel(ctx)
			looked[name] = cancel
			l := &lookout{deliveryReconciler: r, cluster: name, watch: watch, labels: lang.AbroadLabels(), queue: q,
				log: r.Log.WithValues("cluster", name, "kind", watch.Kind())}
			all.Go(func() { l.run(one) })
		}
		for name, cancel := range looked {
			if !slices.Contains(names, name) {
				cancel()
				delete(looked, name)
			}
		}
		if !pause(ctx, r.LookAbroad) {
			return
		}
	}
}

// pause waits, and reports false if that was cut short.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *lookout) run(ctx context.Context) {
	for first := true; ; first = false {
		err := l.look(ctx)
		wait := l.LookAbroad
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if l.silent++; l.silent == 1 {
				l.log.Info("copies in another cluster cannot be looked after until it answers", "error", err)
			}
			wait = min(retryAfter(l.silent, asFailure(err)), wait)
		case l.silent > 0 || first:
			if l.silent > 0 {
				l.log.Info("copies in another cluster are looked after again")
			}
			l.silent = 0
			l.wakeFailing(ctx)
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// look compares what is there with what the runs left.
func (l *lookout) look(ctx context.Context) error {
	// Before the list, which so has all of it that is there still.
	left := l.memories.abroad(l.cluster)
	found, err := l.Clusters.Find(ctx, l.cluster, l.watch.Kind(), l.labels)
	if err != nil {
		return err
	}
	there, passed := make(map[delivery.Place]bool, len(found)), map[delivery.Place]string{}
	for i := range found {
		obj := &found[i]
		p := delivery.Place{Cluster: l.cluster, Namespace: obj.Namespace, Name: obj.Name}
		owner, ok := l.ownerOf(&obj.ObjectMeta)
		if !ok {
			continue
		}
		there[p] = true
		if known := l.memories.left(owner, p).Version; known == "" {
			passed[p] = l.stranger(owner, p, obj)
		} else if known != unread && !l.memories.left(owner, p).Knows(obj) {
			l.tell(owner, engine.Spot{Place: p, Seen: obj})
		}
	}
	for owner, traces := range left {
		for _, t := range traces {
			if !there[t.in] && t.left.Version != "" && t.left.Version != unread {
				l.tell(owner, engine.Spot{Place: t.in})
			}
		}
	}
	l.passed = passed
	return nil
}

// stranger looks at what nobody remembers to have made there: its owner has yet
// to run, or wants it no longer. It returns the version that the owner was told
// of, if there is one.
func (l *lookout) stranger(owner types.NamespacedName, p delivery.Place, obj *metav1.PartialObjectMetadata) string {
	version, known := l.passed[p]
	if l.watch.Get(owner.Namespace, owner.Name) == nil && l.memories.uid(owner) == "" {
		if !known || version != "" {
			l.log.Info("a copy's source is not here; delete the copy if nobody needs it",
				"copy", p.Namespace+"/"+p.Name, "source", owner.String())
		}
		return ""
	}
	if version != obj.ResourceVersion {
		l.tell(owner, engine.Spot{Place: p, Seen: obj})
	}
	return obj.ResourceVersion
}

func (l *lookout) tell(owner types.NamespacedName, p engine.Spot) {
	l.abroad.add(owner, p)
	l.wake(l.queue, owner, wake{asked: l.Now()})
}

// wakeFailing has those try again that may have failed for the cluster's sake,
// which answers now.
func (l *lookout) wakeFailing(ctx context.Context) {
	for _, name := range l.objects.find(ctx, every) {
		if !l.memories.failing(name) {
			continue
		}
		obj, err := l.objects.get(ctx, name)
		if err != nil {
			continue
		}
		plan, err := l.dialect.Translate(obj)
		if err == nil && plan.Destination.Spread != nil && slices.Contains(plan.Destination.Spread.Clusters, l.cluster) {
			l.wake(l.queue, name, wake{asked: l.Now(), force: true})
		}
	}
}
