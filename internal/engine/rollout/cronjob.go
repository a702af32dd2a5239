package rollout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// runJob starts a Job from the template of a CronJob, which has no pods of its
// own to restart. The Job's name is made of the cause: whoever comes again
// before the CronJob's record was written finds that it is there.
func (r *Runner) runJob(ctx context.Context, a Act) error {
	live := &batchv1.CronJob{}
	if err := r.live(ctx, a.Workload, live); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(string(live.UID) + "/" + a.Cause))
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name:        live.Name + "-" + hex.EncodeToString(sum[:5]),
			Namespace:   live.Namespace,
			Labels:      live.Spec.JobTemplate.Labels,
			Annotations: map[string]string{"cronjob.kubernetes.io/instantiate": "manual"},
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(live, batchv1.SchemeGroupVersion.WithKind("CronJob")),
			},
		},
		Spec: live.Spec.JobTemplate.Spec,
	}
	maps.Copy(job.Annotations, live.Spec.JobTemplate.Annotations)
	mark(&job.Spec.Template, a.Marks)
	err := r.Writer.Create(ctx, job, manager)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// mark writes marks on a pod template.
func mark(t *corev1.PodTemplateSpec, m *delivery.ReloadMarks) {
	if len(m.Template) > 0 && t.Annotations == nil {
		t.Annotations = map[string]string{}
	}
	maps.Copy(t.Annotations, m.Template)
	for _, e := range distinct(m.Env) {
		for i := range t.Spec.Containers {
			if c := &t.Spec.Containers[i]; c.Name == e.Container {
				c.Env = setVariable(c.Env, corev1.EnvVar{Name: e.Name, Value: e.Value})
			}
		}
	}
}

func setVariable(env []corev1.EnvVar, v corev1.EnvVar) []corev1.EnvVar {
	for i := range env {
		if env[i].Name == v.Name {
			env[i] = v
			return env
		}
	}
	return append(env, v)
}
