package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tacit-secrets/tacit/config/crd"
)

func crdsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "crds",
		Short: "Print the CustomResourceDefinitions of every kind that Tacit serves",
		Long: `Print the CustomResourceDefinitions of every kind that Tacit serves, as YAML.

They are for a cluster that has none yet; where External Secrets installed its
own, those serve as they are. Apply them with:

  tacit crds | kubectl apply --server-side -f -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			docs, err := crd.YAML()
			if err != nil {
				return err
			}
			for _, doc := range docs {
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "---\n%s", doc); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
