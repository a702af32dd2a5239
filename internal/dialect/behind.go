package dialect

import corev1 "k8s.io/api/core/v1"

// StaysBehind are the labels and annotations that speak of a source alone, as
// delivery.Carry takes them. With them a copy would be taken for what its
// source is to the tool that put them there: a source of more copies, or its
// own work, which it may overwrite or prune. kubectl's annotation holds the
// data of the source as it once was.
//
// app.kubernetes.io/instance is among them although people select by it: Argo
// CD tracks what it deploys by that label unless told otherwise (before 3.0),
// and would prune each copy as often as it is made.
func StaysBehind() []string {
	return []string{
		corev1.LastAppliedConfigAnnotation,
		"tacit.dev/",
		"mirrors.kts.studio/",
		"reflector.v1.k8s.emberstack.com/",
		"kubed.appscode.com/",
		"reconcile.external-secrets.io/",
		"sealedsecrets.bitnami.com/",
		"secrets.doppler.com/",
		"app.kubernetes.io/instance",
		"app.kubernetes.io/managed-by",
		"helm.sh/chart",
		"meta.helm.sh/",
		"argocd.argoproj.io/",
		"helm.toolkit.fluxcd.io/",
		"kustomize.toolkit.fluxcd.io/",
		"applyset.kubernetes.io/",
		"kapp.k14s.io/",
		"objectset.rio.cattle.io/",
	}
}
