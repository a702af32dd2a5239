package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"filippo.io/age"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// passphraseFlags say where a passphrase comes from.
type passphraseFlags struct{ file, variable string }

func (p *passphraseFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&p.file, "passphrase-file", "", "file with the passphrase of the backup")
	flags.StringVar(&p.variable, "passphrase-env", "", "environment variable with the passphrase of the backup")
}

func (p *passphraseFlags) given() bool { return p.file != "" || p.variable != "" }

// read takes the passphrase from where the flags say, else from the terminal.
func (p *passphraseFlags) read(t terminal, prompts ...string) (secret.Value, error) {
	switch {
	case p.file != "" && p.variable != "":
		return secret.Value{}, errors.New("--passphrase-file and --passphrase-env contradict each other; give one")
	case p.file != "":
		content, err := readQuietly(t.cmd, p.file)
		if err != nil {
			return secret.Value{}, fmt.Errorf("--passphrase-file: %w", err)
		}
		return oneLine(content), nil
	case p.variable != "":
		value, ok := os.LookupEnv(p.variable)
		if !ok {
			return secret.Value{}, errors.New("--passphrase-env: there is no such environment variable; give its name")
		}
		return secret.NewString(value), nil
	case !t.typed():
		return secret.Value{}, errors.New("there is no terminal to ask for the passphrase: give --passphrase-file or --passphrase-env")
	}
	var first secret.Value
	for i, prompt := range prompts {
		got, err := t.ask(prompt)
		if err != nil {
			return got, err
		}
		if i > 0 && !got.Equal(first) {
			return got, errors.New("the passphrases are not the same")
		}
		first = got
	}
	return first, nil
}

// backupFlags open a backup of keys.
type backupFlags struct {
	identity   string
	passphrase passphraseFlags
}

func (b *backupFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&b.identity, "identity", "", "file of the age identity that opens the backup")
	b.passphrase.add(flags)
}

func (b *backupFlags) identities(cmd *cobra.Command) ([]age.Identity, error) {
	if b.identity != "" {
		if b.passphrase.given() {
			return nil, errors.New("--identity and a passphrase contradict each other; give one")
		}
		content, err := readQuietly(cmd, b.identity)
		if err != nil {
			return nil, fmt.Errorf("--identity: %w", err)
		}
		out, err := sealing.ParseIdentities(secret.New(content))
		if err != nil {
			return nil, fmt.Errorf("--identity: %w", err)
		}
		return out, nil
	}
	passphrase, err := b.passphrase.read(terminalOf(cmd), "Passphrase of the backup")
	if err != nil {
		return nil, fmt.Errorf("%w (or --identity)", err)
	}
	id, err := sealing.PassphraseIdentity(passphrase)
	return []age.Identity{id}, err
}

// keysOfBackup are the flags that give the keys of a backup.
type keysOfBackup struct {
	file   string
	backup backupFlags
}

func (k *keysOfBackup) add(flags *pflag.FlagSet, what string) {
	flags.StringVar(&k.file, "keys", "", what)
	k.backup.add(flags)
}

// open reads the backup; nil if none is given.
func (k *keysOfBackup) open(cmd *cobra.Command) (*seal.Keys, error) {
	if k.file == "" {
		if k.backup.identity != "" || k.backup.passphrase.given() {
			return nil, errors.New("--identity and --passphrase-… are for a backup: give --keys too")
		}
		return nil, nil
	}
	text, err := until(cmd.Context(), func() ([]byte, error) { return seal.ReadBackup(k.file) })
	if err != nil {
		return nil, err
	}
	with, err := k.backup.identities(cmd)
	if err != nil {
		return nil, err
	}
	keys, err := seal.OpenBackup(cmd.Context(), bytes.NewReader(text), with...)
	if err != nil {
		return nil, fmt.Errorf("--keys: %w", err)
	}
	return keys, nil
}

// openerFlags say who opens: a cluster, or a backup of its keys.
type openerFlags struct {
	keys    keysOfBackup
	context string
	service serviceFlags
}

func (o *openerFlags) add(flags *pflag.FlagSet) {
	o.keys.add(flags, "backup of keys (see: tacit keys backup) to open with; no cluster is asked")
	o.addCluster(flags)
}

func (o *openerFlags) addCluster(flags *pflag.FlagSet) {
	flags.StringVar(&o.context, "context", "", "ask the cluster of this context of $KUBECONFIG (default: the current one)")
	o.service.add(flags)
}

func (o *openerFlags) open(cmd *cobra.Command) (seal.Opener, error) {
	keys, err := o.keys.open(cmd)
	if err != nil || keys != nil {
		return keys, err
	}
	return o.service.cluster(o.context)
}
