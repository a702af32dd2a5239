package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tacit-secrets/tacit/internal/seal"
)

// sealedFiles are the flags, and the way, of the commands that go through files
// of SealedSecrets.
type sealedFiles struct {
	openerFlags
	namespace string
	exclude   []string
}

func (s *sealedFiles) add(flags *pflag.FlagSet) {
	flags.StringVarP(&s.namespace, "namespace", "n", "", "namespace of the objects that name none")
	flags.StringArrayVar(&s.exclude, "exclude", nil, "leave out the files and directories of this name, or pattern of a name (templates, *.json); repeat it for several")
	s.openerFlags.add(flags)
}

// eachFile has every file under the roots looked at, and ends with what the
// report says. An error of do about the file itself goes to the report too;
// another ends the command, for the next file would fare no better.
func (s *sealedFiles) eachFile(cmd *cobra.Command, roots []string, failed string, do func(path string, r *report) error) error {
	for _, pattern := range s.exclude {
		if _, err := filepath.Match(pattern, ""); err != nil {
			return errors.New("--exclude: this is no pattern of a name")
		}
	}
	paths, err := seal.Files(roots...)
	if err != nil {
		return err
	}
	r := report{out: cmd.OutOrStdout()}
	for _, path := range paths {
		if s.excluded(path) {
			continue
		}
		switch err := do(path, &r); {
		case errors.Is(err, seal.ErrTooLarge) && path != "-":
			r.fail(titleOf(path), fmt.Errorf("%w; if it is no manifest, leave it out: --exclude %s", err, filepath.Base(path)))
		case errors.Is(err, seal.ErrFile):
			r.fail(titleOf(path), err)
		case err != nil:
			return fmt.Errorf("%s: %w", titleOf(path), err)
		}
	}
	if r.lines == 0 {
		return errors.New("there is no SealedSecret in it")
	}
	if r.skipped > 0 {
		terminalOf(cmd).tell(fmt.Sprintf("skipped, as templates: %d", r.skipped))
	}
	return r.err(failed)
}

// excluded reports that a pattern fits a part of the path.
func (s *sealedFiles) excluded(path string) bool {
	for _, name := range strings.Split(filepath.ToSlash(path), "/") {
		if slices.ContainsFunc(s.exclude, func(pattern string) bool {
			fits, _ := filepath.Match(pattern, name)
			return fits
		}) {
			return true
		}
	}
	return false
}

// report prints a line for each object and counts.
type report struct {
	out                    io.Writer
	lines, failed, skipped int
}

func (r *report) say(place, what string) {
	r.lines++
	fmt.Fprintf(r.out, "%s: %s\n", place, what)
}

// fail tells of what is not in order. A template is none of it: this one must
// be rendered before anybody can say more.
func (r *report) fail(place string, why error) {
	if errors.Is(why, seal.ErrTemplate) {
		r.skipped++
		way := "render it, and pipe it to tacit seal verify -"
		if errors.Is(why, seal.ErrUnquoted) {
			way += ", or quote what stands in braces"
		}
		r.say(place, "skipped (a template: "+way+")")
		return
	}
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
