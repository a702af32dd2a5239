package operator

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// MirrorMetrics count what becomes of SecretMirrors under the names of the
// original, so that its dashboards and alerts go on. It implements
// prometheus.Collector.
type MirrorMetrics struct {
	syncs, renewed, notRenewed *prometheus.CounterVec
	namespaces                 *prometheus.GaugeVec
}

// NewMirrorMetrics returns metrics with nothing counted.
func NewMirrorMetrics() *MirrorMetrics {
	return &MirrorMetrics{
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mirrors_sync_total", Help: "Runs of SecretMirrors that succeeded.",
		}, []string{"mirror", "source_type", "destination_type"}),
		namespaces: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "mirrors_ns_current_count", Help: "Namespaces that hold a true copy.",
		}, []string{"mirror", "source_type"}),
		renewed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mirrors_vault_lease_renew_ok_total", Help: "Renewals of leases that succeeded.",
		}, []string{"mirror", "vault"}),
		notRenewed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mirrors_vault_lease_renew_error_total", Help: "Renewals of leases that failed.",
		}, []string{"mirror", "vault", "http_code"}),
	}
}

func (m *MirrorMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.syncs, m.namespaces, m.renewed, m.notRenewed}
}

// Describe implements prometheus.Collector.
func (m *MirrorMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *MirrorMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(ch)
	}
}

// observe is for controller.Shared.
func (m *MirrorMetrics) observe(plan *delivery.Delivery, out *delivery.Outcome) {
	if plan.Object.Kind != v1alpha2.SecretMirrorKind {
		return
	}
	mirror := plan.Object.Namespace + "/" + plan.Object.Name
	if out.Result == delivery.Deleted {
		m.forget(mirror)
		return
	}
	vault, from, to := mirrorEnds(plan)
	if out.Lease.Change == delivery.LeaseRenewed {
		m.renewed.WithLabelValues(mirror, vault).Inc()
	}
	if out.Lease.RenewFailed {
		code := "-" // the original's word for a failure without one
		if out.Lease.RenewStatus != 0 {
			code = strconv.Itoa(out.Lease.RenewStatus)
		}
		m.notRenewed.WithLabelValues(mirror, vault, code).Inc()
	}
	if out.Result != delivery.Synced {
		return
	}
	m.syncs.WithLabelValues(mirror, from, to).Inc()
	if to == "namespaces" {
		m.namespaces.WithLabelValues(mirror, from).Set(float64(out.Destination.Places))
	}
}

// mirrorEnds are the server that is read, and the words for source and
// destination.
func mirrorEnds(plan *delivery.Delivery) (vault, from, to string) {
	from, to = "secret", "namespaces"
	if plan.Destination.Store != (delivery.StoreRef{}) {
		to = "vault"
	}
	for i := range plan.Inline {
		config, ok := plan.Inline[i].Config.(delivery.VaultConfig)
		if ok && len(plan.Sources) > 0 && plan.Sources[0].Store == plan.Inline[i].Ref {
			from, vault = "vault", config.Server
		}
	}
	return vault, from, to
}

// forget drops the series of an object that is gone.
func (m *MirrorMetrics) forget(mirror string) {
	of := prometheus.Labels{"mirror": mirror}
	m.syncs.DeletePartialMatch(of)
	m.namespaces.DeletePartialMatch(of)
	m.renewed.DeletePartialMatch(of)
	m.notRenewed.DeletePartialMatch(of)
}
