package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// How the commands about secrets speak:
//
//   - What was asked for goes to stdout, and nothing else: it may be piped on.
//   - What is worth knowing goes to stderr, a line each, as "tacit: …".
//   - A mistake ends the command with status 1 and one line on stderr that names
//     the thing, the cause and the way out.
//   - No value, key or passphrase is ever printed; nor is a word of the command
//     line that may be one because it stands in the wrong place.
//   - A terminal is asked, without an echo. Nobody else is: what is missing is
//     a mistake then.
//   - Files are written whole or not at all.

// terminal is who types, if somebody does.
type terminal struct {
	in  io.Reader
	out io.Writer
}

func terminalOf(cmd *cobra.Command) terminal { return terminal{cmd.InOrStdin(), cmd.ErrOrStderr()} }

// typed reports whether what is read comes from a keyboard.
func (t terminal) typed() bool {
	f, ok := t.in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ask reads a line that does not show.
func (t terminal) ask(what string) (secret.Value, error) {
	f, ok := t.in.(*os.File)
	if !ok {
		return secret.Value{}, errors.New("there is no terminal to ask")
	}
	fmt.Fprint(t.out, what+": ")
	line, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(t.out)
	if err != nil {
		return secret.Value{}, fmt.Errorf("read from the terminal: %w", err)
	}
	return secret.New(line), nil
}

// stdin is what is piped in. It can be read for one purpose.
type stdin struct {
	terminal
	used string
}

func (s *stdin) read(purpose string) ([]byte, error) {
	if s.used != "" {
		return nil, fmt.Errorf("stdin is for %s already, and cannot be %s too", s.used, purpose)
	}
	s.used = purpose
	if s.typed() {
		fmt.Fprintf(s.out, "tacit: type %s, and end it with Ctrl-D\n", purpose)
	}
	content, err := seal.ReadBounded(s.in)
	if err != nil {
		return nil, fmt.Errorf("read %s from stdin: %w", purpose, err)
	}
	return content, nil
}

// readQuietly reads a file whose name may be a value in the wrong place.
func readQuietly(path string) ([]byte, error) {
	content, err := seal.ReadFile(path)
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return nil, fmt.Errorf("the file cannot be read: %w", failed.Err)
	}
	return content, err
}

// oneLine is the content of a file without the newline that editors leave.
func oneLine(content []byte) secret.Value {
	return secret.New(bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r")))
}

// arguments wants as many as there are names, and quotes none.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == len(names):
			return nil
		case len(names) == 0:
			return fmt.Errorf("%s takes no argument of this kind (see: %s --help)", cmd.CommandPath(), cmd.CommandPath())
		}
		return fmt.Errorf("want %s (see: %s --help)", strings.Join(names, " "), cmd.CommandPath())
	}
}

// quietFlags keeps what follows a misspelt flag out of its error.
func quietFlags(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && len(unknown.GetSpecifiedShortnames()) > 0 {
		return fmt.Errorf("unknown flag -%s (see: %s --help)", unknown.GetSpecifiedName(), cmd.CommandPath())
	}
	var invalid *pflag.InvalidSyntaxError
	if errors.As(err, &invalid) {
		return fmt.Errorf("an argument that begins with - is no flag (see: %s --help)", cmd.CommandPath())
	}
	return err
}
