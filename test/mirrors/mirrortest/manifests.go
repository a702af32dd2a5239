package mirrortest

import "strings"

// Copies is a SecretMirror that copies a Secret of its name to the namespaces
// that match the patterns, with more of a spec.
func Copies(name, more string, patterns ...string) string {
	return mirror(name, "destination: {namespaces: ["+quoted(patterns)+"]}\n"+more)
}

// Lends is a SecretMirror of what is at a path in Vault, which it logs in to
// with the AppRole in the Secret "approle".
func Lends(name, path, more string, patterns ...string) string {
	return mirror(name, "source: {type: vault, vault: "+Vault(path, "approle")+"}\ndestination: {namespaces: ["+quoted(patterns)+"]}\n"+more)
}

// Into is a SecretMirror that puts a Secret of its name into Vault.
func Into(name, path string) string {
	return mirror(name, "destination: {type: vault, vault: "+Vault(path, "approle")+"}\n")
}

// Between is a SecretMirror from one path in Vault to another.
func Between(name, from, to, more string) string {
	return mirror(name, "source: {type: vault, vault: "+Vault(from, "approle")+"}\n"+
		"destination: {type: vault, vault: "+Vault(to, "approle")+"}\n"+more)
}

// Vault is a path in the test's Vault, with the Secret that an AppRole is in.
func Vault(path, login string) string {
	return `{addr: "$VAULT", path: "` + path + `", auth: {approle: {secretRef: {name: ` + login + `}}}}`
}

func mirror(name, spec string) string {
	return "\n---\napiVersion: mirrors.kts.studio/v1alpha2\nkind: SecretMirror\nmetadata: {name: " + name + "}\nspec:\n  " +
		strings.ReplaceAll(strings.TrimSpace(spec), "\n", "\n  ") + "\n"
}

func quoted(patterns []string) string {
	var all []string
	for _, p := range patterns {
		all = append(all, "'"+p+"'")
	}
	return strings.Join(all, ", ")
}
