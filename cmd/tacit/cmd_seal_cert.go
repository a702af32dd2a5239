package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

func sealCertCommand() *cobra.Command {
	var f openerFlags
	cmd := &cobra.Command{
		Use:   "cert",
		Short: "Print the certificate that is sealed for",
		Long: `Print the certificate of the cluster of $KUBECONFIG, or that of the newest key
of a backup, for --cert and for kubeseal. It is public: keep it in Git, and
whoever has it can seal without the cluster.`,
		Example: `  tacit seal cert > prod.pem
  tacit seal cert --context staging > staging.pem
  tacit seal cert --keys keys.age --identity me.txt > prod.pem`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return printCertificate(cmd, &f) },
	}
	f.keys.add(cmd.Flags(), "backup of keys (see: tacit keys backup); no cluster is asked")
	f.addCluster(cmd.Flags())
	return cmd
}

func printCertificate(cmd *cobra.Command, f *openerFlags) error {
	cert, err := f.certificate(cmd)
	if err != nil {
		return err
	}
	warnings, err := seal.Usable([]sealing.Certificate{cert}, time.Now())
	terminalOf(cmd).tell(warnings...)
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(cert.PEM())
	return err
}

// certificate is the newest of who opens.
func (o *openerFlags) certificate(cmd *cobra.Command) (sealing.Certificate, error) {
	keys, err := o.keys.open(cmd)
	if err != nil {
		return sealing.Certificate{}, err
	}
	if keys != nil {
		return newestOf(keys)
	}
	cluster, err := o.service.cluster(o.context)
	if err != nil {
		return sealing.Certificate{}, err
	}
	cert, err := cluster.Certificate(cmd.Context())
	if err != nil {
		return cert, fmt.Errorf("fetch the certificate: %w", err)
	}
	return cert, nil
}

// newestOf is the certificate of the newest key of a backup.
func newestOf(keys *seal.Keys) (sealing.Certificate, error) {
	newest, err := keys.Newest()
	if err != nil {
		return newest, fmt.Errorf("--keys: %w", err)
	}
	return newest, nil
}
