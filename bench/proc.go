package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tickLength is what Linux counts processor time in, whatever the kernel's own
// clock (USER_HZ).
const tickLength = 10 * time.Millisecond

// cpuOf is the processor time that a process has used, 0 if it is gone.
func cpuOf(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return parseStat(stat)
}

// parseStat reads utime and stime, which are the 12th and 13th field after
// the name; the name may hold spaces and brackets.
func parseStat(stat []byte) time.Duration {
	_, rest, ok := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	fields := strings.Fields(string(rest))
	if !ok || len(fields) < 13 {
		return 0
	}
	return ticks(fields[11:13])
}

// busy is the processor time that everything on the machine has used.
func busy() time.Duration {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0
	}
	// user nice system | idle iowait | irq softirq steal
	return ticks(fields[1:4]) + ticks(fields[6:9])
}

func ticks(fields []string) time.Duration {
	var sum int64
	for _, f := range fields {
		n, _ := strconv.ParseInt(f, 10, 64)
		sum += n
	}
	return time.Duration(sum) * tickLength
}

// rssAnon is the memory of a process that is its own: not the pages of its
// binary, which others may share and the kernel may drop.
func rssAnon(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return field(status, "RssAnon")
}

// field reads a line such as "RssAnon:   12345 kB".
func field(text []byte, name string) (int64, error) {
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, name+":")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		return n << 10, err
	}
	return 0, fmt.Errorf("/proc has no %s: this needs Linux", name)
}

// reading is the state of all clocks at one moment.
type reading struct {
	at   time.Time
	lab  *lab
	op   *operator
	used usage
}

// usage is processor time by who used it.
type usage struct {
	Span                                         time.Duration
	Operator, APIServer, Etcd, Vault, Bench, All time.Duration
}

// readClock reads them; op may be nil.
func (l *lab) readClock(op *operator) reading {
	r := reading{at: time.Now(), lab: l, op: op}
	pids := l.plane.PIDs()
	r.used = usage{APIServer: cpuOf(pids.APIServer), Etcd: cpuOf(pids.Etcd), Vault: cpuOf(l.vault.PID()),
		Bench: cpuOf(os.Getpid()), All: busy()}
	if op != nil {
		r.used.Operator = cpuOf(op.pid)
	}
	return r
}

// until is what was used from the reading until now.
func (r reading) until() usage {
	now, was := r.lab.readClock(r.op), r.used
	return usage{
		Span:      now.at.Sub(r.at),
		Operator:  now.used.Operator - was.Operator,
		APIServer: now.used.APIServer - was.APIServer,
		Etcd:      now.used.Etcd - was.Etcd,
		Vault:     now.used.Vault - was.Vault,
		Bench:     now.used.Bench - was.Bench,
		All:       now.used.All - was.All,
	}
}

// parts is what everything took that belongs to the measurement.
func (u usage) parts() time.Duration {
	return u.Operator + u.APIServer + u.Etcd + u.Vault + u.Bench
}

// others is what programs took that have nothing to do with the measurement.
func (u usage) others() time.Duration {
	return max(0, u.All-u.parts())
}
