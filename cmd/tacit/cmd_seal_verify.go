package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tacit-secrets/tacit/internal/seal"
)

// sealVerifyFlags are the flags of `tacit seal verify`.
type sealVerifyFlags struct {
	sealedFiles
	offline bool
}

func sealVerifyCommand() *cobra.Command {
	var f sealVerifyFlags
	cmd := &cobra.Command{
		Use:   "verify FILE...",
		Short: "Say whether SealedSecrets are well formed and open in the cluster",
		Long: `Say whether the SealedSecrets of files, of all manifests under directories, or
of stdin (-) are well formed, and whether the cluster of $KUBECONFIG can open
them, or the keys of a backup. The status is 1 if one of them fails. What is yet
a template is skipped, which is told: pipe in what it renders to.

With --offline only their form is looked at: what was cut short or is no sealed
value is found, what was sealed for another name or cluster is not.`,
		Example: `  tacit seal verify deploy/
  tacit seal verify --offline db.yaml
  tacit seal verify --keys backup.age --passphrase-file pass db.yaml
  kubectl kustomize overlays/prod | tacit seal verify -`,
		Args: arguments("FILE..."),
		RunE: f.run,
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.offline, "offline", false, "look at the form alone; ask no cluster")
	f.add(flags)
	return cmd
}

func (f *sealVerifyFlags) run(cmd *cobra.Command, args []string) error {
	by, err := f.opener(cmd)
	if err != nil {
		return err
	}
	in := &stdin{terminal: terminalOf(cmd)}
	return f.eachFile(cmd, args, "not in order", func(path string, r *report) error {
		content, err := in.file(path, "manifests")
		if err != nil {
			return err
		}
		file, err := seal.FindSealed(content)
		if err != nil {
			return err
		}
		return f.objects(cmd.Context(), titleOf(path), file.Objects, by, r)
	})
}

// opener is who opens; nil if nobody shall.
func (f *sealVerifyFlags) opener(cmd *cobra.Command) (seal.Opener, error) {
	switch {
	case f.offline && f.keys.file != "":
		return nil, errors.New("--offline and --keys contradict each other; give one")
	case f.offline:
		return nil, nil
	}
	by, err := f.open(cmd)
	if err != nil && f.keys.file == "" {
		return nil, fmt.Errorf("%w (--offline looks at the form alone)", err)
	}
	return by, err
}

// objects reports on each object of a file.
func (f *sealVerifyFlags) objects(ctx context.Context, path string, objects []*seal.Object, by seal.Opener, r *report) error {
	good := map[bool]string{true: "well formed", false: "opens"}[by == nil]
	for _, o := range objects {
		verdict, err := seal.Verify(ctx, o, f.namespace, by)
		if err != nil {
			return err
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
