package delivery

import "time"

// Rollout restarts a workload once for each version of what an object reads.
// The workload keeps a record of the version, so that a restart of the
// operator restarts nobody.
type Rollout struct {
	Workload Workload
	// Done is the version that the object's own record says the workload was
	// restarted for.
	Done string
}

// Workload names something that runs pods.
type Workload struct {
	Kind            string // Deployment, StatefulSet, DaemonSet, CronJob, Rollout
	Namespace, Name string
}

// String is Kind namespace/name.
func (w Workload) String() string { return w.Kind + " " + w.Namespace + "/" + w.Name }

// Reload is how a workload asks, in one language, to be restarted when
// Secrets and ConfigMaps of its namespace change.
type Reload struct {
	// Rules are tried in turn, and the first that fits an object decides. What
	// none fits restarts nobody.
	Rules []ReloadRule
	// Hold keeps a Deployment paused for so long after a change, so that later
	// changes join its rollout; 0 does not.
	Hold time.Duration
	// HeldAt is the annotation that tells since when the Deployment is paused
	// that way. Empty: the language knows no such thing.
	HeldAt string
}

// Asks reports that something can restart the workload.
func (r *Reload) Asks() bool {
	for i := range r.Rules {
		if !r.Rules[i].Never {
			return true
		}
	}
	return false
}

// Held reports of a paused Deployment, by its annotations, that it is paused so
// that changes collect, and not by its user.
func (r *Reload) Held(annotations map[string]string) bool {
	return r.HeldAt != "" && annotations[r.HeldAt] != ""
}

// ReloadRule fits an object if all of its conditions hold.
type ReloadRule struct {
	Kind string // Secret or ConfigMap; empty is both
	// Names are exact, Patterns RE2 that carry their own anchors. One of them
	// must fit; with neither, every name does.
	Names, Patterns []string
	// Referenced: the workload's pods use the object.
	Referenced bool
	// With are annotations that the object must have, WithLabels labels.
	With, WithLabels map[string]string
	// Never: what fits restarts nobody.
	Never bool
}

// Kinds are those that the rule is about.
func (r *ReloadRule) Kinds() []string {
	if r.Kind == "" {
		return []string{"Secret", "ConfigMap"}
	}
	return []string{r.Kind}
}

// Reloaded is a Secret or ConfigMap whose change restarts a workload.
type Reloaded struct {
	Object ObjectRef
	// Digest of its data, keyed: it may be written where people can see it who
	// may not read the object.
	Digest string
	// Container is the first of the workload's that uses the object; where none
	// of them does (only init containers, or nobody), the first of all.
	Container string
}

// ReloadMarks are what a restart leaves on the workload, beside the record.
// Those on the pod template are what makes its controller start new pods.
type ReloadMarks struct {
	// Annotations of the workload itself, and of its pod template.
	Annotations, Template map[string]string
	Env                   []EnvMark
	// RestartPods has an Argo Rollout start its pods anew without another
	// revision; the template stays as it is.
	RestartPods bool
}

// EnvMark is an environment variable that a container gets.
type EnvMark struct{ Container, Name, Value string }
