package rollouts

import (
	"slices"
	"unique"

	corev1 "k8s.io/api/core/v1"
)

// uses lists the Secrets and ConfigMaps that a pod's containers get as
// variables or files, each once, in a stable order, and the name of the first
// container.
//
// A mark for an object goes to the container that uses it: the first that
// mounts it, else the first that has variables of it; if only init containers
// do, to the first container, for they run again with it.
func uses(pod *corev1.PodSpec) (all []use, first string) {
	u := collector{at: map[[2]string]int{}}
	if len(pod.Containers) > 0 {
		u.first = unique.Make(pod.Containers[0].Name).Value()
	}
	for i := range pod.Volumes {
		v := &pod.Volumes[i]
		if mounted := u.mountedBy(pod, v.Name); mounted != "" {
			u.volume(&v.VolumeSource, mounted)
		}
	}
	for i := range pod.Containers {
		u.variables(&pod.Containers[i], unique.Make(pod.Containers[i].Name).Value())
	}
	for i := range pod.InitContainers {
		u.variables(&pod.InitContainers[i], u.first)
	}
	slices.SortFunc(u.all, func(a, b use) int {
		switch {
		case a.kind != b.kind && a.kind < b.kind, a.kind == b.kind && a.name < b.name:
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	return u.all, u.first
}

// collector gathers uses, the first of each object.
type collector struct {
	first string
	all   []use
	at    map[[2]string]int
}

func (c *collector) add(kind, name, container string) {
	key := [2]string{kind, name}
	if _, ok := c.at[key]; ok || name == "" || container == "" {
		return
	}
	c.at[key] = len(c.all)
	c.all = append(c.all, use{kind, name, container})
}

// mountedBy returns the container to mark for a volume; empty if none mounts
// it.
func (c *collector) mountedBy(pod *corev1.PodSpec, volume string) string {
	mounts := func(k *corev1.Container) bool {
		return slices.ContainsFunc(k.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume })
	}
	for i := range pod.Containers {
		if mounts(&pod.Containers[i]) {
			return unique.Make(pod.Containers[i].Name).Value()
		}
	}
	for i := range pod.InitContainers {
		if mounts(&pod.InitContainers[i]) {
			return c.first
		}
	}
	return ""
}

func (c *collector) volume(v *corev1.VolumeSource, container string) {
	if v.Secret != nil {
		c.add("Secret", v.Secret.SecretName, container)
	}
	if v.ConfigMap != nil {
		c.add("ConfigMap", v.ConfigMap.Name, container)
	}
	if v.Projected == nil {
		return
	}
	for _, p := range v.Projected.Sources {
		if p.Secret != nil {
			c.add("Secret", p.Secret.Name, container)
		}
		if p.ConfigMap != nil {
			c.add("ConfigMap", p.ConfigMap.Name, container)
		}
	}
}

func (c *collector) variables(k *corev1.Container, container string) {
	for _, e := range k.EnvFrom {
		if e.SecretRef != nil {
			c.add("Secret", e.SecretRef.Name, container)
		}
		if e.ConfigMapRef != nil {
			c.add("ConfigMap", e.ConfigMapRef.Name, container)
		}
	}
	for _, e := range k.Env {
		if e.ValueFrom == nil {
			continue
		}
		if s := e.ValueFrom.SecretKeyRef; s != nil {
			c.add("Secret", s.Name, container)
		}
		if m := e.ValueFrom.ConfigMapKeyRef; m != nil {
			c.add("ConfigMap", m.Name, container)
		}
	}
}
