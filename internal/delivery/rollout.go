package delivery

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
