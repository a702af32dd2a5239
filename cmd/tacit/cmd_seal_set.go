package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// sealSetFlags are the flags of `tacit seal set`.
type sealSetFlags struct {
	seal.Set
	file, literal string
	remove, empty bool
	certs         certFlags
}

func sealSetCommand() *cobra.Command {
	var f sealSetFlags
	cmd := &cobra.Command{
		Use:   "set FILE KEY",
		Short: "Seal one value in a file, and leave every other byte as it is",
		Long: `Seal one value of a SealedSecret in a file, and leave every other byte of the
file as it is: comments, order, other values and other documents.

The value is read from stdin, to the byte (printf %s rather than echo), unless
--from-file or --from-literal gives it. The scope is that of the object.

The value must be for the clusters that the others are for. Where these name
them (a file for several clusters), other certificates are refused; where they
do not, that cannot be known.`,
		Example: `  printf %s "$password" | tacit seal set db.yaml password
  tacit seal set db.yaml tls.key --from-file tls.key --cert a.pem --cert b.pem
  tacit seal set db.yaml old-password --remove`,
		Args: arguments("FILE", "KEY"),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "from-file", "", "file with the value, to the byte; - is stdin")
	flags.StringVar(&f.literal, "from-literal", "", "the value; others on this machine can see it: better pipe it in")
	flags.BoolVar(&f.empty, "allow-empty", false, "seal an empty value")
	flags.BoolVar(&f.remove, "remove", false, "take the key out")
	flags.StringVar(&f.Name, "name", "", "name of the SealedSecret, if the file has several")
	flags.StringVarP(&f.Namespace, "namespace", "n", "", "namespace of the SealedSecret, if the file has several or does not name it")
	flags.BoolVar(&f.ChangeRecipients, "change-recipients", false, "seal for these certificates, though the other values are for others")
	f.certs.add(flags)
	return cmd
}

func (f *sealSetFlags) run(cmd *cobra.Command, path, key string) error {
	literal := cmd.Flags().Changed("from-literal")
	switch {
	case f.remove && (literal || f.file != ""):
		return errors.New("--remove needs no value")
	case literal && f.file != "":
		return errors.New("--from-literal and --from-file contradict each other; give one")
	}
	f.Key = key
	if err := f.gather(cmd, path, literal); err != nil {
		return err
	}
	var told []string
	err := seal.Edit(path, func(content []byte) (after []byte, err error) {
		if f.remove {
			after, told, err = f.Remove(content)
		} else {
			after, told, err = f.Do(rand.Reader, content)
		}
		return after, err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	terminalOf(cmd).tell(told...)
	return nil
}

// gather brings the value, and what to seal it for. Both may take long: the
// file is looked at before, so that nobody types in vain, and read after it.
func (f *sealSetFlags) gather(cmd *cobra.Command, path string, literal bool) error {
	if f.remove {
		return nil
	}
	content, err := readFile(cmd, path)
	if err != nil {
		return err
	}
	if err := f.Check(content); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	in := &stdin{terminal: terminalOf(cmd)}
	if f.Value, err = f.value(in, literal); err != nil {
		return err
	}
	if f.Value.Len() == 0 && !f.empty {
		return errors.New("the value is empty: --allow-empty if that is meant, --remove takes the key out")
	}
	f.To, err = f.certs.certificates(in)
	return err
}

func (f *sealSetFlags) value(in *stdin, literal bool) (secret.Value, error) {
	switch {
	case literal:
		return secret.NewString(f.literal), nil
	case f.file != "" && f.file != "-":
		content, err := readQuietly(in.cmd, f.file)
		if err != nil {
			return secret.Value{}, fmt.Errorf("--from-file: %w", err)
		}
		return secret.New(content), nil
	case in.typed():
		return in.ask("Value of " + f.Key)
	}
	return piped(in)
}

// piped reads a value, and tells of the newline that echo leaves.
func piped(in *stdin) (secret.Value, error) {
	content, err := in.read("the value")
	if err != nil {
		return secret.Value{}, err
	}
	if text := string(content); strings.HasSuffix(text, "\n") && strings.Count(text, "\n") == 1 {
		in.tell("the value ends with a newline, which is sealed too (printf %s leaves none)")
	}
	return secret.New(content), nil
}
