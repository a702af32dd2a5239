package target

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Privileged reports the types of Secrets that Kubernetes itself acts on: with
// the right annotation it fills in the token of a service account, for whoever
// can read the Secret, and in kube-system it takes one for a credential.
func Privileged(kind string) bool {
	return kind == string(corev1.SecretTypeServiceAccountToken) || kind == string(corev1.SecretTypeBootstrapToken)
}

func privileged(dest *Target, kind corev1.SecretType) bool {
	return dest.kind() == kindSecret && !dest.Privileged && Privileged(string(kind))
}

func untouched(dest *Target, cur state, way string) error {
	return &delivery.Error{Kind: delivery.TargetControlled, Have: string(cur.full.Type), Message: fmt.Sprintf(
		"%s is of type %s, which the cluster itself acts on: %s", dest.ref(), cur.full.Type, way)}
}

// trusted are the ConfigMaps by which a cluster says whom to trust. Its own
// controllers make them, and where one is not there yet, or not in use, nobody
// else may: by namespace, which is empty for all of them.
var trusted = map[types.NamespacedName]bool{
	{Name: "kube-root-ca.crt"}:                                             true,
	{Name: "openshift-service-ca.crt"}:                                     true,
	{Namespace: "kube-system", Name: "extension-apiserver-authentication"}: true,
	{Namespace: "kube-system", Name: "aws-auth"}:                           true, // whom EKS lets in, and as whom
	{Namespace: "kube-public", Name: "cluster-info"}:                       true, // what new nodes trust
}

func reserved(dest *Target) bool {
	return dest.kind() == kindConfigMap &&
		(trusted[types.NamespacedName{Name: dest.Name}] || trusted[types.NamespacedName{Namespace: dest.Namespace, Name: dest.Name}])
}
