// Command tacit brings secrets from where they live to where they are used.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// The first signal asks for an end, the second makes one.
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, release)
	os.Exit(run(ctx, os.Args[1:]))
}

// run is main without the process: it returns the exit status.
func run(ctx context.Context, args []string) int {
	cmd := newCommand() //nolint:contextcheck // commands take their context from ExecuteContext
	cmd.SetArgs(args)
	ran, err := cmd.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "tacit: interrupted")
		return statusInterrupted
	}
	fmt.Fprintln(os.Stderr, "tacit: "+err.Error())
	return statusOf(ran, err)
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
