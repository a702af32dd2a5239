package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// keysFlags say where the keys are.
type keysFlags struct{ context, namespace string }

func (k *keysFlags) add(cmd *cobra.Command, namespace string) {
	cmd.Flags().StringVar(&k.context, "context", "", "context of $KUBECONFIG (default: the current one)")
	cmd.Flags().StringVarP(&k.namespace, "namespace", "n", "", "namespace of the keys (default: "+namespace+")")
}

func (k *keysFlags) store() (*seal.Store, error) {
	cfg, err := restConfig(k.context)
	if err != nil {
		return nil, err
	}
	return seal.NewStore(cfg, k.namespace)
}

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Back up, restore and list the keys that open SealedSecrets",
		Long: `Back up, restore and list the keys that open the SealedSecrets of the cluster of
$KUBECONFIG, with your rights: whoever may read Secrets there may do this.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SetFlagErrorFunc(quietFlags)
	cmd.AddCommand(keysBackupCommand(), keysRestoreCommand(), keysListCommand())
	return cmd
}

// keysBackupFlags are the flags of `tacit keys backup`.
type keysBackupFlags struct {
	keysFlags
	output     string
	recipients []string
	passphrase passphraseFlags
}

func keysBackupCommand() *cobra.Command {
	var f keysBackupFlags
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Write all keys to a file, encrypted",
		Long: `Write all keys of the cluster to a file, those out of use too, encrypted for a
passphrase or for age recipients. Whoever can open the file can open every
SealedSecret of the cluster.

A new key is made every 30 days: back them up as often. If a key is broken, the
others are written, and the status is 1.

The file is age's, and what is in it a manifest, where each key has a name that
no other key has: age --decrypt FILE | kubectl create -f - restores it where
there is no Tacit.`,
		Example: `  tacit keys backup -o keys.age
  tacit keys backup -o keys.age --recipient age1…`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "file to write, which must not be there yet; - is stdout")
	flags.StringArrayVar(&f.recipients, "recipient", nil, "age recipient (age1…); repeat it for several")
	f.passphrase.add(flags)
	f.add(cmd, sealing.KeyNamespace)
	return cmd
}

func (f *keysBackupFlags) run(cmd *cobra.Command) error {
	if f.output == "" {
		return errors.New("say where to write the backup: --output FILE")
	}
	if f.output != "-" {
		if err := seal.Unwritten(f.output); err != nil {
			return err
		}
	}
	to, err := f.to(cmd)
	if err != nil {
		return err
	}
	store, err := f.store()
	if err != nil {
		return err
	}
	text, n, faults, err := store.Backup(cmd.Context(), to...)
	var lacks []string
	for _, fault := range faults {
		tell(cmd.ErrOrStderr(), []string{fault.String() + "; it is left out"})
		lacks = append(lacks, fault.Secret)
	}
	if err != nil {
		return err
	}
	if f.output == "-" {
		_, err = cmd.OutOrStdout().Write(text)
	} else {
		err = seal.WriteNew(f.output, text)
	}
	if err != nil {
		return err
	}
	backedUp := fmt.Sprintf("%d keys are backed up", n)
	if n == 1 {
		backedUp = "1 key is backed up"
	}
	if len(lacks) > 0 { // who looks at the status alone must notice
		return fmt.Errorf("%s, but not what Secret %s held: restore it, or delete it", backedUp, strings.Join(lacks, " and Secret "))
	}
	tell(cmd.ErrOrStderr(), []string{backedUp})
	return nil
}

func (f *keysBackupFlags) to(cmd *cobra.Command) ([]age.Recipient, error) {
	if len(f.recipients) > 0 {
		if f.passphrase.given() {
			return nil, errors.New("--recipient and a passphrase contradict each other; give one")
		}
		out, err := sealing.ParseRecipients(strings.Join(f.recipients, "\n"))
		if err != nil {
			return nil, fmt.Errorf("--recipient: %w", err)
		}
		return out, nil
	}
	passphrase, err := f.passphrase.read(terminalOf(cmd), "Passphrase for the backup", "Once more")
	if err != nil {
		return nil, fmt.Errorf("%w (or --recipient)", err)
	}
	r, err := sealing.PassphraseRecipient(passphrase)
	return []age.Recipient{r}, err
}

// keysRestoreFlags are the flags of `tacit keys restore`.
type keysRestoreFlags struct {
	keysFlags
	backup backupFlags
}

func keysRestoreCommand() *cobra.Command {
	var f keysRestoreFlags
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Bring the keys of a backup back into a cluster",
		Long: `Bring the keys of a backup into a cluster; - is stdin. It changes nothing that is
there: a key that the cluster has stays as it is, whatever its Secret is called,
and where something else has the name of a key, that gets another. All keys open
then, the cluster's own and those of the backup, and the newest is what is
sealed for.

A running Tacit takes them at once; Sealed Secrets must be restarted.`,
		Example: `  tacit keys restore keys.age
  tacit keys restore keys.age --identity me.txt`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	f.backup.add(cmd.Flags())
	f.add(cmd, "as the backup says")
	return cmd
}

func (f *keysRestoreFlags) run(cmd *cobra.Command, path string) error {
	text, err := f.read(cmd, path)
	if err != nil {
		return err
	}
	if path == "-" {
		path = "stdin"
	}
	with, err := f.backup.identities(cmd)
	if err != nil {
		return err
	}
	secrets, err := sealing.Import(bytes.NewReader(text), with...)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if f.namespace == "" {
		f.namespace = secrets[0].Namespace
	}
	store, err := f.store()
	if err != nil {
		return err
	}
	done, err := store.Restore(cmd.Context(), secrets)
	for _, r := range done {
		what := "restored"
		if r.There {
			what = "is there already"
		}
		if r.State != sealing.KeyActive {
			what += fmt.Sprintf(", and out of use: it is labelled %q", r.State)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", r.Secret, what)
	}
	return err
}

func (f *keysRestoreFlags) read(cmd *cobra.Command, path string) ([]byte, error) {
	return until(cmd.Context(), func() ([]byte, error) {
		if path != "-" {
			return seal.ReadBackup(path)
		}
		text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 2*sealing.MaxBackup))
		if err != nil {
			return nil, fmt.Errorf("read the backup from stdin: %w", err)
		}
		return text, nil
	})
}

func keysListCommand() *cobra.Command {
	var f keysFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the keys: fingerprint, age, and whether they are in use",
		Long: `List the keys of the cluster, the newest first. The newest is what is sealed for;
those that are active open what was sealed for them.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := f.store()
			if err != nil {
				return err
			}
			keys, err := store.List(cmd.Context())
			if err != nil {
				return err
			}
			return printKeys(cmd, keys, time.Now())
		},
	}
	f.add(cmd, sealing.KeyNamespace)
	return cmd
}

func printKeys(cmd *cobra.Command, keys []seal.Listed, now time.Time) error {
	if len(keys) == 0 {
		tell(cmd.ErrOrStderr(), []string{"there is no key: the operator makes one when it starts"})
		return nil
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FINGERPRINT\tSECRET\tAGE\tEXPIRES\tSTATE")
	for _, k := range keys {
		expires := "-"
		if !k.Expires.IsZero() {
			expires = k.Expires.UTC().Format(time.DateOnly)
		}
		fingerprint := k.Fingerprint
		if fingerprint == "" {
			fingerprint = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", fingerprint, k.Secret, duration.HumanDuration(now.Sub(k.Made)), expires, k.State)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, k := range keys {
		if k.Fault != "" {
			tell(cmd.ErrOrStderr(), []string{k.Secret + ": " + k.Fault})
		}
	}
	return nil
}
