package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tacit-secrets/tacit/internal/seal"
)

// sealRotateFlags are the flags of `tacit seal rotate`.
type sealRotateFlags struct {
	openerFlags
	dry       bool
	namespace string
}

func sealRotateCommand() *cobra.Command {
	var f sealRotateFlags
	cmd := &cobra.Command{
		Use:   "rotate DIR...",
		Short: "Seal every SealedSecret under a directory for the newest key",
		Long: `Seal the values of every SealedSecret under a directory, or in a file, for the
newest key of the cluster of $KUBECONFIG, in place; every other byte of the
files stays. No value leaves the cluster: it opens and seals them itself. With
--keys that is done here, with a backup of its keys.

A value for several clusters stays open to the others. Tacit leaves a value as
it is that is for the newest key already; Sealed Secrets seals it anew each
time. An object that does not open stays as it is and is told of; the status is
1 then.`,
		Example: `  tacit seal rotate --dry-run deploy/
  tacit seal rotate deploy/
  tacit seal rotate --keys backup.age --identity me.txt deploy/`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return arguments("DIR...")(cmd, args)
			}
			return nil
		},
		RunE: f.run,
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.dry, "dry-run", false, "say what would change, and write nothing")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "namespace of the objects that name none")
	f.add(flags)
	return cmd
}

func (f *sealRotateFlags) run(cmd *cobra.Command, args []string) error {
	by, err := f.open(cmd)
	if err != nil {
		return err
	}
	r := report{out: cmd.OutOrStdout()}
	for _, arg := range args {
		paths, err := seal.Files(arg)
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := f.file(cmd, path, by, &r); err != nil {
				return err
			}
		}
	}
	if r.objects == 0 && r.failed == 0 {
		return errors.New("there is no SealedSecret in it")
	}
	return r.err("left as they are")
}

// file rotates one file. Its error ends the command: the next file would fare
// no better.
func (f *sealRotateFlags) file(cmd *cobra.Command, path string, by seal.Opener, r *report) error {
	before, err := seal.ReadFile(path)
	if err != nil {
		r.fail(path, err)
		return nil
	}
	after, objects, err := seal.Rotate(cmd.Context(), before, f.namespace, by)
	switch {
	case errors.Is(err, seal.ErrFile):
		r.fail(path, err)
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	}
	if !f.dry && !bytes.Equal(before, after) {
		if err := seal.WriteFile(path, after, 0o644); err != nil {
			return err
		}
	}
	for _, o := range objects {
		r.objects++
		place := fmt.Sprintf("%s: %s", path, o.Title)
		switch {
		case o.Problem != nil:
			r.fail(place, o.Problem)
		case len(o.Keys) == 0:
			r.say(place, "is for the newest key already")
		case f.dry:
			r.say(place, "would be sealed anew: "+strings.Join(o.Keys, ", "))
		default:
			r.say(place, "sealed anew: "+strings.Join(o.Keys, ", "))
		}
	}
	return nil
}
