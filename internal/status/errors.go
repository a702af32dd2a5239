package status

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
)

// unserved reports that the cluster does not know the kind.
func unserved(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }

func forbidden(err error) bool { return apierrors.IsForbidden(err) }
