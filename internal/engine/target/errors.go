package target

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// wrap turns a failed write into a user's words. The API server's messages
// quote what it refused, and a label may have been rendered from a secret:
// so only parts that cannot hold a value are taken over.
func wrap(dest *delivery.Destination, err error) error {
	if err == nil {
		return nil
	}
	var own *delivery.Error
	if errors.As(err, &own) {
		return own
	}
	e := &delivery.Error{Kind: delivery.WriteFailed, Err: err}
	if s, ok := apierrors.SuggestsClientDelay(err); ok {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	var status apierrors.APIStatus
	switch {
	case apierrors.IsConflict(err):
		e.Kind = delivery.Conflict
		e.Message = fmt.Sprintf("Secret %s was changed by somebody else meanwhile", dest.Name)
	case apierrors.HasStatusCause(err, "NamespaceTerminating"):
		e.Kind = delivery.Invalid
		e.Message = fmt.Sprintf("namespace %s is being deleted", dest.Namespace)
	case apierrors.IsNotFound(err):
		e.Message = fmt.Sprintf("namespace %s does not exist", dest.Namespace)
	case errors.As(err, &status):
		e.Message = fmt.Sprintf("Secret %s: the API server refused the write: %s", dest.Name, refusal(status.Status()))
	default:
		e.Message = fmt.Sprintf("Secret %s could not be written: the API server did not answer", dest.Name)
	}
	return e
}

// refusal is a status without the values that it quotes.
func refusal(s metav1.Status) string {
	if s.Reason == metav1.StatusReasonForbidden || s.Reason == metav1.StatusReasonUnknown {
		return forbidden(s.Message)
	}
	var parts []string
	if s.Details != nil {
		for _, c := range s.Details.Causes {
			parts = append(parts, strings.TrimSpace(c.Field+": "+unquoted(c.Message)))
		}
	}
	if len(parts) == 0 {
		return string(s.Reason)
	}
	return strings.Join(parts, "; ")
}

// unquoted drops the value from `Invalid value: "...": why`.
func unquoted(message string) string {
	what, rest, ok := strings.Cut(message, ": ")
	if !ok {
		return ""
	}
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		return what + strings.TrimPrefix(rest, quoted)
	}
	return what
}

// forbidden keeps the words of RBAC and quotas, and of an admission webhook
// its name alone: what it says may quote the object.
func forbidden(message string) string {
	if i := strings.Index(message, " denied the request"); i >= 0 {
		return message[:i+len(" denied the request")]
	}
	for _, known := range []string{"exceeded quota:", "failed quota:", "cannot "} {
		if i := strings.Index(message, known); i >= 0 {
			return message[i:]
		}
	}
	return "forbidden"
}
