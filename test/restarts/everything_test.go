package restarts

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	mirrorsv1 "github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/status"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// oneOfEach is an object in every language, by the name NAME: what it copies or
// delivers is called NAME-… in both namespaces.
const oneOfEach = `
apiVersion: v1
kind: Secret
metadata: {name: NAME-mirrored}
stringData: {k: one}
---
apiVersion: mirrors.kts.studio/v1alpha2
kind: SecretMirror
metadata: {name: NAME-mirrored}
spec: {destination: {namespaces: ["^$OTHER$"]}}
---
apiVersion: mirrors.kts.studio/v1alpha2
kind: SecretMirror
metadata: {name: NAME-into}
spec:
  source: {name: NAME-mirrored}
  destination: {type: vault, vault: {addr: $VAULT, path: secret/data/$NS/NAME-into, auth: {token: {secretRef: {name: vault-token}}}}}
---
apiVersion: mirrors.kts.studio/v1alpha2
kind: SecretMirror
metadata: {name: NAME-read}
spec:
  source: {type: vault, vault: {addr: $VAULT, path: secret/data/$NS/read, auth: {token: {secretRef: {name: vault-token}}}}}
  destination: {namespaces: ["^$OTHER$"]}
---
apiVersion: mirrors.kts.studio/v1alpha2
kind: SecretMirror
metadata: {name: NAME-lent}
spec:
  source: {type: vault, vault: {addr: $VAULT, path: database/creds/$NS, auth: {token: {secretRef: {name: vault-token}}}}}
  destination: {namespaces: ["^$OTHER$"]}
---
apiVersion: v1
kind: Secret
metadata:
  name: NAME-reflected
  annotations: {reflector.v1.k8s.emberstack.com/reflection-allowed: "true", reflector.v1.k8s.emberstack.com/reflection-auto-enabled: "true"}
stringData: {k: one}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: NAME-reflected
  annotations: {reflector.v1.k8s.emberstack.com/reflection-allowed: "true", reflector.v1.k8s.emberstack.com/reflection-auto-enabled: "true"}
data: {k: one}
---
apiVersion: v1
kind: Secret
metadata: {name: NAME-synced, annotations: {kubed.appscode.com/sync: ""}}
stringData: {k: one}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME-synced, annotations: {kubed.appscode.com/sync: ""}}
data: {k: one}
---
apiVersion: secrets.doppler.com/v1alpha1
kind: DopplerSecret
metadata: {name: NAME-doppler}
spec: {host: $DOPPLER, tokenSecret: {name: doppler-token}, managedSecret: {name: NAME-doppler}, resyncSeconds: 1}
---
apiVersion: stable.example.com/v1
kind: VaultSyncStatus
metadata: {name: NAME-looks}
spec: {deployName: NAME-looked, deployNamespace: $NS, secretEngine: secret, secretPath: $NS/read, timeStamp: "0000-00-00T00:00:00.000000000Z"}
`

// everything applies what every operator needs.
func (b *bed) everything() {
	b.T.Helper()
	b.apply(fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: vault-token}, stringData: {token: %q}}", b.Vault.RootToken))
	b.Put("read", map[string]any{"k": "one"})
	b.must(b.Vault.Leasing(b.T.Context(), b.NS, "1h"))
	token, err := b.doppler.Config(b.T.Context(), b.NS, "prd", map[string]string{"K": "one"})
	b.must(err)
	b.apply(fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: doppler-token}, stringData: {serviceToken: %q}}", token))
}

// each applies one of each, and Deployments that use some of it.
func (b *bed) each(name string) {
	b.T.Helper()
	b.apply(deployment(name+"-auto", auto, name+"-mirrored") + deployment(name+"-fed", reload, name+"-doppler") + deployment(name+"-looked", "", "none"))
	b.sets(name+"-looked", 1) // before anything restarts it
	b.apply(strings.ReplaceAll(oneOfEach, "NAME", name))
}

// served waits until all of it is served, and the first look of its
// VaultSyncStatus has restarted the Deployment.
func (b *bed) served(name string) {
	b.T.Helper()
	b.ended("SecretMirror", map[string]string{name + "-mirrored": status.True, name + "-into": status.True, name + "-read": status.True, name + "-lent": status.True})
	b.ended("DopplerSecret", map[string]string{name + "-doppler": status.True})
	b.ended("VaultSyncStatus", map[string]string{name + "-looks": status.True})
	for _, copied := range []string{"-mirrored", "-read", "-reflected", "-synced"} {
		b.holdsIn(b.other, name+copied, "k", "one")
	}
	for _, copied := range []string{"-reflected", "-synced"} {
		b.Eventually(func() error {
			return b.Get(b.T.Context(), client.ObjectKey{Namespace: b.other, Name: name + copied}, &corev1.ConfigMap{})
		})
	}
	b.recorded(name+"-auto", name+"-mirrored")
	b.recorded(name+"-fed", name+"-doppler")
	b.sets(name+"-auto", 1)
	b.sets(name+"-fed", 1)
	b.sets(name+"-looked", 2)
}

// world is what must not change when nobody changes it.
type world struct {
	versions map[string]string
	leases   map[string]string
	stored   int
}

// world is that of the objects of a name.
func (b *bed) world(name string) world {
	b.T.Helper()
	w := world{versions: map[string]string{}, leases: map[string]string{}}
	note := func(kind string, obj client.Object) {
		if strings.HasPrefix(obj.GetName(), name+"-") {
			w.versions[kind+" "+obj.GetNamespace()+"/"+obj.GetName()] = obj.GetResourceVersion()
		}
	}
	for _, ns := range []string{b.NS, b.other} {
		secrets, configMaps := &corev1.SecretList{}, &corev1.ConfigMapList{}
		b.must(b.List(b.T.Context(), secrets, client.InNamespace(ns)))
		b.must(b.List(b.T.Context(), configMaps, client.InNamespace(ns)))
		for i := range secrets.Items {
			note("Secret", &secrets.Items[i])
		}
		for i := range configMaps.Items {
			note("ConfigMap", &configMaps.Items[i])
		}
	}
	mirrors := &mirrorsv1.SecretMirrorList{}
	b.must(b.List(b.T.Context(), mirrors, client.InNamespace(b.NS)))
	for _, sm := range mirrors.Items {
		if v := sm.Status.VaultSource; v != nil && strings.HasPrefix(sm.Name, name+"-") {
			w.leases[sm.Name] = v.LeaseID
		}
	}
	meta, err := b.Vault.Admin.KVv2("secret").GetMetadata(b.T.Context(), b.NS+"/"+name+"-into")
	b.must(err)
	w.stored = meta.CurrentVersion
	return w
}

// same asserts that nothing of a name was changed since, and that an operator
// did not try to.
func (b *bed) same(name string, was world, o *one) {
	b.T.Helper()
	now := b.world(name)
	for what, version := range was.versions {
		if now.versions[what] != version {
			b.T.Errorf("%s was version %s and is %s", what, version, now.versions[what])
		}
	}
	if len(now.versions) != len(was.versions) || !maps.Equal(now.leases, was.leases) || now.stored != was.stored {
		b.T.Errorf("it was\n%v\nand is\n%v", was, now)
	}
	b.sets(name+"-auto", 1)
	b.sets(name+"-fed", 1)
	b.sets(name+"-looked", 2)
	for _, c := range o.Which(func(c testkit.Call) bool {
		about := c.On("secrets") || c.On("configmaps") || c.On("deployments")
		return about && c.Writes() && strings.Contains(c.Path, "/"+name+"-")
	}) {
		b.T.Errorf("it wrote: %v", c)
	}
}

// looked waits until the operator has looked at everything that there was when
// it started: something of each language comes later, and is served.
func (b *bed) looked(o *one) {
	b.T.Helper()
	b.each("new")
	b.served("new")
	b.settled()
	// What nobody changed is looked at last.
	b.Eventually(func() error {
		text := testkit.MetricsText(b.T, o.registry)
		for what, n := range map[string]int{
			"SecretMirror": 8, "DopplerSecret": 2, "VaultSyncStatus": 2,
			"Secret (reflector)": 2, "Secret (kubed)": 2, "ConfigMap (reflector)": 2, "ConfigMap (kubed)": 2,
		} {
			line := fmt.Sprintf("tacit_objects{kind=%q,result=\"Synced\"} %d\n", what, n)
			if !strings.Contains(text, line) {
				return fmt.Errorf("the metrics do not say %s", line)
			}
		}
		return nil
	})
}
