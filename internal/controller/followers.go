package controller

import (
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// unserved are the followers of each source that get nothing, and what each was
// told of it. The zero value is ready.
type unserved struct {
	mu sync.Mutex
	by map[types.NamespacedName]map[types.NamespacedName]string
}

// news notes who gets nothing now, and returns those who do not know yet.
func (u *unserved) news(source types.NamespacedName, now map[types.NamespacedName]string) []types.NamespacedName {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.by[source]
	if len(now) == 0 {
		delete(u.by, source)
		return nil
	}
	if u.by == nil {
		u.by = map[types.NamespacedName]map[types.NamespacedName]string{}
	}
	u.by[source] = now
	var news []types.NamespacedName
	for name, why := range now {
		if before[name] != why {
			news = append(news, name)
		}
	}
	return news
}

// tellFollowers tells those whom the source does not serve, and who would hear
// of it nowhere else: the source may know nothing of them, or not be there.
func (r *deliveryReconciler) tellFollowers(source types.NamespacedName, dest *delivery.Destination, served []engine.Spot) {
	watch := r.watchOf(dest.Kind)
	if len(dest.Marks.Follow) == 0 || !watch.Sees(source.Namespace) {
		return
	}
	why := fmt.Sprintf("%s %s does not exist", watch.Kind(), source)
	switch {
	case dest.Spread != nil && len(dest.Spread.Within) > 0:
		why = fmt.Sprintf("%s %s does not allow this namespace by its annotation %s", watch.Kind(), source, dest.Spread.Within[0].Field)
	case dest.Spread != nil:
		why = fmt.Sprintf("%s %s is not copied into this namespace", watch.Kind(), source)
	case watch.Get(source.Namespace, source.Name) != nil:
		why = fmt.Sprintf("%s %s does not let others follow it: its own annotations must allow that, and no copy can", watch.Kind(), source)
	}
	now := map[types.NamespacedName]string{}
	for _, name := range r.owned(watch, source) {
		p := delivery.Place{Namespace: name.Namespace, Name: name.Name}
		isServed := slices.ContainsFunc(served, func(s engine.Spot) bool { return s.Place == p })
		if name != source && !isServed && r.spot(dest, p, target.Memory{}).Follower {
			now[name] = why
		}
	}
	for _, name := range r.unserved.news(source, now) {
		if obj := watch.Get(name.Namespace, name.Name); obj != nil && obj.DeletionTimestamp == nil {
			out := delivery.Outcome{Result: delivery.Failed, Err: problem(delivery.SourceMissing, "it is not filled: "+why), At: r.Now()}
			r.emit(obj, r.dialect.Report(obj, out, r.Now()))
		}
	}
}
