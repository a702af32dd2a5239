package rollout

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Explain puts an error of the API server into words. The server's own are left
// out: of an invalid workload they quote values, which may be secret.
func (r *Runner) Explain(w delivery.Workload, verb string, err error) *delivery.Error {
	var failure *delivery.Error
	switch by := objector(err); {
	case errors.As(err, &failure):
		return failure
	case by != "":
		return problem(delivery.RolloutFailed, err,
			"the admission %s does not let the operator %s %s: it must allow the operator to patch the pod template, and annotations of the workload", by, verb, w)
	case apierrors.IsNotFound(err):
		return problem(delivery.RolloutFailed, err, "%s does not exist", w)
	case apierrors.IsForbidden(err):
		return problem(delivery.RolloutFailed, err,
			"the API server forbids the operator to %s %s: it needs get and patch on that kind, and no admission policy may object", verb, w)
	case apierrors.IsConflict(err):
		return problem(delivery.Conflict, err, "others write to %s all the time", w)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return problem(delivery.RolloutFailed, err,
			"the API server does not accept %s as it would be after the operator's patch of its pod template and annotations: "+
				"an admission policy or webhook objects, or the workload is invalid (then `kubectl rollout restart` is refused too)", w)
	}
	return problem(delivery.RolloutFailed, err, "the API server did not %s %s (%s)", verb, w, cmp.Or(string(apierrors.ReasonForError(err)), "no answer"))
}

// objections are how the API server names who objected. Nothing else of its
// words is repeated: a policy's message may quote what it is about.
var objections = regexp.MustCompile(`ValidatingAdmission(Policy '[-.:a-z0-9]{1,253}')|admission (webhook "[-.:a-z0-9]{1,253}")`)

// objector is the admission policy or webhook that refused a write; empty if
// the error names none.
func objector(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return ""
	}
	m := objections.FindStringSubmatch(status.Status().Message)
	if m == nil {
		return ""
	}
	return strings.Replace(m[1]+m[2], "Policy", "policy", 1)
}

func problem(kind delivery.ErrorKind, cause error, format string, args ...any) *delivery.Error {
	return &delivery.Error{Kind: kind, Message: fmt.Sprintf(format, args...), Err: cause}
}
