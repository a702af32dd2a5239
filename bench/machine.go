package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// machine is what everything ran on.
type machine struct {
	Cores      int    `json:"cores"`
	Memory     int64  `json:"memory"` // bytes
	Processor  string `json:"processor,omitempty"`
	Go         string `json:"go"`         // that built the operator
	Kubernetes string `json:"kubernetes"` // of the control plane
}

// String is a sentence.
func (m machine) String() string {
	s := fmt.Sprintf("Machine: %d cores, %.0f GiB of memory", m.Cores, float64(m.Memory)/(1<<30))
	if m.Processor != "" {
		s += ", " + m.Processor
	}
	return fmt.Sprintf("%s; %s, Kubernetes %s.", s, m.Go, m.Kubernetes)
}

func cores() int { return runtime.NumCPU() }

// newReport notes what is known before anything runs.
func newReport(ctx context.Context, root, binary string) report {
	r := report{Date: time.Now(), Machine: machine{Cores: cores(), Go: runtime.Version(), Kubernetes: "unknown"}}
	r.Command = strings.Join(append([]string{"go run ./bench"}, os.Args[1:]...), " ")
	if info, err := buildinfo.ReadFile(binary); err == nil {
		r.Machine.Go = info.GoVersion
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		r.Machine.Memory, _ = field(text, "MemTotal")
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		r.Machine.Processor = processor(string(text))
	}
	git := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty")
	git.Dir = root
	if out, err := git.Output(); err == nil {
		r.Commit = strings.TrimSpace(string(out))
	}
	return r
}

// processor is the first model name in /proc/cpuinfo.
func processor(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if rest, ok := strings.CutPrefix(line, "model name"); ok {
			_, name, _ := strings.Cut(rest, ":")
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// kubernetesVersion reads it off the binary: one that is built as a module
// does not know it itself.
func kubernetesVersion(plane *testkit.Plane) string {
	info, err := buildinfo.ReadFile(plane.KubectlPath())
	if err != nil {
		return "unknown"
	}
	for _, dep := range info.Deps {
		if dep.Path == "k8s.io/kubernetes" {
			return dep.Version
		}
	}
	return "unknown"
}
