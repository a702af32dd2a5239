package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/status"
)

// statusFlags are the flags of `tacit status`.
type statusFlags struct {
	namespace  string
	all, watch bool
	output     string
	kubed      string
	protected  []string
	without    []string
}

func statusCommand() *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print one table of every object that Tacit serves",
		Long: `Print one table of every object in every language that Tacit speaks: what it
takes from where, where that goes, whether it is ready or why not, when it last
succeeded, when it last changed something there, and when what it restarts was
last restarted.

It asks the cluster of $KUBECONFIG, with your rights, and reads manifests,
statuses and metadata: never a value of a Secret, no store, and not the operator.

With --watch it looks again every second, less often where looking takes long.
On a terminal it draws the table over; elsewhere it prints a row when it is new
or has changed. The fields of --output json are stable; with --watch that is a
row a line, and "gone": true marks an object that is no more.`,
		Example: `  tacit status
  tacit status --namespace team-a --watch
  tacit status --output json | jq '.[] | select(.ready != "True")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			cfg, err := ctrl.GetConfig()
			if err != nil {
				return fmt.Errorf("no cluster to ask: set KUBECONFIG: %w", err)
			}
			return f.run(cmd.Context(), cfg, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.namespace, "namespace", "n", "", "show this namespace only (default: all)")
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "show all namespaces, which is the default")
	flags.BoolVarP(&f.watch, "watch", "w", false, "go on showing what changes")
	flags.StringVarP(&f.output, "output", "o", "", "json, or wide: with languages and all keys")
	flags.StringVar(&f.kubed, "kubed-cluster-name", "", "what the operator was told with this flag, to know kubed's copies by")
	withoutFlag(flags, &f.without, "language that the operator was told not to serve; repeat it for several")
	protectFlag(flags, &f.protected, "namespace in which the operator makes no copies for others; repeat it for several as it was told")
	return cmd
}

func (f *statusFlags) validate() error {
	switch f.output {
	case "", "wide", "json":
	default:
		return fmt.Errorf("--output %q: want json or wide", f.output)
	}
	if f.all && f.namespace != "" {
		return errors.New("--namespace and --all-namespaces contradict each other; give one")
	}
	return f.languages().Check()
}

// languages are those that an operator may serve: what this one does, the
// statuses tell.
func (f *statusFlags) languages() operator.LanguageOptions {
	return operator.LanguageOptions{KubedEverywhere: true, KubedCluster: f.kubed, Without: f.without}
}

// run gathers and prints, once or until ctx ends.
func (f *statusFlags) run(ctx context.Context, cfg *rest.Config, out, notes io.Writer) error {
	g, err := f.gatherer(cfg)
	if err != nil {
		return err
	}
	table, err := g.Gather(ctx)
	if err != nil {
		return fmt.Errorf("cannot read the cluster: %w", err)
	}
	style := status.Style{Wide: f.output == "wide", Colour: coloured(out), Now: time.Now()}
	if f.watch {
		return f.follow(ctx, g, table, style, out, notes)
	}
	tell(notes, table.Notes)
	if f.output == "json" {
		return writeJSON(out, table.Rows)
	}
	if len(table.Rows) == 0 {
		fmt.Fprintln(notes, "tacit: there is nothing that Tacit serves")
		return nil
	}
	return status.Write(out, table.Rows, style)
}

func (f *statusFlags) gatherer(cfg *rest.Config) (*status.Gatherer, error) {
	// The server's priority and fairness limits us, not a guess of ours.
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.UserAgent = -1, "tacit-status"
	spoken := f.languages()
	languages := operator.Languages(spoken)
	c, err := client.New(cfg, client.Options{Scheme: status.Scheme(languages)})
	if err != nil {
		return nil, fmt.Errorf("set up the client: %w", err)
	}
	return &status.Gatherer{
		Client: c, Languages: languages, Workloads: operator.Workloads(spoken), Namespace: f.namespace, Protected: f.protected,
	}, nil
}

// pace is the shortest time between two looks; share is how many times longer
// than a look the pause after it is, so that a large cluster is not kept busy.
const (
	pace  = time.Second
	share = 4
)

// follow shows changes until ctx ends. What fails after the first look may
// pass: it is told, once, and tried again.
func (f *statusFlags) follow(ctx context.Context, g *status.Gatherer, table status.Table, style status.Style, out, notes io.Writer) error {
	shown := &status.Follower{Out: out, Style: style, JSON: f.output == "json", Size: sizeOf(out)}
	if shown.Size == nil || shown.JSON {
		tell(notes, table.Notes)
	}
	for {
		if err := shown.Show(table, time.Now()); err != nil {
			return err
		}
		var ok bool
		if table, ok = next(ctx, g, notes); !ok {
			return nil
		}
	}
}

// next is the next look that succeeds; ok is false when ctx ends first.
func next(ctx context.Context, g *status.Gatherer, notes io.Writer) (table status.Table, ok bool) {
	trouble := ""
	for {
		select {
		case <-ctx.Done():
			return table, false
		case <-time.After(pace):
		}
		start := time.Now()
		table, err := g.Gather(ctx)
		if err != nil && ctx.Err() == nil && err.Error() != trouble {
			trouble = err.Error()
			tell(notes, []string{"cannot read the cluster: " + trouble})
		}
		select {
		case <-ctx.Done():
			return table, false
		case <-time.After(share * time.Since(start)):
		}
		if err == nil {
			return table, true
		}
	}
}

func tell(w io.Writer, notes []string) {
	for _, note := range notes {
		fmt.Fprintln(w, "tacit: "+note)
	}
}

func writeJSON(w io.Writer, rows []status.Row) error {
	if rows == nil {
		rows = []status.Row{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(rows)
}

// sizeOf tells the size of the terminal that w is; nil if it is none.
func sizeOf(w io.Writer) func() (width, height int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return func() (int, int) {
		width, height, err := term.GetSize(int(f.Fd()))
		if err != nil || width <= 0 || height <= 0 {
			return 80, 24
		}
		return width, height
	}
}

func coloured(w io.Writer) bool { return sizeOf(w) != nil && os.Getenv("NO_COLOR") == "" }
