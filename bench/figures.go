package main

import (
	"fmt"
	"time"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// Units of figures.
const (
	seconds   = "s"
	perSecond = "objects/s"
	percent   = "%"
	megabytes = "MB" // of 10^6 bytes
	bytesEach = "bytes"
)

// ESO's rate on the machine that the goals were set on, tuned: 20 workers,
// QPS 2000, token cache. It was not measured in this run.
const esoTuned = 64

// cold turns a cold start into figures. The goals are those of 1,000 objects,
// and for more of 5,000.
func (r *result) cold(keys int, before turn, got coldResult, after turn) {
	n := got.Objects
	memory := 40.0
	if n > 1000 {
		memory = 70
	}
	bare := (before.rate() + after.rate()) / 2
	r.plain("bare writer, before", before.rate(), perSecond)
	r.plain("bare writer, after", after.rate(), perSecond)
	r.plain("bare writer, mean", bare, perSecond)
	r.plain("bare writer, mean, requests", 2*bare, "writes/s")
	r.plain("first object Ready, from process start", got.First.Seconds(), seconds)
	r.plain("all Secrets exist, from process start", got.Secrets.Seconds(), seconds)
	r.plain("all ExternalSecrets Ready, from process start", got.Ready.Seconds(), seconds)
	r.plain("rate to the last Secret", float64(n)/got.Secrets.Seconds(), perSecond)
	r.add(rateFigure, got.rate(), perSecond, goal{})
	r.add("rate to all Ready, of the bare writer's", 100*got.rate()/bare, percent, atLeast(70))
	r.plain(partsFigure, 100*(partsEach(before)+partsEach(after))/2/partsEach(got.turn), percent)
	r.plain("the same, counted from the first Ready object on", 100*float64(n-1)/(got.Ready-got.First).Seconds()/bare, percent)
	if n == 1000 {
		r.add("rate to the last Secret, of tuned ESO's 64/s (another run)", float64(n)/got.Secrets.Seconds()/esoTuned, "×", atLeast(5))
	}
	r.add("Vault: reads of values", float64(got.vault.Reads), "", atMost(float64(keys)))
	r.plain("Vault: log-ins and all else", float64(got.vault.Total-got.vault.Reads), "")
	r.requests(got.requests, n)
	r.plain("CPU of tacit until all Ready", got.Used.Operator.Seconds(), seconds)
	r.plain("CPU of tacit an object", 1e6*got.Used.Operator.Seconds()/float64(n), "µs")
	r.plain("CPU of the API server and etcd an object, tacit's turn", cpuEach(got.turn), "µs")
	r.plain("the same, bare writer's turns", (cpuEach(before)+cpuEach(after))/2, "µs")
	for _, t := range []struct {
		whose string
		used  usage
	}{{"tacit's turn", got.Used}, {"bare writer, before", before.Used}, {"bare writer, after", after.Used}} {
		r.plain("processors busy for us, "+t.whose, share(t.used.parts(), t.used), percent)
		r.plain("processors taken by others, "+t.whose, share(t.used.others(), t.used), percent)
	}
	r.plain("own memory when all were Ready", mb(got.rssReady), megabytes)
	r.add(fmt.Sprintf("own memory %v later", settle), mb(got.rssSettled), megabytes, atMost(memory))
	r.add("own memory, peak", mb(got.rssPeak), megabytes, atMost(memory))
}

// These are compared between workloads.
const (
	rateFigure  = "rate to all Ready"
	partsFigure = "the same, by processor time of all parts an object"
)

func cpuEach(t turn) float64 {
	return 1e6 * (t.Used.APIServer + t.Used.Etcd).Seconds() / float64(t.Objects)
}

// partsEach is the processor time that an object took everywhere. Where the
// processors are the bound, it compares as the rates do, and hardly moves with
// what others take of the machine.
func partsEach(t turn) float64 { return t.Used.parts().Seconds() / float64(t.Objects) }

// still turns the window into figures.
func (r *result) still(got stillResult) {
	waves := stillWindow.Seconds() / stillInterval.Seconds()
	r.add("CPU of tacit", got.used.Operator.Seconds(), seconds, atMost(1.5))
	r.plain("CPU of the API server and etcd", (got.used.APIServer + got.used.Etcd).Seconds(), seconds)
	r.plain("CPU of Vault", got.used.Vault.Seconds(), seconds)
	r.plain("processors taken by others", share(got.used.others(), got.used), percent)
	r.add("Vault: reads of values", float64(got.vault.Reads), "", atMost(stillKeys*waves))
	r.plain("Vault: log-ins and all else", float64(got.vault.Total-got.vault.Reads), "")
	r.add("GETs of Secrets", requests(got.requests, "secrets", "GET"), "", atMost(0))
	r.add("LISTs of Secrets", requests(got.requests, "secrets", "LIST"), "", atMost(0))
	r.add("writes of Secrets", requests(got.requests, "secrets", "POST", "PUT", "PATCH", "APPLY"), "", atMost(0))
	r.add("writes of a status", requests(got.requests, "externalsecrets", "PATCH", "PUT", "APPLY"), "",
		atMost(stillObjects*waves))
	r.requests(got.requests, stillObjects)
	r.plain("own memory", mb(got.rss), megabytes)
	r.plain("own memory, peak since the start", mb(got.rssPeak), megabytes)
}

// bystanders turns memory into figures.
func (r *result) bystanders(got bystanderResult) {
	const all = 2 * bystanderCount
	r.plain("own memory beside none", mb(got.none), megabytes)
	r.add(fmt.Sprintf("own memory beside %d Secrets", bystanderCount), mb(got.first), megabytes, atMost(24))
	r.plain("own memory, peak of the start", mb(got.peak), megabytes)
	r.plain("CPU of tacit for the start", got.start.Operator.Seconds(), seconds)
	r.plain(fmt.Sprintf("own memory beside %d", all), mb(got.second), megabytes)
	// Garbage moves this by a few hundred bytes either way.
	// Over all of them: one step alone is smaller than what the garbage
	// collector happens to leave.
	r.add("own memory for each of them, against none", float64(got.second-got.none)/all, bytesEach, atMost(512))
	r.plain(fmt.Sprintf("own memory beside %d ConfigMaps and %d Deployments too", bystanderCount, bystanderWorkloads), mb(got.more), megabytes)
}

// requests adds a figure for each kind of request to the API server.
func (r *result) requests(counts map[testkit.Request]int, n int) {
	for _, q := range sorted(counts) {
		if counts[q] == 0 {
			continue // all of them were the meter's own
		}
		name := q.Verb + " " + q.Resource
		if q.Subresource != "" {
			name += "/" + q.Subresource
		}
		r.Figures = append(r.Figures, figure{Name: "API server: " + name, Value: float64(counts[q]),
			Note: fmt.Sprintf("%.2f an object", float64(counts[q])/float64(n))})
	}
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

// share is a part of what all processors could do in the span, in percent.
func share(part time.Duration, of usage) float64 {
	return 100 * part.Seconds() / (of.Span.Seconds() * float64(cores()))
}

// compare adds what only two workloads together show.
func (r *report) compare() {
	small, large := r.find("cold-1000"), r.find("cold-5000")
	if small == nil || large == nil {
		return
	}
	relative := func(name string) (float64, bool) {
		a, okA := small.value(name)
		b, okB := large.value(name)
		return 100 * b / a, okA && okB
	}
	if v, ok := relative(rateFigure); ok {
		large.add("rate to all Ready, of that with 1,000", v, percent, atLeast(90))
	}
	// The two ran at different times, and so beside different others.
	if v, ok := relative(partsFigure); ok {
		large.plain("the same, by processor time, each against its bare writer", v, percent)
	}
}
