package operator

import (
	"testing"

	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// An interface that holds a nil pointer would not do: it would be asked.
func TestThereAreKeysForTheLanguageAlone(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]LanguageOptions{"with": {}, "without": {Without: []string{sealedSecrets}}} {
		k := newKeys(corev1client.New(nil), o.Sealed, Languages(o))
		if opens, known := k.unsealer() != nil, k.known() != nil; opens != (name == "with") || known != opens {
			t.Errorf("%s the language: data is opened: %v, keys are known: %v", name, opens, known)
		}
	}
}
