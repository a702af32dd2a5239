package controller

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Metrics are what the controllers count. Register them as a Collector.
type Metrics struct {
	latency  *prometheus.HistogramVec
	queueAge *prometheus.HistogramVec
	changes  *prometheus.CounterVec
	objects  *prometheus.Desc

	mu    sync.Mutex
	kinds map[string]*memories
}

// NewMetrics returns metrics with nothing counted.
func NewMetrics() *Metrics {
	buckets := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900}
	return &Metrics{
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tacit_sync_duration_seconds", Buckets: buckets,
			Help: "From the moment that a sync was asked for (an event, or a refresh that was due) to its end, by result.",
		}, []string{"kind", "result"}),
		queueAge: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tacit_queue_age_seconds", Buckets: buckets,
			Help: "How long an object waited in the queue before its sync began.",
		}, []string{"kind"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tacit_destination_changes_total",
			Help: "What syncs did to their destinations: Created, Updated, Adopted, Removed.",
		}, []string{"kind", "change"}),
		objects: prometheus.NewDesc("tacit_objects",
			"How many objects there are, by the result of their last sync.", []string{"kind", "result"}, nil),
		kinds: map[string]*memories{},
	}
}

func (m *Metrics) watch(kind string, mem *memories) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kinds[kind] = mem
}

func (m *Metrics) began(kind string, asked, now time.Time) {
	m.queueAge.WithLabelValues(kind).Observe(max(now.Sub(asked), 0).Seconds())
}

func (m *Metrics) ended(kind string, asked, now time.Time, out *delivery.Outcome) {
	m.latency.WithLabelValues(kind, string(out.Result)).Observe(max(now.Sub(asked), 0).Seconds())
	if out.Destination.Change != delivery.NoChange {
		m.changes.WithLabelValues(kind, string(out.Destination.Change)).Inc()
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	m.latency.Describe(ch)
	m.queueAge.Describe(ch)
	m.changes.Describe(ch)
	ch <- m.objects
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.latency.Collect(ch)
	m.queueAge.Collect(ch)
	m.changes.Collect(ch)
	m.mu.Lock()
	defer m.mu.Unlock()
	for kind, mem := range m.kinds {
		for result, n := range mem.count() {
			ch <- prometheus.MustNewConstMetric(m.objects, prometheus.GaugeValue, float64(n), kind, string(result))
		}
	}
}
