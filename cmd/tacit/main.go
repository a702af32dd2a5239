// Command tacit brings secrets from where they live to where they are used.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// The signals stay caught until the process ends.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	os.Exit(run(ctx, os.Args[1:]))
}

// run is main without the process: it returns the exit status.
func run(ctx context.Context, args []string) int {
	cmd := newCommand() //nolint:contextcheck // commands take their context from ExecuteContext
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "tacit: "+err.Error())
		return 1
	}
	return 0
}

func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tacit",
		Short: "Bring secrets from where they live to where they are used",
		Long: `Tacit is a Kubernetes operator for the whole way of a secret: it reads stores
such as Vault and keeps Secrets of the cluster true to them. It runs the
manifests of External Secrets, mirrors, Doppler, Sealed Secrets and others as
they are.

Start with:
  tacit crds | kubectl apply --server-side -f -   install the kinds of object
  tacit operator                                  run against $KUBECONFIG or in a pod
  tacit status                                    see what it does`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(operatorCommand(), crdsCommand(), statusCommand(), sealCommand(), keysCommand(), versionCommand())
	return cmd
}
