package mirrors

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// prefix of all that the original writes on objects.
const prefix = "mirrors.kts.studio/"

// The annotations of copies.
const (
	ownedBy       = prefix + "owned-by"
	lastSyncAt    = prefix + "last-sync-at"
	parentVersion = prefix + "parent-version"
	sourceType    = prefix + "source-type"
	vaultPath     = prefix + "vault-path"
	vaultLease    = prefix + "vault-lease-id"
	vaultLeaseFor = prefix + "vault-lease-duration"
)

// marks are how copies are known. The values are the original's, so that its
// copies count as ours and need no write.
func (t *translation) marks() delivery.Marks {
	m := delivery.Marks{
		Annotations: map[string]string{
			ownedBy:    t.sm.Namespace + "/" + t.sm.Name,
			sourceType: ofSecret,
		},
		Owner:  ownedBy,
		Makers: []string{"manager", "mirrors"},
		Stamps: map[string]delivery.Stamp{lastSyncAt: delivery.StampTime},
		// The original copies it along: a former value in the clear.
		Stale: []string{corev1.LastAppliedConfigAnnotation},
	}
	if !fromVault(t.sm) {
		m.Stamps[parentVersion] = delivery.StampVersion
		m.Stale = append(m.Stale, vaultPath, vaultLease, vaultLeaseFor)
		return m
	}
	// The original writes an empty parent-version here. With that stamp its
	// copies would all be written once, for nothing.
	m.Annotations[sourceType] = ofVault
	if v := t.sm.Spec.Source.Vault; v != nil {
		m.Annotations[vaultPath] = v.Path
	}
	m.Stamps[vaultLease] = delivery.StampLease
	m.Stamps[vaultLeaseFor] = delivery.StampLeaseDuration
	return m
}

// ownerIn reads the annotation that names the owner of a copy.
func ownerIn(value string) (owner types.NamespacedName, ok bool) {
	namespace, name, found := strings.Cut(value, "/")
	if !found || namespace == "" || name == "" || strings.Contains(name, "/") {
		return owner, false
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, true
}

// maxManager is the longest name of a field manager that the API takes.
const maxManager = 128

// fieldManager is the name that the writes of an object appear under.
func fieldManager(namespace, name string) string {
	if full := prefix + namespace + "/" + name; len(full) <= maxManager {
		return full
	}
	return prefix + digest(namespace+"/"+name)
}

// digest shortens what is no secret.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
