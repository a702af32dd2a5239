package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// errOtherClass: the store is for another controller, and so is whoever
// names it.
var errOtherClass = errors.New("store of another controller class")

// errWait: the store has not been validated yet; it wakes us when it is.
var errWait = errors.New("store not validated yet")

// access says which stores an object may use, as they are in the cache now.
type access struct {
	reader        client.Reader
	kinds         map[string]dialect.Stores
	matcher       *spread.Matcher
	class         string
	clusterScoped bool
}

// stores resolves every store that the plan names. The error is errOtherClass,
// errWait or a *delivery.Error.
func (a *access) stores(ctx context.Context, plan *delivery.Delivery) (map[delivery.StoreRef]*delivery.Store, error) {
	out := map[delivery.StoreRef]*delivery.Store{}
	for _, ref := range plan.Stores() {
		if store := inline(plan, ref); store != nil {
			out[ref] = store
			continue
		}
		store, state, err := a.store(ctx, ref)
		if err != nil {
			return nil, err
		}
		if err := a.admit(ctx, store, plan.Object.Namespace); err != nil {
			return nil, err
		}
		switch {
		case !state.Known:
			return nil, errWait
		case !state.Ready:
			return nil, problem(delivery.StoreNotReady, fmt.Sprintf("%s is not ready: %s", ref, state.Message))
		}
		out[ref] = store
	}
	return out, nil
}

// inline is a store that the manifest itself describes, nil if it does not.
func inline(plan *delivery.Delivery, ref delivery.StoreRef) *delivery.Store {
	for i := range plan.Inline {
		if plan.Inline[i].Ref == ref {
			return &plan.Inline[i]
		}
	}
	return nil
}

// denied reports that a store's conditions shut the object's namespace out.
func (a *access) denied(ctx context.Context, plan *delivery.Delivery) bool {
	_, err := a.stores(ctx, plan)
	return delivery.KindOf(err) == delivery.StoreDenied
}

// fingerprint tells the stores of the plan, as they are, from any others.
func (a *access) fingerprint(ctx context.Context, plan *delivery.Delivery) string {
	var all strings.Builder
	for _, ref := range plan.Stores() {
		if kind := a.kinds[ref.Kind]; kind != nil {
			obj := kind.Kind().New()
			if a.reader.Get(ctx, types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}, obj) == nil {
				fmt.Fprintf(&all, "%s/%d ", obj.GetUID(), obj.GetGeneration())
			}
		}
	}
	return all.String()
}

// store reads and translates one store.
func (a *access) store(ctx context.Context, ref delivery.StoreRef) (*delivery.Store, dialect.State, error) {
	var none dialect.State
	kind := a.kinds[ref.Kind]
	if kind == nil {
		return nil, none, problem(delivery.StoreMissing, fmt.Sprintf("could not get %s: %s", ref, a.absent(ref)))
	}
	obj := kind.Kind().New()
	if err := a.reader.Get(ctx, types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}, obj); err != nil {
		if client.IgnoreNotFound(err) != nil {
			return nil, none, err
		}
		where := ""
		if ref.Namespace != "" {
			where = " in namespace " + ref.Namespace
		}
		return nil, none, problem(delivery.StoreMissing, fmt.Sprintf("could not get %s: it does not exist%s", ref, where))
	}
	store, err := kind.Translate(obj)
	if otherClass(&store, a.class) {
		return nil, none, errOtherClass
	}
	state := kind.State(obj)
	if err != nil {
		// Its own status says why; until then, wait for it.
		state.Ready = false
	}
	return &store, state, nil
}

func (a *access) absent(ref delivery.StoreRef) string {
	if !a.clusterScoped {
		return "this operator runs for single namespaces and reads no cluster-scoped stores; use a SecretStore"
	}
	return "the kind " + ref.Kind + " is not served here"
}

func otherClass(store *delivery.Store, class string) bool {
	return store.Class != "" && store.Class != class
}

// admit checks the store's own conditions on namespaces.
func (a *access) admit(ctx context.Context, store *delivery.Store, namespace string) error {
	if len(store.Allow) == 0 || store.Ref.Namespace != "" {
		return nil
	}
	var nsLabels map[string]string
	if slices.ContainsFunc(store.Allow, func(r delivery.NamespaceRule) bool { return r.HasSelector }) && a.clusterScoped {
		ns := partial("Namespace")
		// A namespace that the watch has not brought yet matches no
		// selector; it wakes its objects when it comes.
		if err := a.reader.Get(ctx, types.NamespacedName{Name: namespace}, ns); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("read namespace %s: %w", namespace, err)
		} else if err == nil {
			if nsLabels = ns.Labels; nsLabels == nil {
				nsLabels = map[string]string{}
			}
		}
	}
	if a.matcher.Admits(store.Allow, spread.Namespace{Name: namespace, Labels: nsLabels}) {
		return nil
	}
	return problem(delivery.StoreDenied, fmt.Sprintf(
		"using cluster store %q is not allowed from namespace %q: denied by spec.condition", store.Ref.Name, namespace))
}

// reader reads stores for one object, no older than it asked.
type reader struct {
	broker    *broker.Broker
	stores    map[delivery.StoreRef]*delivery.Store
	namespace string
	asked     time.Time
}

// Read implements fetch.Reader.
func (r *reader) Read(ctx context.Context, store delivery.StoreRef, ref backend.Ref) (backend.Document, error) {
	return r.broker.Read(ctx, r.stores[store], r.namespace, ref, r.asked)
}

// Find implements fetch.Reader.
func (r *reader) Find(ctx context.Context, store delivery.StoreRef, q backend.Query) ([]backend.Ref, error) {
	return r.broker.Find(ctx, r.stores[store], r.namespace, q, r.asked)
}

// Write implements engine.Stores.
func (r *reader) Write(ctx context.Context, store delivery.StoreRef, key string, data secret.Data) (bool, error) {
	return r.broker.Write(ctx, r.stores[store], r.namespace, key, data)
}

// Renew implements engine.Stores.
func (r *reader) Renew(ctx context.Context, store delivery.StoreRef, lease delivery.Lease) (delivery.Lease, error) {
	return r.broker.Renew(ctx, r.stores[store], r.namespace, lease)
}

// Revoke implements engine.Stores.
func (r *reader) Revoke(ctx context.Context, store delivery.StoreRef, id string) error {
	return r.broker.Revoke(ctx, r.stores[store], r.namespace, id)
}
