package baddays

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
)

// templated is an ExternalSecret over the store "fake" with a template of one
// key.
func templated(name, template string) string {
	return fmt.Sprintf(`
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: %s}
spec:
  secretStoreRef: {name: fake}
  target: {template: {data: {out: %q}}}
  data: [{secretKey: k, remoteRef: {key: k}}]
`, name, template)
}

func TestABadTemplateIsRefusedAndTheOperatorLives(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ template, says string }{
		"does not parse":    {`{{ .k `, "unclosed action"},
		"unknown function":  {`{{ env "HOME" }}`, "env"},
		"looks up a host":   {`{{ getHostByName .k }}`, "getHostByName"},
		"reads the cluster": {`{{ lookup "v1" "Secret" "kube-system" "x" }}`, "lookup"},
		"missing key":       {`{{ .other }}`, `there is no "other" among the values`},
		"calls itself":      {`{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}`, "deeper"},
		"loops":             {`{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}`, "more than"},
		"loops in silence":  {`{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}`, "more than"},
		"grows":             {`{{ repeat 1000000000 "x" }}`, "more than"},
		"grows by doubling": {`{{ $x := .k }}{{ range until 64 }}{{ $x = printf "%s%s" $x $x }}{{ end }}{{ $x }}`, "more than"},
		"a cycle":           {`{{ $d := dict "a" "b" }}{{ $_ := set $d "self" $d }}{{ toJson $d }}`, ""},
		"a cycle printed":   {`{{ $d := dict "a" "b" }}{{ $_ := set $d "self" $d }}{{ $d }}`, ""},
		"a cycle as YAML":   {`{{ $d := dict "a" "b" }}{{ $_ := set $d "self" $d }}{{ toYaml $d }}`, ""},
		"a cycle compared":  {`{{ $d := dict }}{{ $_ := set $d "s" $d }}{{ $e := dict }}{{ $_ := set $e "s" $e }}{{ deepEqual $d $e }}`, ""},
		"a cycle copied":    {`{{ $d := dict "a" "b" }}{{ $_ := set $d "self" $d }}{{ deepCopy $d }}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			b.Apply(fmt.Sprintf(fakeStore, "fake", "one") + templated("app", `{{ .k }}`))
			before := b.Holds("app", map[string]string{"out": "one"})
			b.Apply(templated("app", c.template))
			b.Failed("app", "could not update secret: ", `spec.target.template.data["out"]`, c.says)
			b.Event("app", "UpdateFailed", c.says)
			untouched(b, before)
			b.Apply(templated("app", `{{ .k }}!`))
			b.Holds("app", map[string]string{"out": "one!"})
			b.Synced("app")
		})
	}
}

func TestKeysThatASecretCannotHave(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 254)
	for name, key := range map[string]string{"spaces": "a b", "slash": "a/b", "empty": "", "long": long, "dots": "..a", "utf8": "schlüssel"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			b.Apply(fmt.Sprintf(fakeStore, "fake", "one"))
			b.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: fake}
  target: {template: {templateFrom: [{literal: %q}]}}
  data: [{secretKey: k, remoteRef: {key: k}}]
`, fmt.Sprintf("%q: '{{ .k }}'\ngood: x", key)))
			b.Failed("app", "could not update secret: ", "the key of entry")
			if b.Secret("app") != nil {
				t.Error("a Secret came of it")
			}
		})
	}
	t.Run("as secretKey", func(t *testing.T) {
		t.Parallel()
		b := operatortest.WithShared(t)
		b.Apply(fmt.Sprintf(fakeStore, "fake", "one"))
		// What the schema admits beyond a Secret's keys, the road refuses.
		b.Apply(`
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: fake}
  data: [{secretKey: "..k", remoteRef: {key: k}}]
`)
		b.Failed("app", "..k")
	})
	t.Run("253 is fine", func(t *testing.T) {
		t.Parallel()
		b := operatortest.WithShared(t)
		b.Apply(fmt.Sprintf(fakeStore, "fake", "one") + fmt.Sprintf(`
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: fake}
  data: [{secretKey: %s, remoteRef: {key: k}}]
`, long[:253]))
		b.Holds("app", map[string]string{long[:253]: "one"})
	})
}

// TestOneMiB is the most that a Secret's values may have.
func TestOneMiB(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	b := operatortest.WithShared(t)
	// Vault's own bound is just under 1 MiB a request: two halves.
	b.Put("a", map[string]any{"v": strings.Repeat("a", most/2)})
	b.Put("b", map[string]any{"v": strings.Repeat("b", most/2)})
	es := `
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: vault}
  target: {template: {}}
  data:
  - {secretKey: a, remoteRef: {key: $NS/a, property: v}}
  - {secretKey: b, remoteRef: {key: $NS/b, property: v}}
`
	b.Apply(operatortest.VaultStore + es)
	b.Synced("app")
	before := b.Secret("app")
	if n := len(before.Data["a"]) + len(before.Data["b"]); n != most {
		t.Fatalf("the Secret holds %d bytes, want %d", n, most)
	}
	b.Put("b", map[string]any{"v": strings.Repeat("b", most/2+1)})
	b.Poke("app")
	b.Failed("app", "could not update secret: ", fmt.Sprint(most+1), fmt.Sprint(most))
	b.Event("app", "UpdateFailed", fmt.Sprint(most+1))
	untouched(b, before)
	b.Put("b", map[string]any{"v": "small"})
	b.Eventually(func() error { // by itself
		if got := string(b.Secret("app").Data["b"]); got != "small" {
			return fmt.Errorf("%d bytes; %s", len(got), b.States())
		}
		return nil
	})
}

// every is an ExternalSecret with a refresh interval.
func every(interval string) string {
	return fmt.Sprintf(`
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  refreshInterval: %s
  secretStoreRef: {name: vault}
  target: {template: {}}
  data: [{secretKey: k, remoteRef: {key: $NS/db, property: k}}]
`, interval)
}

func TestIntervals(t *testing.T) {
	t.Parallel()
	t.Run("1s", func(t *testing.T) {
		t.Parallel()
		b := operatortest.WithShared(t)
		b.Put("db", map[string]any{"k": "one"})
		b.Apply(operatortest.VaultStore + every("1s"))
		b.Holds("app", map[string]string{"k": "one"})
		b.Put("db", map[string]any{"k": "two"})
		b.Holds("app", map[string]string{"k": "two"})
	})
	t.Run("the longest", func(t *testing.T) {
		t.Parallel()
		b := operatortest.WithShared(t)
		b.Put("db", map[string]any{"k": "one"})
		b.Apply(operatortest.VaultStore + every("2562047h47m16s"))
		b.Holds("app", map[string]string{"k": "one"})
		b.Synced("app")
		refreshed := b.ExternalSecret("app").Status.RefreshTime
		b.Apply(fmt.Sprintf(fakeStore, "other", "x") + fmt.Sprintf(fromFake, "other", "other"))
		b.Synced("other")
		if now := b.ExternalSecret("app").Status.RefreshTime; !now.Equal(refreshed) {
			t.Errorf("refreshed at %v after %v", now, refreshed)
		}
	})
	for name, interval := range map[string]string{"beyond what fits": "9999999999h", "no duration": "soon", "a number": "'3600'"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			b.Put("db", map[string]any{"k": "one"})
			b.Apply(operatortest.VaultStore + every(interval))
			b.Failed("app", "spec.refreshInterval")
		})
	}
}

func TestBytesArriveAsTheyAre(t *testing.T) {
	t.Parallel()
	values := map[string][]byte{
		"all": make([]byte, 256), "nul": {'a', 0, 'b'}, "bad-utf8": {0xff, 0xfe, 0xc3, 0x28}, "empty": {}, "newline": []byte("x\n"),
	}
	for i := range 256 {
		values["all"][i] = byte(i)
	}
	b := operatortest.WithShared(t)
	data := map[string]any{}
	for k, v := range values {
		data[k] = base64.StdEncoding.EncodeToString(v)
	}
	b.Put("bin", data)
	b.Apply(operatortest.VaultStore + `
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: vault}
  dataFrom: [{extract: {key: $NS/bin, decodingStrategy: Base64}}]
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: through-template}
spec:
  secretStoreRef: {name: vault}
  target: {template: {data: {all: "{{ .all }}", nul: "{{ .nul }}", bad-utf8: '{{ index . "bad-utf8" }}'}}}
  dataFrom: [{extract: {key: $NS/bin, decodingStrategy: Base64}}]
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: no-nul}
spec:
  secretStoreRef: {name: vault}
  data: [{secretKey: k, remoteRef: {key: $NS/bin, property: nul, decodingStrategy: Base64, nullBytePolicy: Fail}}]
`)
	b.Synced("app")
	b.Synced("through-template")
	for name, keys := range map[string][]string{"app": {"all", "nul", "bad-utf8", "empty", "newline"}, "through-template": {"all", "nul", "bad-utf8"}} {
		for _, k := range keys {
			if got := b.Secret(name).Data[k]; !bytes.Equal(got, values[k]) {
				t.Errorf("%s: %s is %q, want %q", name, k, got, values[k])
			}
		}
	}
	b.Failed("no-nul", "NUL byte")
}
