package broker

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Metrics are what the broker counts. Register them as a Collector.
type Metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	joined   *prometheus.CounterVec
	renewals *prometheus.CounterVec
	leases   *prometheus.GaugeVec
}

var storeLabels = []string{"store_kind", "store_namespace", "store", "backend"}

// NewMetrics returns metrics with nothing counted.
func NewMetrics() *Metrics {
	return &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tacit_backend_calls_total",
			Help: "Calls to a store, by operation (check, read, find, write, renew, revoke) and outcome (ok or the kind of error).",
		}, append([]string{"operation", "outcome"}, storeLabels...)),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tacit_backend_call_duration_seconds",
			Help:    "How long a store took to answer one call.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, storeLabels),
		joined: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tacit_backend_joined_reads_total",
			Help: "Reads that were answered by a call made for somebody else who asked no earlier.",
		}, storeLabels),
		renewals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tacit_lease_renewals_total",
			Help: "Renewals of leases, by result (ok or error); further tries of one renewal are not counted.",
		}, append([]string{"result"}, storeLabels...)),
		leases: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tacit_leases",
			Help: "Leases that were taken out or renewed since the start and have not ended.",
		}, storeLabels),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	m.calls.Describe(ch)
	m.duration.Describe(ch)
	m.joined.Describe(ch)
	m.renewals.Describe(ch)
	m.leases.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.calls.Collect(ch)
	m.duration.Collect(ch)
	m.joined.Collect(ch)
	m.renewals.Collect(ch)
	m.leases.Collect(ch)
}

// storeMetrics are the metrics of one store.
type storeMetrics struct {
	calls    *prometheus.CounterVec
	duration prometheus.Observer
	joined   prometheus.Counter
	renewals *prometheus.CounterVec
	leases   prometheus.Gauge
}

func (m *Metrics) store(ref delivery.StoreRef, backendName string) *storeMetrics {
	labels := prometheus.Labels{
		"store_kind": ref.Kind, "store_namespace": ref.Namespace, "store": ref.Name, "backend": backendName,
	}
	return &storeMetrics{
		calls:    m.calls.MustCurryWith(labels),
		duration: m.duration.With(labels),
		joined:   m.joined.With(labels),
		renewals: m.renewals.MustCurryWith(labels),
		leases:   m.leases.With(labels),
	}
}

// forget drops a store's series, so that deleted stores do not stay.
func (m *Metrics) forget(ref delivery.StoreRef) {
	labels := prometheus.Labels{"store_kind": ref.Kind, "store_namespace": ref.Namespace, "store": ref.Name}
	m.calls.DeletePartialMatch(labels)
	m.duration.DeletePartialMatch(labels)
	m.joined.DeletePartialMatch(labels)
	m.renewals.DeletePartialMatch(labels)
	m.leases.DeletePartialMatch(labels)
}

func (m *storeMetrics) called(op string, took time.Duration, err error) {
	outcome := "ok"
	if err != nil && !errors.Is(err, backend.ErrUndecided) {
		outcome = string(backend.KindOf(err))
	}
	m.calls.With(prometheus.Labels{"operation": op, "outcome": outcome}).Inc()
	m.duration.Observe(took.Seconds())
}

func (m *storeMetrics) renewed(err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.renewals.With(prometheus.Labels{"result": result}).Inc()
}
