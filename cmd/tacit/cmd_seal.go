package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// sealFlags are the flags of `tacit seal`.
type sealFlags struct {
	input                     string
	literals, files, envFiles []string
	name, namespace, scope    string
	secretType                string
	certs                     certFlags
	output, write             string
	empty                     bool
}

func sealCommand() *cobra.Command {
	var f sealFlags
	cmd := &cobra.Command{
		Use:   "seal",
		Short: "Encrypt a Secret so that it may stand in Git",
		Long: `Encrypt a Secret so that it may stand in Git: only the operator of the cluster
can open the SealedSecret that is printed.

It reads a Secret manifest, of any number of documents, or takes the values
from flags. Each value is sealed for one name and namespace, unless --scope or
the manifest's annotations of Sealed Secrets say more.

For one certificate the result has the form of Sealed Secrets, which opens it
too. For several (--cert a.pem --cert b.pem, --context a --context b) one file
opens in each of these clusters; only Tacit knows that form.`,
		Example: `  kubectl create secret generic db --from-file pw --dry-run=client -o yaml | tacit seal -n shop > db.yaml
  tacit seal --name db -n shop --from-file password=- --cert cluster.pem -w db.yaml < password
  tacit seal -f db.secret.yaml --cert https://example.com/prod.pem --cert staging.pem
  tacit seal set db.yaml password < password`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.input, "file", "f", "", "Secret manifest; - is stdin (default: stdin, unless a --from-… flag is given)")
	flags.StringArrayVar(&f.literals, "from-literal", nil, "KEY=VALUE; others on this machine can see it: better give a file")
	flags.StringArrayVar(&f.files, "from-file", nil, "[KEY=]PATH of a file with a value, to the byte; - is stdin")
	flags.StringArrayVar(&f.envFiles, "from-env-file", nil, "file with lines of KEY=VALUE; quotes are part of the value, as kubectl has it; - is stdin")
	flags.StringVar(&f.name, "name", "", "name of the Secret")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "namespace of the Secret")
	flags.StringVar(&f.scope, "scope", "", "where it may be opened: strict (this name in this namespace), namespace-wide or cluster-wide (default: as the manifest says, else strict)")
	flags.StringVar(&f.secretType, "type", "", "type of the Secret")
	flags.BoolVar(&f.empty, "allow-empty-data", false, "seal a Secret without values")
	flags.StringVarP(&f.output, "output", "o", "", "yaml or json (default: yaml, or as --write's name ends)")
	flags.StringVarP(&f.write, "write", "w", "", "file to write instead of stdout")
	f.certs.add(flags)
	cmd.SetFlagErrorFunc(quietFlags)
	cmd.AddCommand(sealSetCommand(), sealDiffCommand(), sealVerifyCommand(), sealRotateCommand(), sealCertCommand())
	return cmd
}

func (f *sealFlags) run(cmd *cobra.Command) error {
	over, err := f.overrides()
	if err != nil {
		return err
	}
	if err := f.format(); err != nil {
		return err
	}
	in := &stdin{terminal: terminalOf(cmd)}
	inputs, err := f.inputs(in)
	if err != nil {
		return err
	}
	if len(inputs) > 1 && f.name != "" {
		return fmt.Errorf("--name is for one Secret, and there are %d", len(inputs))
	}
	certs, err := f.certs.certificates(in)
	if err != nil {
		return err
	}
	sealed, err := f.sealed(inputs, &over, certs)
	if err != nil {
		return err
	}
	if n := several(certs); n > 1 {
		in.tell(fmt.Sprintf("sealed for %d clusters: Tacit opens this form, Sealed Secrets refuses it", n))
	}
	var out bytes.Buffer
	if err := seal.Write(&out, f.output, sealed...); err != nil {
		return err
	}
	if f.write != "" && f.write != "-" {
		return seal.WriteFile(f.write, out.Bytes(), 0o644)
	}
	_, err = cmd.OutOrStdout().Write(out.Bytes())
	return err
}

// overrides are what the flags say over the manifest.
func (f *sealFlags) overrides() (seal.Overrides, error) {
	over := seal.Overrides{Name: f.name, Namespace: f.namespace, Type: f.secretType}
	if f.scope == "" {
		return over, nil
	}
	scope, err := seal.ParseScope(f.scope)
	if err != nil {
		return over, fmt.Errorf("--scope: %w", err)
	}
	over.Scope = scope
	return over, nil
}

func (f *sealFlags) sealed(inputs []seal.Input, over *seal.Overrides, certs []sealing.Certificate) ([]*v1alpha1.SealedSecret, error) {
	var out []*v1alpha1.SealedSecret
	for i := range inputs {
		if err := over.Apply(&inputs[i]); err != nil {
			return nil, err
		}
		if len(inputs[i].Data) == 0 && !f.empty {
			return nil, errors.New("there is no value in the Secret: --allow-empty-data if that is meant")
		}
		o, err := inputs[i].Seal(rand.Reader, certs)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

func (f *sealFlags) format() error {
	switch f.output {
	case "yaml", "json":
		return nil
	case "":
		f.output = "yaml"
		if strings.EqualFold(filepath.Ext(f.write), ".json") {
			f.output = "json"
		}
		return nil
	}
	return errors.New("--output: want yaml or json")
}

// inputs reads what to seal.
func (f *sealFlags) inputs(in *stdin) ([]seal.Input, error) {
	if len(f.literals)+len(f.files)+len(f.envFiles) > 0 {
		if f.input != "" {
			return nil, errors.New("--file and --from-… contradict each other; give one")
		}
		input, err := f.values(in)
		return []seal.Input{input}, err
	}
	path := f.input
	if path == "" {
		path = "-"
	}
	content, err := in.file(path, "a Secret manifest")
	if err != nil {
		return nil, err
	}
	inputs, err := seal.ParseSecrets(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", titleOf(path), err)
	}
	return inputs, nil
}

// values makes one Secret of the --from-… flags.
func (f *sealFlags) values(in *stdin) (seal.Input, error) {
	var out seal.Input
	for _, word := range f.literals {
		key, value, err := seal.ParseLiteral(word)
		if err == nil {
			err = out.Add(key, value)
		}
		if err != nil {
			return out, fmt.Errorf("--from-literal: %w", err)
		}
	}
	for _, word := range f.files {
		key, value, err := fromFile(word, in)
		if err == nil {
			err = out.Add(key, value)
		}
		if err != nil {
			return out, fmt.Errorf("--from-file: %w", err)
		}
	}
	for _, path := range f.envFiles {
		data, err := fromEnvFile(path, in)
		if err != nil {
			return out, fmt.Errorf("--from-env-file: %w", err)
		}
		for key, value := range data {
			if err := out.Add(key, value); err != nil {
				return out, fmt.Errorf("--from-env-file: %w", err)
			}
		}
	}
	return out, nil
}

func fromFile(word string, in *stdin) (string, secret.Value, error) {
	key, path, err := seal.ParseFileSource(word)
	if err != nil {
		return "", secret.Value{}, err
	}
	content, err := readOrStdin(path, in)
	return key, secret.New(content), err
}

func fromEnvFile(path string, in *stdin) (secret.Data, error) {
	content, err := readOrStdin(path, in)
	if err != nil {
		return nil, err
	}
	return seal.ParseEnv(content)
}

func readOrStdin(path string, in *stdin) ([]byte, error) {
	if path == "-" {
		return in.read("a value")
	}
	return readQuietly(in.cmd, path)
}
