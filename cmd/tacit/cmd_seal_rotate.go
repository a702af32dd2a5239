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
	sealedFiles
	dry bool
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
		Args: arguments("DIR..."),
		RunE: f.run,
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.dry, "dry-run", false, "say what would change, and write nothing")
	f.add(flags)
	return cmd
}

func (f *sealRotateFlags) run(cmd *cobra.Command, args []string) error {
	by, err := f.open(cmd)
	if err != nil {
		return err
	}
	return f.eachFile(cmd, args, "left as they are", func(path string, r *report) error {
		return f.file(cmd, path, by, r)
	})
}

// file rotates one file.
func (f *sealRotateFlags) file(cmd *cobra.Command, path string, by seal.Opener, r *report) error {
	if path == "-" {
		return errors.New("it cannot be changed in place: give files and directories")
	}
	before, err := readFile(cmd, path)
	if err != nil {
		return err
	}
	after, objects, err := seal.Rotate(cmd.Context(), before, f.namespace, by)
	if err != nil {
		return err
	}
	if !f.dry && !bytes.Equal(before, after) {
		// The cluster was asked meanwhile, and that may have taken its time.
		err := seal.Edit(path, func(now []byte) ([]byte, error) {
			if !bytes.Equal(before, now) {
				return nil, seal.ErrChanged
			}
			return after, nil
		})
		if err != nil {
			r.fail(path, err)
			return nil
		}
	}
	for _, o := range objects {
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
