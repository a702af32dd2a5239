package vaultsyncstatus

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation"

	vssv1 "github.com/tacit-secrets/tacit/api/vaultsyncstatus/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// source is the secret's metadata; its value is never read.
func source(p *dialect.Problems, v *vssv1.VaultSyncStatus) delivery.Source {
	const engineField, pathField = "spec.secretEngine", "spec.secretPath"
	engine := path(p, engineField, v.Spec.SecretEngine, "the mount of a KV engine of version 2 in Vault, such as secret")
	below := path(p, pathField, v.Spec.SecretPath, "the path of the secret below that mount, such as team/app")
	if strings.Contains(engine+"/", "/data/") {
		p.Note(delivery.Unsupported, engineField, "%s has a part called data, which cannot be told from the data of KV version 2; mount the engine elsewhere", dialect.Quote(engine))
	}
	return delivery.Source{
		Field: pathField,
		Store: store(),
		Take:  delivery.TakeValue,
		// What is between the mount and the path tells where the mount ends:
		// it may have several parts.
		Remote: delivery.Remote{Key: engine + "/data/" + below, Metadata: true},
		Into:   "metadata",
	}
}

// maxPath bounds a path; Vault's own storage ends long before.
const maxPath = 2048

// path reads a path in Vault without the slashes around it.
func path(p *dialect.Problems, field, text, what string) string {
	text = strings.Trim(text, "/")
	parts := strings.Split(text, "/")
	switch {
	case strings.TrimSpace(text) == "":
		p.Invalid(field, "it is empty; name %s", what)
	case len(text) > maxPath:
		p.Invalid(field, "it has more than %d bytes; name %s", maxPath, what)
	case slices.Contains(parts, "."), slices.Contains(parts, ".."), slices.Contains(parts, ""):
		p.Invalid(field, `%s has a part that is empty, "." or ".."; name %s`, dialect.Quote(text), what)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }):
		p.Invalid(field, "%s has control characters; name %s", dialect.Quote(text), what)
	}
	return text
}

// rollout is the Deployment and what it was last restarted for.
func rollout(p *dialect.Problems, v *vssv1.VaultSyncStatus, anyNamespace bool) *delivery.Rollout {
	const nameField, namespaceField = "spec.deployName", "spec.deployNamespace"
	name, namespace := v.Spec.DeployName, v.Spec.DeployNamespace
	if why := validation.IsDNS1123Subdomain(name); len(why) > 0 {
		p.Invalid(nameField, "%s is no name of a Deployment; name one", dialect.Quote(name))
	}
	switch why := validation.IsDNS1123Label(namespace); {
	case len(why) > 0:
		p.Invalid(namespaceField, "%s is no name of a namespace; name that of the Deployment, which is the object's own: %s",
			dialect.Quote(namespace), dialect.Quote(v.Namespace))
	case namespace != v.Namespace && !anyNamespace:
		p.Note(delivery.RolloutRefused, namespaceField, "Deployment %s/%s is in another namespace, which has not consented to be restarted from %s; "+
			"make the VaultSyncStatus in namespace %s, or have the operator started with --vaultsyncstatus-any-namespace",
			namespace, name, v.Namespace, namespace)
	}
	return &delivery.Rollout{
		Workload: delivery.Workload{Kind: "Deployment", Namespace: namespace, Name: name},
		Done:     v.Spec.TimeStamp,
	}
}

// fingerprint tells these words from any others.
func fingerprint(words ...string) string { return fmt.Sprintf("%q", words) }
