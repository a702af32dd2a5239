package seal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tacit-secrets/tacit/internal/sealing"
)

// Files are the manifests under directories, and the files that are named
// themselves, sorted and each once. Links are not followed, and what Git keeps
// is left alone. A name of something else, "-" or a pipe, stays as it is.
func Files(roots ...string) ([]string, error) {
	var out []string
	for _, root := range roots {
		found, err := filesUnder(root)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func filesUnder(root string) ([]string, error) {
	if root == "-" {
		return []string{root}, nil
	}
	info, err := os.Stat(root)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir() && !info.Mode().IsRegular():
		return []string{root}, nil
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{root}, nil
	}
	var out []string
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".yaml", ".yml", ".json":
			out = append(out, path)
		}
		return nil
	})
	return out, err
}

// Rotated is what became of one object of a file.
type Rotated struct {
	Title string
	// Keys are those whose values are sealed anew.
	Keys []string
	// Problem is why it stays as it was.
	Problem error
}

// Rotate has the values of every object of a file sealed for the newest key,
// and returns the new content. What fails stays as it was. The error is one of
// asking, or ErrFile.
func Rotate(ctx context.Context, content []byte, namespace string, by Opener) ([]byte, []Rotated, error) {
	f, err := FindSealed(content)
	if err != nil {
		return content, nil, err
	}
	var report []Rotated
	var changes []Change
	for _, o := range f.Objects {
		made, err := rotateOne(ctx, o, namespace, by)
		if err != nil && !aboutObject(err) {
			return content, nil, fmt.Errorf("%s: %w", o.Title(), err)
		}
		if err == nil && len(made) > 0 {
			// Whether it can be changed in place is asked for each, so that one
			// that cannot does not keep the others from it.
			_, err = f.Apply(made...)
		}
		r := Rotated{Title: o.Title(), Problem: err}
		if err == nil {
			for _, c := range made {
				r.Keys = append(r.Keys, c.Key)
			}
			changes = append(changes, made...)
		}
		report = append(report, r)
	}
	out, err := f.Apply(changes...)
	if err != nil {
		return content, nil, fileError{error: err}
	}
	return out, report, nil
}

func rotateOne(ctx context.Context, o *Object, namespace string, by Opener) ([]Change, error) {
	if o.template() {
		return nil, objectError{ErrTemplate}
	}
	placed := o.placed(namespace)
	if _, err := wellFormed(placed); err != nil {
		return nil, objectError{err}
	}
	after, err := by.Reseal(ctx, placed)
	if err != nil {
		return nil, err
	}
	var out []Change
	for _, key := range slices.Sorted(maps.Keys(o.Spec.EncryptedData)) {
		was, is := o.Spec.EncryptedData[key], after[key]
		if was == is {
			continue
		}
		if err := sameForm(was, is); err != nil {
			return nil, objectError{fmt.Errorf("key %q: %w", key, err)}
		}
		out = append(out, Change{Object: o, Key: key, Value: is})
	}
	return out, nil
}

// sameForm distrusts an answer: what is no value, or for others than before,
// must not come into a file.
func sameForm(was, is string) error {
	before, err := sealing.Names(was)
	if err != nil {
		return err
	}
	after, err := sealing.Names(is)
	if err != nil {
		return fmt.Errorf("what came back is no sealed value: %w", err)
	}
	added := without(after, before)
	if (len(before) == 0) != (len(after) == 0) || len(added) > 1 || len(after) > len(before) {
		return errors.New("what came back is for other clusters")
	}
	return nil
}
