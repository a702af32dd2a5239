package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

const millis = "ms"

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// number of requests of any of the verbs for a resource.
func requests(counts map[testkit.Request]int, resource string, verbs ...string) float64 {
	n := 0
	for q, c := range counts {
		if q.Resource == resource && slices.Contains(verbs, q.Verb) {
			n += c
		}
	}
	return float64(n)
}

// fanout turns the copies of one source into figures.
func (r *result) fanout(before bareFan, got fanResult, after bareFan) {
	rate := func(d time.Duration) float64 { return fanNamespaces / d.Seconds() }
	create, update := (before.create+after.create)/2, (before.update+after.update)/2
	slices.Sort(got.changes)
	median, worst := percentile(got.changes, 50), percentile(got.changes, 100)
	r.plain("first copy, from process start", got.first.Seconds(), seconds)
	r.add("last copy, from process start", got.last.Seconds(), seconds, atMost(2))
	r.plain("bare writer, all of them created", create.Seconds(), seconds)
	r.plain("rate from the first copy to the last", (fanNamespaces-1)/(got.last-got.first).Seconds(), perSecond)
	r.plain("the same, of the bare writer's", 100*(fanNamespaces-1)/(got.last-got.first).Seconds()/rate(create), percent)
	r.plain("a change of the source at the last namespace, median", median.Seconds(), seconds)
	r.add(fmt.Sprintf("the same, worst of %d", len(got.changes)), worst.Seconds(), seconds, atMost(1))
	r.plain("bare writer, all of them patched", update.Seconds(), seconds)
	r.plain("rate of a change, median, of the bare writer's", 100*update.Seconds()/median.Seconds(), percent)
	r.plain("a new namespace, until it has its copy", ms(got.newcomer), millis)
	r.add("creates of a Secret a copy", requests(got.start, "secrets", "POST")/fanNamespaces, "", goal{})
	r.requests(got.start, fanNamespaces)
	n := float64(fanChanges)
	r.add("GETs of Secrets a change", requests(got.changed, "secrets", "GET")/n, "", atMost(1))
	r.add("LISTs of Secrets a change", requests(got.changed, "secrets", "LIST")/n, "", atMost(0))
	r.add("patches of Secrets a change", requests(got.changed, "secrets", "PATCH", "APPLY")/n, "", atMost(fanNamespaces))
	r.plain("writes of a status a change", requests(got.changed, "secretmirrors", "PATCH", "PUT", "APPLY")/n, "")
	r.plain("CPU of tacit until the last copy", got.used.Operator.Seconds(), seconds)
	r.plain("CPU of tacit a change", got.changeUsed.Operator.Seconds()/n, seconds)
	r.plain("processors taken by others, until the last copy", share(got.used.others(), got.used), percent)
	r.plain("processors taken by others, changes", share(got.changeUsed.others(), got.changeUsed), percent)
	r.plain("own memory", mb(got.rss), megabytes)
	r.plain("own memory, peak", mb(got.peak), megabytes)
}

// sealed turns the opening of sealed values into figures.
func (r *result) sealed(got sealedResult) {
	r.plain("first Secret, from process start", got.first.first.Seconds(), seconds)
	r.add("last Secret, from process start", got.first.last.Seconds(), seconds, atMost(5))
	r.plain("the decryptions alone, one after the other", got.bare.Seconds(), seconds)
	r.requests(got.first.requests, sealedObjects)
	r.plain("CPU of tacit until the last Secret", got.first.used.Operator.Seconds(), seconds)
	r.plain("processors taken by others", share(got.first.used.others(), got.first.used), percent)
	r.add(fmt.Sprintf("last Secret, after a restart, sealed for the oldest of %d keys", sealedKeys), got.many.last.Seconds(), seconds, atMost(5))
	r.plain("CPU of tacit until then", got.many.used.Operator.Seconds(), seconds)
	r.plain("own memory", mb(got.many.rss), megabytes)
	r.plain("own memory, peak", mb(got.many.peak), megabytes)
}

// rollouts turns restarts into figures.
func (r *result) rollouts(got rollResult) {
	slices.Sort(got.own)
	n := float64(got.ownWant)
	r.plain("every workload is known and recorded, from process start", got.known.Seconds(), seconds)
	r.requests(got.start, rollWorkloads)
	single := "a Deployment's own Secret changes, until its pod template is patched, "
	r.add(single+"p50", ms(percentile(got.own, 50)), millis, atMost(100))
	r.plain(single+"p99", ms(percentile(got.own, 99)), millis)
	r.plain(single+"worst", ms(percentile(got.own, 100)), millis)
	r.count("rollouts of so many single changes", got.ownGot, got.ownWant)
	r.add("GETs of Secrets a change", requests(got.singles, "secrets", "GET")/n, "", atMost(1))
	r.add("patches of Deployments a change", requests(got.singles, "deployments", "PATCH", "APPLY")/n, "", atMost(1))
	r.add("GETs and LISTs of Deployments", requests(got.singles, "deployments", "GET", "LIST"), "", atMost(0))
	r.plain("CPU of tacit a change", ms(got.singleUsed.Operator)/n, millis)
	r.plain("a Secret of all changes, until the first is patched", ms(got.sharedFirst), millis)
	r.plain("the same, until the last is", ms(got.sharedLast), millis)
	r.count("rollouts of that one change", got.sharedGot, got.each)
	r.plain(fmt.Sprintf("%d Secrets of all change twice at once, until the last is patched", rollShared), ms(got.burstLast), millis)
	r.count("rollouts of these changes", got.burstGot, got.each)
	r.plain("processors taken by others, single changes", share(got.singleUsed.others(), got.singleUsed), percent)
	r.plain("own memory", mb(got.rss), megabytes)
	r.plain("own memory, peak", mb(got.peak), megabytes)
}

// count adds a number that has to be exactly another.
func (r *result) count(name string, got, want int64) {
	r.add(name, float64(got), "", exactly(float64(want)))
}
