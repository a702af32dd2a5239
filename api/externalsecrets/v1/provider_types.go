package v1

import (
	"encoding/json"
	"fmt"
	"maps"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// SecretStoreProvider is the one store that is reached. Providers beside
// those named here are kept as they are, and refused.
type SecretStoreProvider struct {
	// HashiCorp Vault or OpenBao, its KV engine.
	// +optional
	Vault *VaultProvider `json:"vault,omitempty"`

	// A config of a Doppler project.
	// +optional
	Doppler *DopplerProvider `json:"doppler,omitempty"`

	// Secrets in a namespace of this or another cluster.
	// +optional
	Kubernetes *KubernetesProvider `json:"kubernetes,omitempty"`

	// Values that stand in this object, for trying things out.
	// +optional
	Fake *FakeProvider `json:"fake,omitempty"`

	// Unserved holds all other providers by name, so that they can be told
	// to the user and survive when the object is written back.
	Unserved map[string]apiextensionsv1.JSON `json:"-"`
}

// served has the fields of a SecretStoreProvider without its methods.
type served SecretStoreProvider

// UnmarshalJSON implements json.Unmarshaler.
func (p *SecretStoreProvider) UnmarshalJSON(b []byte) error {
	var known served
	if err := json.Unmarshal(b, &known); err != nil {
		return fmt.Errorf("decode provider: %w", err)
	}
	var all map[string]apiextensionsv1.JSON
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("decode provider: %w", err)
	}
	maps.DeleteFunc(all, func(name string, v apiextensionsv1.JSON) bool {
		switch name {
		case "vault", "doppler", "kubernetes", "fake":
			return true
		}
		return string(v.Raw) == "null"
	})
	if len(all) > 0 {
		known.Unserved = all
	}
	*p = SecretStoreProvider(known)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (p SecretStoreProvider) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(served(p))
	if err != nil || len(p.Unserved) == 0 {
		return b, err
	}
	all := maps.Clone(p.Unserved)
	var known map[string]apiextensionsv1.JSON
	if err := json.Unmarshal(b, &known); err != nil {
		return nil, fmt.Errorf("encode provider: %w", err)
	}
	maps.Copy(all, known)
	return json.Marshal(all)
}

// FakeProvider is a store whose content stands here.
type FakeProvider struct {
	// The secrets.
	Data []FakeProviderData `json:"data"`

	// How the check of the store ends: 0 ready, 1 unknown, 2 error.
	// +optional
	ValidationResult *int64 `json:"validationResult,omitempty"`
}

// FakeProviderData is one secret.
type FakeProviderData struct {
	// Name of the secret.
	Key string `json:"key"`

	// Its value; JSON if it has properties.
	Value string `json:"value"`

	// Its version.
	// +optional
	Version string `json:"version,omitempty"`
}

// KubernetesProvider is a namespace of a cluster.
type KubernetesProvider struct {
	// The API server; that of this cluster if absent.
	// +optional
	Server KubernetesServer `json:"server,omitzero"`

	// How to log in.
	// +optional
	Auth *KubernetesAuth `json:"auth,omitempty"`

	// A kubeconfig in a Secret, in place of server and auth.
	// +optional
	AuthRef *SecretKeySelector `json:"authRef,omitempty"`

	// The namespace that is read; "default" if absent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	RemoteNamespace string `json:"remoteNamespace,omitempty"`
}

// KubernetesServer is an API server.
type KubernetesServer struct {
	// Its address.
	// +optional
	URL string `json:"url,omitempty"`

	// Certificates (PEM, in base64) that vouch for it.
	// +optional
	// +kubebuilder:validation:Format=byte
	CABundle string `json:"caBundle,omitempty"`

	// Where such certificates are kept.
	// +optional
	CAProvider *CAProvider `json:"caProvider,omitempty"`
}

// KubernetesAuth is how to log in to an API server.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
type KubernetesAuth struct {
	// A client certificate.
	// +optional
	Cert *KubernetesCert `json:"cert,omitempty"`

	// A token.
	// +optional
	Token *KubernetesToken `json:"token,omitempty"`

	// A service account, for which tokens are requested.
	// +optional
	ServiceAccount *ServiceAccountSelector `json:"serviceAccount,omitempty"`
}

// KubernetesCert is a client certificate and its key.
type KubernetesCert struct {
	// The certificate (PEM).
	ClientCert SecretKeySelector `json:"clientCert"`

	// Its private key (PEM).
	ClientKey SecretKeySelector `json:"clientKey"`
}

// KubernetesToken is a token.
type KubernetesToken struct {
	// The token.
	BearerToken SecretKeySelector `json:"bearerToken"`
}
