package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tacit-secrets/tacit/internal/seal"
)

// sealVerifyFlags are the flags of `tacit seal verify`.
type sealVerifyFlags struct {
	openerFlags
	offline   bool
	namespace string
}

func sealVerifyCommand() *cobra.Command {
	var f sealVerifyFlags
	cmd := &cobra.Command{
		Use:   "verify FILE...",
		Short: "Say whether SealedSecrets are well formed and open in the cluster",
		Long: `Say whether the SealedSecrets of files, or of all manifests under directories,
are well formed, and whether the cluster of $KUBECONFIG can open them, or the
keys of a backup. The status is 1 if one of them fails.

With --offline only their form is looked at: what was cut short or is no sealed
value is found, what was sealed for another name or cluster is not.`,
		Example: `  tacit seal verify deploy/
  tacit seal verify --offline db.yaml
  tacit seal verify --keys backup.age --passphrase-file pass db.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return arguments("FILE...")(cmd, args)
			}
			return nil
		},
		RunE: f.run,
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.offline, "offline", false, "look at the form alone; ask no cluster")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "namespace of the objects that name none")
	f.add(flags)
	return cmd
}

func (f *sealVerifyFlags) run(cmd *cobra.Command, args []string) error {
	if f.offline && f.keys != "" {
		return errors.New("--offline and --keys contradict each other; give one")
	}
	var by seal.Opener
	if !f.offline {
		opener, err := f.open(cmd)
		if err != nil && f.keys == "" {
			return fmt.Errorf("%w (--offline looks at the form alone)", err)
		}
		if err != nil {
			return err
		}
		by = opener
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
	return r.err("not in order")
}

// file reports on each object of a file. Its error ends the command.
func (f *sealVerifyFlags) file(cmd *cobra.Command, path string, by seal.Opener, r *report) error {
	file, err := seal.OpenFile(path)
	if err != nil {
		r.fail(path, err)
		return nil
	}
	good := map[bool]string{true: "well formed", false: "opens"}[by == nil]
	for _, o := range file.Objects {
		r.objects++
		verdict, err := seal.Verify(cmd.Context(), o, f.namespace, by)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		place := fmt.Sprintf("%s: %s", path, o.Title())
		if verdict.Problem != nil {
			r.fail(place, verdict.Problem)
		} else {
			r.say(place, good)
		}
		for _, note := range verdict.Notes {
			r.say(place, "note: "+note)
		}
	}
	return nil
}

// report prints a line for each object and counts.
type report struct {
	out             io.Writer
	objects, failed int
}

func (r *report) say(place, what string) { fmt.Fprintf(r.out, "%s: %s\n", place, what) }

func (r *report) fail(place string, why error) {
	r.failed++
	r.say(place, why.Error())
}

// err is what the command ends with.
func (r *report) err(what string) error {
	if r.failed == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d", what, r.failed)
}
