package mirrors

import (
	"fmt"
	"strings"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// verdict is an outcome in the language's words.
type verdict struct {
	status, reason, message string
}

// verdictOf is the one place that turns an outcome into words.
func verdictOf(sm *v1alpha2.SecretMirror, out *delivery.Outcome) verdict {
	if out.Result != delivery.Failed {
		return verdict{statusActive, reasonActive, activeMessage(sm, out)}
	}
	vault := fromVault(sm) || intoVault(sm)
	v := verdict{statusError, reasonSyncError, out.Err.Message}
	switch kind := out.Err.Kind; {
	case len(out.Destination.Refused) > 0:
		v.message = refusedMessage(out)
	case kind == delivery.SourceMissing && !fromVault(sm):
		v.status, v.reason = statusPending, reasonNoSecret
		v.message = fmt.Sprintf("secret %s/%s not found, waiting to appear", sm.Namespace, sourceName(sm))
	case kind == delivery.Unsupported, kind == delivery.Invalid, !vault:
	case kind == delivery.Misconfigured && aboutCredentials(sm, v.message):
		v.status, v.reason = statusPending, reasonAuthMissing
	case kind == delivery.Refused:
		v.reason = reasonAuthInvalid
	case kind.Reading(), kind == delivery.WriteFailed && intoVault(sm):
		v.reason = reasonVaultError
	}
	return v
}

// aboutCredentials reports that an error names one of the Secrets that the
// object logs in with: a credential that is not there is told by its name.
func aboutCredentials(sm *v1alpha2.SecretMirror, message string) bool {
	for _, v := range []*v1alpha2.VaultSpec{sm.Spec.Source.Vault, sm.Spec.Destination.Vault} {
		if v == nil {
			continue
		}
		var refs []v1alpha2.SecretReference
		if v.Auth.AppRole != nil {
			refs = append(refs, v.Auth.AppRole.SecretRef)
		}
		if v.Auth.Token != nil {
			refs = append(refs, v.Auth.Token.SecretRef)
		}
		for _, ref := range refs {
			if ref.Name != "" && names(message, "Secret "+or(ref.Namespace, sm.Namespace)+"/"+ref.Name) {
				return true
			}
		}
	}
	return false
}

// names reports that text has a name that goes no further there.
func names(text, name string) bool {
	_, rest, found := strings.Cut(text, name)
	return found && (rest == "" || strings.ContainsAny(rest[:1], " :;,"))
}

// activeMessage is the original's, and what else is worth knowing.
func activeMessage(sm *v1alpha2.SecretMirror, out *delivery.Outcome) string {
	parts := []string{msgActive}
	switch {
	case out.Result == delivery.Retained:
		parts = append(parts, "the source holds no data, and what was copied before stays")
	case intoVault(sm):
	case out.Destination.Places == 0:
		parts = append(parts, "no namespace matches yet")
	case out.Destination.Places == 1:
		parts = append(parts, "in 1 namespace")
	default:
		parts = append(parts, fmt.Sprintf("in %d namespaces", out.Destination.Places))
	}
	if out.Note != "" {
		parts = append(parts, out.Note)
	}
	return strings.Join(parts, "; ")
}

// namedRefusals is how many of the places that could not be served are named.
const namedRefusals = 3

// refusedMessage names the first of the places that could not be served.
func refusedMessage(out *delivery.Outcome) string {
	all := out.Destination.Refused
	named := make([]string, 0, namedRefusals)
	for _, r := range all[:min(len(all), namedRefusals)] {
		why := "it could not be written"
		if r.Err != nil {
			why = r.Err.Message
		}
		named = append(named, fmt.Sprintf("%s: %s", r.Place, why))
	}
	text := "unable to sync some objects: " + strings.Join(named, "; ")
	if more := len(all) - len(named); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}
