// Package vaultsyncstatus is the language of stable.example.com/v1:
// VaultSyncStatus, which restarts a Deployment when a secret in Vault changes.
//
// It looks at the secret's metadata alone, and compares the time of the last
// update with spec.timeStamp, as the original does. Two things differ. Which
// Deployment may be restarted is a question of consent: one of the object's
// own namespace. And what goes wrong is an Error in the status; it restarts
// nothing.
package vaultsyncstatus

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vssv1 "github.com/tacit-secrets/tacit/api/vaultsyncstatus/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Options of the language: what the original's operator is told by its
// environment.
type Options struct {
	// Vault is where the secrets are and how the operator logs in there, with
	// credentials of its own. Mount and KV are the objects' to say. Without a
	// Server every object says so.
	Vault delivery.VaultConfig
	// AnyNamespace lets every object restart Deployments of all namespaces, as
	// the original does.
	AnyNamespace bool
	// Interval between two looks at Vault; 0 is the original's, a minute.
	Interval time.Duration
}

// defaultInterval is how often the original looks.
const defaultInterval = time.Minute

// kopfFinalizer is what the original's framework puts on the objects that its
// timers serve.
const kopfFinalizer = "kopf.zalando.org/KopfFinalizerMarker"

// VaultSyncStatuses returns the kind VaultSyncStatus.
func VaultSyncStatuses(opts Options) dialect.Deliveries {
	if opts.Interval <= 0 {
		opts.Interval = defaultInterval
	}
	// The objects name the engine, and it has metadata in version 2 alone.
	opts.Vault.Mount, opts.Vault.KV = "", 2
	return vaultSyncStatuses{opts}
}

type vaultSyncStatuses struct{ opts Options }

func kind() schema.GroupVersionKind {
	return vssv1.GroupVersion().WithKind(vssv1.VaultSyncStatusKind)
}

// Kind implements dialect.Deliveries.
func (vaultSyncStatuses) Kind() dialect.Kind {
	return dialect.Kind{
		GVK:        kind(),
		Namespaced: true,
		New:        func() client.Object { return &vssv1.VaultSyncStatus{} },
		NewList:    func() client.ObjectList { return &vssv1.VaultSyncStatusList{} },
		Finalizers: []string{kopfFinalizer},
		Whole:      true,
	}
}

// Translate implements dialect.Deliveries.
func (d vaultSyncStatuses) Translate(obj client.Object) (delivery.Delivery, error) {
	v, ok := obj.(*vssv1.VaultSyncStatus)
	if !ok {
		return delivery.Delivery{}, dialect.WrongKind(vssv1.VaultSyncStatusKind, obj)
	}
	var p dialect.Problems
	plan := delivery.Delivery{
		Object:      dialect.Object(kind(), v),
		Sources:     []delivery.Source{source(&p, v)},
		Destination: delivery.Destination{Creation: delivery.None, Deletion: delivery.Retain},
		Rollout:     rollout(&p, v, d.opts.AnyNamespace),
		Schedule:    d.schedule(v),
	}
	if d.opts.Vault.Server == "" {
		p.Note(delivery.Unsupported, "spec.secretEngine", "the operator has not been told which Vault to look at for VaultSyncStatus objects; "+
			"start it with --vault-url (or VAULT_URL) and --vault-token-file or --vault-role")
	} else {
		plan.Inline = []delivery.Store{{Ref: store(), Config: d.opts.Vault}}
	}
	return plan, p.Err()
}

// store is the operator's Vault, the same for every object: one session and
// one read a path serve them all.
func store() delivery.StoreRef {
	return delivery.StoreRef{Kind: vssv1.VaultSyncStatusKind, Name: "vault"}
}

// schedule asks again every interval. The time stamp is no part of the
// fingerprint: it is what a run writes, and must not cause the next.
func (d vaultSyncStatuses) schedule(v *vssv1.VaultSyncStatus) delivery.Schedule {
	spec, status := &v.Spec, &v.Status.VaultSync
	s := delivery.Schedule{
		Policy:      delivery.Periodic,
		Interval:    d.opts.Interval,
		Fingerprint: fingerprint(spec.DeployNamespace, spec.DeployName, spec.SecretEngine, spec.SecretPath),
		Failing:     status.SyncStatus == statusError,
	}
	// The original notes no time, so that what it wrote is no proof.
	if at := status.LastSync; at != nil && !at.IsZero() && status.SyncStatus != "" {
		s.LastRun = at.Time
		s.Current = status.ObservedGeneration == v.Generation
	}
	return s
}
