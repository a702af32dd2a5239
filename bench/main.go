// Command bench measures Tacit against the ceiling that the API server itself
// sets: what a bare client writes in the same plane and the same run.
//
// Everything is real: a control plane and a Vault on loopback, and the
// operator as a process of its own. No figure is a test: the program ends
// with 0 also where a goal is missed, and with 1 if a workload did not
// complete.
//
//	go run ./bench                  every workload; writes bench/RESULTS.md
//	go run ./bench -only cold-1000  some of them; prints only
//
// Run it on a machine that does nothing else. What others took of the
// processors is among the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// workload is one thing to measure.
type workload struct {
	name, title string
	limit       time.Duration // after which it counts as hung
	run         func(context.Context, *lab, *result) error
}

// workloads lists them in the order in which they run.
func workloads() []workload {
	return []workload{
		{"cold-1000", "Cold start: 1,000 ExternalSecrets over 100 keys in Vault", 10 * time.Minute, cold(1000, 100)},
		{"cold-5000", "Cold start: 5,000 ExternalSecrets over 500 keys in Vault", 25 * time.Minute, cold(5000, 500)},
		{"still", "Standing still: 1,000 ExternalSecrets, refreshInterval 15s, 30 s", 10 * time.Minute, still},
		{"bystanders", "Bystanders: 10,000 Secrets of 4 KB that are not ours, then 10,000 more", 15 * time.Minute, bystanders},
		{"fanout-mirror", "Fan-out: one Secret to 300 namespaces, by a SecretMirror", 5 * time.Minute, fanout(true)},
		{"fanout-reflector", "Fan-out: one Secret to 300 namespaces, by reflector's annotations", 5 * time.Minute, fanout(false)},
		{"sealed", "Sealed: 300 SealedSecrets, RSA-4096, cold start", 10 * time.Minute, sealed},
		{"rollout", "Rollouts: 50 Deployments, each with a Secret of its own and five of all", 5 * time.Minute, rollouts},
	}
}

type options struct {
	only    string
	json    bool
	binary  string
	results string
}

func main() {
	var o options
	var names []string
	for _, w := range workloads() {
		names = append(names, w.name)
	}
	flag.StringVar(&o.only, "only", "", "run these `workloads` alone, with commas between ("+strings.Join(names, ", ")+"), and write no results file")
	flag.BoolVar(&o.json, "json", false, "print JSON in place of tables")
	flag.StringVar(&o.binary, "binary", "", "measure this `file` (default: tacit is built as `make build` does)")
	flag.StringVar(&o.results, "results", "", "write the results of all workloads to this `file` (default: bench/RESULTS.md)")
	flag.Parse()
	// What a client library has to say belongs to nobody here.
	klog.SetLogger(logr.Discard())
	ctrllog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to clean up: run has done it
	}
}

func run(ctx context.Context, o options) error {
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	root, err := testkit.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tacit-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if o.binary == "" {
		say("building tacit")
		if o.binary, err = build(ctx, root, dir); err != nil {
			return err
		}
	}
	all, err := measure(ctx, chosen, lab{binary: o.binary, dir: dir}, newReport(ctx, root, o.binary))
	if !all.empty() {
		err = errors.Join(err, publish(all, o, root))
	}
	return err
}

// publish prints what was measured and, if that was all of it, keeps it.
func publish(r report, o options, root string) error {
	if o.json {
		if err := r.writeJSON(os.Stdout); err != nil {
			return err
		}
	} else if err := r.writeTables(os.Stdout); err != nil {
		return err
	}
	path := o.results
	if path == "" {
		path = filepath.Join(root, "bench", "RESULTS.md")
	}
	if o.only != "" && o.results == "" {
		return nil
	}
	return writeFile(path, r.writeMarkdown)
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

func choose(only string) ([]workload, error) {
	all := workloads()
	if only == "" {
		return all, nil
	}
	var chosen []workload
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(w workload) bool { return w.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no workload %q; see -help for those that are", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// measure runs each workload in a lab of its own. One that fails does not
// keep the others from running.
func measure(ctx context.Context, chosen []workload, l lab, r report) (report, error) {
	var failed []error
	for _, w := range chosen {
		if ctx.Err() != nil {
			break
		}
		say("%s", w.title)
		res := result{Name: w.name, Title: w.title}
		err := l.with(ctx, w.limit, &r.Machine, func(ctx context.Context, l *lab) error { return w.run(ctx, l, &res) })
		if err != nil {
			res.Failure = err.Error()
			failed = append(failed, fmt.Errorf("%s did not complete: %w", w.name, err))
		}
		r.Results = append(r.Results, res)
	}
	r.compare()
	return r, errors.Join(append(failed, ctx.Err())...)
}

// say tells who waits what is going on, beside the results.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
