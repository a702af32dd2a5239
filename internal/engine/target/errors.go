package target

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// wrap turns a failed write into a user's words. The API server's messages
// quote what it refused, and a label may have been rendered from a secret:
// so only parts that cannot hold a value are taken over.
func wrap(dest *Target, err error) error {
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
		e.Message = fmt.Sprintf("%s was changed by somebody else meanwhile", dest.ref())
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		e.Message = fmt.Sprintf("namespace %s is being deleted", dest.Namespace)
	case apierrors.IsNotFound(err) && ofSecret(err):
		e.Kind = delivery.Conflict
		e.Message = fmt.Sprintf("%s was deleted by somebody else meanwhile", dest.ref())
	case apierrors.IsNotFound(err):
		e.Message = fmt.Sprintf("namespace %s does not exist", dest.Namespace)
	case errors.As(err, &status):
		e.Message = fmt.Sprintf("%s: the API server refused the write: %s", dest.ref(), refusal(status.Status()))
	default:
		e.Message = fmt.Sprintf("%s could not be written: the API server did not answer", dest.ref())
	}
	return e
}

// NamespaceGoes reports that nothing could be written because the namespace is
// being deleted, or is gone.
func NamespaceGoes(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsNotFound(err) && !ofSecret(err)
}

// ofSecret reports that the API server speaks of the object itself, and not of
// its namespace.
func ofSecret(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Details != nil && slices.Contains([]string{"secrets", "configmaps"}, status.Status().Details.Kind)
}

// refusal is a status without the values that it quotes.
func refusal(s metav1.Status) string {
	if by := admission.FindString(s.Message); by != "" {
		// Its own words, and its causes, may quote the object.
		return by
	}
	if s.Reason == metav1.StatusReasonForbidden || s.Reason == metav1.StatusReasonUnknown {
		return forbidden(s.Message)
	}
	var parts []string
	if s.Details != nil {
		for _, c := range s.Details.Causes {
			if text := cause(c); text != "" {
				parts = append(parts, text)
			}
		}
	}
	if len(parts) == 0 {
		return string(s.Reason)
	}
	return strings.Join(parts, "; ")
}

// admission matches how the API server names a webhook or a policy that
// refused a request, before the words of either.
var admission = regexp.MustCompile(
	`^[^'"]*("[^"]*" is forbidden: )?(admission webhook "[^"]*"|ValidatingAdmissionPolicy '[^']*' with binding '[^']*') denied (the )?request`)

// plainCauses are what validation itself finds wrong: their messages are
// `what: value: why`, with the value quoted.
var plainCauses = map[metav1.CauseType]bool{
	metav1.CauseTypeFieldValueInvalid: true, metav1.CauseTypeFieldValueNotSupported: true,
	metav1.CauseTypeFieldValueRequired: true, metav1.CauseTypeFieldValueDuplicate: true,
	metav1.CauseTypeTooLong: true, metav1.CauseTypeTooMany: true, metav1.CauseTypeForbidden: true,
}

// cause is a field and what is wrong with it, without its value. What is wrong
// with a key's value is left out: the API server names the very character that
// it tripped over.
func cause(c metav1.StatusCause) string {
	if !plainCauses[c.Type] {
		return ""
	}
	if strings.HasPrefix(c.Field, "data[") {
		what, _, _ := strings.Cut(c.Message, ": ")
		return c.Field + ": " + what
	}
	return strings.TrimSpace(c.Field + ": " + unquoted(c.Message))
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

// known are the words of RBAC and of quotas, which name rights and counts.
var known = regexp.MustCompile(`(exceeded quota: .*|failed quota: .*|cannot [a-z]+ resource "(secrets|configmaps)" .*)$`)

// forbidden keeps words that hold no value.
func forbidden(message string) string {
	if words := known.FindString(message); words != "" {
		return words
	}
	return "forbidden"
}
