package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/seal"
)

// sealDiffFlags are the flags of `tacit seal diff`.
type sealDiffFlags struct {
	openerFlags
	live, exitCode bool
	namespace      string
}

func sealDiffCommand() *cobra.Command {
	var f sealDiffFlags
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say which keys of SealedSecrets changed, without values",
		Long: `Say which keys of SealedSecrets were added, removed or sealed anew from one
file to another, and what else changed of what becomes of them; never a value.
Either may be -, for stdin, and /dev/null, for a file that is not there.

Sealing the same value again makes another ciphertext: only with --keys can it
be told whether a value is another; one that they do not open is told of. With
--live the one file is compared with what the cluster has, as the old one.`,
		Example: `  git show HEAD:db.yaml | tacit seal diff - db.yaml
  tacit seal diff --live db.yaml
  tacit seal diff --keys backup.age --identity me.txt old.yaml new.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.live {
				return arguments("FILE")(cmd, args)
			}
			return arguments("OLD", "NEW")(cmd, args)
		},
		Annotations: map[string]string{oneIsAnAnswer: ""},
		RunE:        f.run,
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.live, "live", false, "compare the file with the cluster's objects")
	flags.BoolVar(&f.exitCode, "exit-code", false, "end with status 1 if there is a difference (a mistake is 2, always)")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "namespace of the objects that name none (--live and --keys must know it)")
	f.add(flags)
	return cmd
}

var errDiffers = errors.New("there are differences")

func (f *sealDiffFlags) run(cmd *cobra.Command, args []string) error {
	in := &stdin{terminal: terminalOf(cmd)}
	var sides [][]*v1alpha1.SealedSecret
	for _, path := range args {
		objects, err := sealedIn(path, f.namespace, in)
		if err != nil {
			return err
		}
		sides = append(sides, objects)
	}
	if f.live {
		old, err := f.fromCluster(cmd, sides[0])
		if err != nil {
			return err
		}
		sides = [][]*v1alpha1.SealedSecret{old, sides[0]}
	}
	keys, err := f.keys.open(cmd)
	if err != nil {
		return err
	}
	lines, err := seal.Diff(cmd.Context(), sides[0], sides[1], keys)
	if err != nil {
		return err
	}
	for _, line := range lines {
		fmt.Fprintln(cmd.OutOrStdout(), line)
	}
	if f.exitCode && len(lines) > 0 {
		return errDiffers
	}
	return nil
}

// sealedIn are the SealedSecrets of a file, in the namespace if they name none.
// Only /dev/null may have none: a file that should have, and has not, must not
// pass for one of which everything is new.
func sealedIn(path, namespace string, in *stdin) ([]*v1alpha1.SealedSecret, error) {
	content, err := in.file(path, "a file of SealedSecrets")
	if err != nil {
		return nil, err
	}
	f, err := seal.ParseFile(content)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", titleOf(path), err)
	case len(f.Objects) == 0 && path != os.DevNull:
		return nil, fmt.Errorf("%s: there is no SealedSecret in it (%s stands for a file that is not there)", titleOf(path), os.DevNull)
	}
	var out []*v1alpha1.SealedSecret
	for _, o := range f.Objects {
		if o.Namespace == "" {
			o.Namespace = namespace
		}
		out = append(out, &o.SealedSecret)
	}
	return out, nil
}

// fromCluster are the objects as they are; one that is not there is left out.
func (f *sealDiffFlags) fromCluster(cmd *cobra.Command, of []*v1alpha1.SealedSecret) ([]*v1alpha1.SealedSecret, error) {
	cluster, err := f.service.cluster(f.context)
	if err != nil {
		return nil, err
	}
	var out []*v1alpha1.SealedSecret
	for _, o := range of {
		if o.Namespace == "" {
			return nil, fmt.Errorf("%s names no namespace: say it with --namespace", o.Name)
		}
		live, err := cluster.Live(cmd.Context(), o.Namespace, o.Name)
		switch {
		case errors.Is(err, seal.ErrNotThere):
		case err != nil:
			return nil, err
		default:
			out = append(out, live)
		}
	}
	return out, nil
}
