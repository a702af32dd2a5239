package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tacit-secrets/tacit/internal/operator"
)

func operatorCommand() *cobra.Command {
	var f operatorFlags
	cmd := &cobra.Command{
		Use:   "operator",
		Short: "Run the operator",
		Long: `Run the operator until it is told to stop (SIGTERM, Ctrl-C).

It takes the cluster from $KUBECONFIG, else from the pod that it runs in, else
from ~/.kube/config. Kinds whose CustomResourceDefinitions are missing are
served as soon as they appear (see: tacit crds).

With --namespace it serves those namespaces alone and needs no more than a Role
in each; cluster-scoped stores are out of its reach then.`,
		Example: `  tacit operator
  tacit operator --namespace team-a --namespace team-b --log-format text
  tacit operator --leader-elect --metrics-bind-address :8080
  tacit operator --without reflector --without kubed
  VAULT_URL=https://vault.example.com tacit operator --vault-token-file /vault/token`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(cmd.Flags())
	return cmd
}

func (f *operatorFlags) run(cmd *cobra.Command) error {
	log, err := newLogger(cmd.ErrOrStderr(), f.logLevel, f.logFormat)
	if err != nil {
		return err
	}
	log = operator.WithoutBodies(log)
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	if f.Config, err = ctrl.GetConfig(); err != nil {
		return fmt.Errorf("no cluster to work for: set KUBECONFIG or run in a pod: %w", err)
	}
	f.Log = log
	if f.Languages.VaultSyncStatus.Vault, err = f.vault.config(); err != nil {
		return err
	}
	if sealed := &f.Languages.Sealed; sealed.RenewPeriod == 0 {
		sealed.RenewPeriod = -1 // never, as the original has it
	}
	return operator.Run(cmd.Context(), f.Options)
}

// newLogger makes the one logger of the process.
func newLogger(w io.Writer, level, format string) (logr.Logger, error) {
	l, ok := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}[level]
	if !ok {
		return logr.Logger{}, fmt.Errorf("--log-level %q: want debug, info, warn or error", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	switch format {
	case "json":
		return logr.FromSlogHandler(slog.NewJSONHandler(w, opts)), nil
	case "text":
		return logr.FromSlogHandler(slog.NewTextHandler(w, opts)), nil
	}
	return logr.Logger{}, fmt.Errorf("--log-format %q: want json or text", format)
}
