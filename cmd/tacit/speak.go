package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"time"

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
//     the thing, the cause and the way out. Where 1 is an answer the status of a
//     mistake is 2, as with diff(1).
//   - Ctrl-C and SIGTERM end it at once, with status 130, also where it waits for
//     a keyboard or a pipe; the terminal is left as it was.
//   - No value, key or passphrase is ever printed; nor is a word of the command
//     line that may be one because it stands in the wrong place.
//   - A terminal is asked, without an echo. Nobody else is: what is missing is
//     a mistake then.
//   - Files are written whole or not at all.

// What a command ends with, other than 0 and 1.
const (
	statusTrouble     = 2
	statusInterrupted = 130 // as a shell has it of what SIGINT ended
)

// oneIsAnAnswer marks a command whose status 1 is no mistake.
const oneIsAnAnswer = "tacit/one-is-an-answer"

// statusOf is the exit status of a command that ended with an error.
func statusOf(cmd *cobra.Command, err error) int {
	if _, marked := cmd.Annotations[oneIsAnAnswer]; marked && !errors.Is(err, errDiffers) {
		return statusTrouble
	}
	return 1
}

// outcome is what became of something that was begun.
type outcome[T any] struct {
	value T
	err   error
}

// begin does what may wait for ever.
func begin[T any](do func() (T, error)) <-chan outcome[T] {
	done := make(chan outcome[T], 1)
	go func() {
		value, err := do()
		done <- outcome[T]{value, err}
	}()
	return done
}

// until does what may wait for ever, for a keyboard or a pipe, but no longer
// than until the command shall end. What waits then is left to the end of the
// process.
func until[T any](ctx context.Context, do func() (T, error)) (T, error) {
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case o := <-begin(do):
		return o.value, o.err
	}
}

// terminal is who types, if somebody does.
type terminal struct{ cmd *cobra.Command }

func terminalOf(cmd *cobra.Command) terminal { return terminal{cmd} }

// tell says what is worth knowing.
func (t terminal) tell(lines ...string) { tell(t.cmd.ErrOrStderr(), lines) }

// keyboard is the file that is typed into; nil if nobody types.
func (t terminal) keyboard() *os.File {
	f, ok := t.cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return f
}

// typed reports whether what is read comes from a keyboard.
func (t terminal) typed() bool { return t.keyboard() != nil }

// ask reads a line that does not show.
func (t terminal) ask(what string) (secret.Value, error) {
	f := t.keyboard()
	if f == nil {
		return secret.Value{}, errors.New("there is no terminal to ask")
	}
	ctx, out := t.cmd.Context(), t.cmd.ErrOrStderr()
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return secret.Value{}, fmt.Errorf("read from the terminal: %w", err)
	}
	line := begin(func() ([]byte, error) { return term.ReadPassword(fd) })
	awaitHidden(fd, before, func() bool { return len(line) > 0 })
	fmt.Fprint(out, what+": ")
	defer fmt.Fprintln(out)
	select {
	case <-ctx.Done():
		return secret.Value{}, errors.Join(ctx.Err(), term.Restore(fd, before))
	case o := <-line:
		if o.err != nil {
			return secret.Value{}, fmt.Errorf("read from the terminal: %w", o.err)
		}
		return secret.New(o.value), nil
	}
}

// awaitHidden waits until the terminal hides what is typed, or until it was
// read. If somebody could type, or end it, earlier, it might come to hide only
// after it was put back, and stay so. Where nothing changes it hid all the time.
func awaitHidden(fd int, before *term.State, read func() bool) {
	for range 1000 {
		if now, err := term.GetState(fd); err != nil || read() || !reflect.DeepEqual(before, now) {
			return
		}
		time.Sleep(time.Millisecond)
	}
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
		s.tell("type " + purpose + ", and end it with Ctrl-D")
	}
	content, err := until(s.cmd.Context(), func() ([]byte, error) { return seal.ReadBounded(s.cmd.InOrStdin()) })
	if err != nil {
		return nil, fmt.Errorf("read %s from stdin: %w", purpose, err)
	}
	return content, nil
}

// file reads a file, or stdin if it is called "-".
func (s *stdin) file(path, purpose string) ([]byte, error) {
	if path == "-" {
		return s.read(purpose)
	}
	return readFile(s.cmd, path)
}

// titleOf is what messages call such a file.
func titleOf(path string) string {
	if path == "-" {
		return "stdin"
	}
	return path
}

// readFile reads a file, or a pipe by its name.
func readFile(cmd *cobra.Command, path string) ([]byte, error) {
	return until(cmd.Context(), func() ([]byte, error) { return seal.ReadFile(path) })
}

// readQuietly reads a file whose name may be a value in the wrong place.
func readQuietly(cmd *cobra.Command, path string) ([]byte, error) {
	content, err := readFile(cmd, path)
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

// arguments wants as many as there are names, or more if the last ends in
// "...", and quotes none.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == len(names):
			return nil
		case len(names) > 0 && strings.HasSuffix(names[len(names)-1], "...") && len(args) > len(names):
			return nil
		case len(names) > 0:
			return fmt.Errorf("want %s (see: %s --help)", strings.Join(names, " "), cmd.CommandPath())
		}
		hint := ""
		cmd.SuggestionsMinimumDistance = 2
		switch near := cmd.SuggestionsFor(args[0]); {
		case len(near) > 0 && args[0] != "":
			hint = ": did you mean " + cmd.CommandPath() + " " + strings.Join(near, " or ") + "?"
		case cmd.Flags().Lookup("file") != nil:
			hint = ": a manifest comes with --file FILE, or on stdin"
		}
		return fmt.Errorf("%s takes no argument of this kind%s (see: %s --help)", cmd.CommandPath(), hint, cmd.CommandPath())
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
