package rollout

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what rollouts count. Register them as a Collector.
type Metrics struct {
	total   *prometheus.CounterVec
	delay   *prometheus.HistogramVec
	waiting *prometheus.Desc
	limit   *Limit
}

// The results of a rollout.
const (
	restarted = "Restarted"
	failed    = "Failed"
)

// NewMetrics returns metrics with nothing counted, of a limit that may be nil.
func NewMetrics(limit *Limit) *Metrics {
	return &Metrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tacit_rollouts_total",
			Help: "Restarts of workloads, by result: Restarted, Failed (which is tried again).",
		}, []string{"kind", "result"}),
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tacit_rollout_delay_seconds",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 5, 30, 60, 300, 900, 3600},
			Help:    "From the first change of a Secret or ConfigMap to the restart of a workload.",
		}, []string{"kind"}),
		waiting: prometheus.NewDesc("tacit_rollouts_waiting",
			"How many workloads wait until the limit, or their own last restart, lets them restart.", nil, nil),
		limit: limit,
	}
}

func (m *Metrics) count(kind, result string) { m.total.WithLabelValues(kind, result).Inc() }

// Took observes how long a workload's restart took from the change on.
func (m *Metrics) Took(kind string, d time.Duration) {
	m.delay.WithLabelValues(kind).Observe(max(d, 0).Seconds())
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	m.total.Describe(ch)
	m.delay.Describe(ch)
	ch <- m.waiting
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.total.Collect(ch)
	m.delay.Collect(ch)
	ch <- prometheus.MustNewConstMetric(m.waiting, prometheus.GaugeValue, float64(m.limit.Waiting()))
}
