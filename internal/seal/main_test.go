package seal_test

import (
	"bytes"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/seal/sealtest"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// clusters are two, each with an old key and a new one.
var clusters = sync.OnceValue(func() []*sealtest.Cluster {
	var out []*sealtest.Cluster
	for _, months := range [][]int{{3, 1}, {4, 1}} {
		c, err := sealtest.NewCluster(time.Now(), months...)
		if err != nil {
			panic(err)
		}
		out = append(out, c)
	}
	return out
})

// keysOf are a cluster's keys as a backup brings them.
func keysOf(t testing.TB, c *sealtest.Cluster) *seal.Keys {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	var backup bytes.Buffer
	if _, err := sealing.Export(&backup, c.Secrets, id.Recipient()); err != nil {
		t.Fatal(err)
	}
	keys, err := seal.OpenBackup(t.Context(), &backup, id)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// sealed is a manifest's Secret, sealed.
func sealed(t testing.TB, manifest string, to ...sealing.Certificate) *v1alpha1.SealedSecret {
	t.Helper()
	in, err := seal.ParseSecrets([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	out, err := in[0].Seal(rand.Reader, to)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// text is an object as a file has it, with a comment that must stay.
func text(t testing.TB, o *v1alpha1.SealedSecret) []byte {
	t.Helper()
	out, err := yaml.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte("# of the shop\n"), out...)
}

const plain = `{apiVersion: v1, kind: Secret, metadata: {name: db, namespace: shop}, stringData: {password: canary-1, user: canary-2}}`

func value(s string) secret.Value { return secret.NewString(s) }
