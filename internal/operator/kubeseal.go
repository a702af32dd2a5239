package operator

import (
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tacit-secrets/tacit/internal/dialect/sealedsecrets"
	"github.com/tacit-secrets/tacit/internal/sealing/server"
)

// addKubeseal serves kubeseal with the keys, unless no address is given.
func addKubeseal(mgr ctrl.Manager, k *keys, o Options) error {
	if o.SealedAddress == "" || o.SealedAddress == "0" {
		return nil
	}
	err := mgr.Add(server.New(server.Options{
		Address: o.SealedAddress, Keys: k.ring.Discreet(), Kind: sealedsecrets.SealedSecrets(), Log: mgr.GetLogger().WithName("kubeseal"),
	}))
	if err != nil {
		return fmt.Errorf("add the endpoints for kubeseal: %w", err)
	}
	return nil
}
