package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// restConfig is the cluster of a context of the kubeconfig; empty is the
// current one.
func restConfig(kubeContext string) (*rest.Config, error) {
	cfg, err := config.GetConfigWithContext(kubeContext)
	if err != nil {
		return nil, fmt.Errorf("no cluster to ask: set KUBECONFIG: %w", err)
	}
	return cfg, nil
}

// serviceFlags say where in a cluster its operator is.
type serviceFlags struct{ name, namespace string }

func (s *serviceFlags) add(flags *pflag.FlagSet) {
	or := func(variable, otherwise string) string {
		if v := os.Getenv(variable); v != "" {
			return v
		}
		return otherwise
	}
	flags.StringVar(&s.name, "controller-name", or("SEALED_SECRETS_CONTROLLER_NAME", "sealed-secrets-controller"), "Service of the operator ($SEALED_SECRETS_CONTROLLER_NAME)")
	flags.StringVar(&s.namespace, "controller-namespace", or("SEALED_SECRETS_CONTROLLER_NAMESPACE", sealing.KeyNamespace), "namespace of that Service ($SEALED_SECRETS_CONTROLLER_NAMESPACE)")
}

func (s *serviceFlags) cluster(kubeContext string) (*seal.Cluster, error) {
	cfg, err := restConfig(kubeContext)
	if err != nil {
		return nil, err
	}
	return seal.NewCluster(cfg, s.namespace, s.name)
}

// certFlags say what to seal for.
type certFlags struct {
	files, contexts []string
	service         serviceFlags
}

func (c *certFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&c.files, "cert", nil, "certificate to seal for: a file, an address, or - for stdin; repeat it for several clusters")
	flags.StringArrayVar(&c.contexts, "context", nil, "fetch the certificate from the cluster of this context of $KUBECONFIG; repeat it for several clusters (default without --cert: the current context)")
	c.service.add(flags)
}

// certificates are all that were asked for. What is worth knowing of them is
// told on stderr.
func (c *certFlags) certificates(ctx context.Context, in *stdin) ([]sealing.Certificate, error) {
	var out []sealing.Certificate
	for _, source := range c.files {
		text, err := c.read(ctx, source, in)
		if err != nil {
			return nil, fmt.Errorf("--cert: %w", err)
		}
		certs, err := sealing.ParseCertificates(text)
		if err != nil {
			return nil, fmt.Errorf("--cert: %w", err)
		}
		out = append(out, certs...)
	}
	contexts := c.contexts
	if len(c.files) == 0 && len(contexts) == 0 {
		contexts = []string{""}
	}
	for _, kubeContext := range contexts {
		cluster, err := c.service.cluster(kubeContext)
		if err != nil {
			return nil, fmt.Errorf("no certificate to seal for: give --cert, or: %w", err)
		}
		cert, err := cluster.Certificate(ctx)
		if err != nil {
			return nil, fmt.Errorf("fetch the certificate: %w (or give --cert)", err)
		}
		out = append(out, cert)
	}
	warnings, err := seal.Usable(out, time.Now())
	tell(in.out, warnings)
	return out, err
}

func (c *certFlags) read(ctx context.Context, source string, in *stdin) ([]byte, error) {
	switch {
	case source == "-":
		return in.read("a certificate")
	case seal.IsURL(source):
		return seal.FetchCertificates(ctx, source)
	}
	return seal.ReadFile(source)
}

// several tells for how many keys it is sealed.
func several(certs []sealing.Certificate) int {
	seen := map[sealing.KeyID]bool{}
	for i := range certs {
		seen[certs[i].ID] = true
	}
	return len(seen)
}

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
		content, err := readQuietly(p.file)
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
		content, err := readQuietly(b.identity)
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

// openerFlags say who opens: a cluster, or a backup of its keys.
type openerFlags struct {
	keys, context string
	backup        backupFlags
	service       serviceFlags
}

func (o *openerFlags) add(flags *pflag.FlagSet) {
	o.addKeys(flags)
	flags.StringVar(&o.context, "context", "", "ask the cluster of this context of $KUBECONFIG (default: the current one)")
	o.service.add(flags)
}

func (o *openerFlags) addKeys(flags *pflag.FlagSet) {
	flags.StringVar(&o.keys, "keys", "", "backup of keys (see: tacit keys backup) to open with, and ask no cluster")
	o.backup.add(flags)
}

func (o *openerFlags) open(cmd *cobra.Command) (seal.Opener, error) {
	keys, err := o.openKeys(cmd)
	if err != nil || keys != nil {
		return keys, err
	}
	return o.service.cluster(o.context)
}

// openKeys reads the backup; nil if there is none.
func (o *openerFlags) openKeys(cmd *cobra.Command) (*seal.Keys, error) {
	if o.keys == "" {
		if o.backup.identity != "" || o.backup.passphrase.given() {
			return nil, errors.New("--identity and --passphrase-… are for a backup: give --keys too")
		}
		return nil, nil
	}
	text, err := seal.ReadBackup(o.keys)
	if err != nil {
		return nil, err
	}
	with, err := o.backup.identities(cmd)
	if err != nil {
		return nil, err
	}
	keys, err := seal.OpenBackup(cmd.Context(), bytes.NewReader(text), with...)
	if err != nil {
		return nil, fmt.Errorf("--keys: %w", err)
	}
	return keys, nil
}
