package externalsecrets_test

import (
	"fmt"
	"strings"

	"github.com/hashicorp/vault/api"
)

func patchTags(tags map[string]any) api.KVMetadataPatchInput {
	return api.KVMetadataPatchInput{CustomMetadata: tags}
}

// fakeStore is a SecretStore that holds the pairs of keys and values.
func fakeStore(name string, pairs ...string) string {
	var data []string
	for i := 0; i < len(pairs); i += 2 {
		data = append(data, fmt.Sprintf("{key: %s, value: %s}", quoted(pairs[i]), quoted(pairs[i+1])))
	}
	return "\n---\napiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: " + name + "}\n" +
		"spec: {provider: {fake: {data: [" + strings.Join(data, ", ") + "]}}}\n"
}
