package seal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tacit-secrets/tacit/internal/sealing"
)

// Files are the manifests under a directory, or the file itself; links are not
// followed, and what Git keeps is left alone.
func Files(root string) ([]string, error) {
	if target, err := filepath.EvalSymlinks(root); err == nil {
		root = target
	}
	var out []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
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
		default:
			if path == root {
				out = append(out, path)
			}
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

// ErrFile is what errors are that are about one file alone.
var ErrFile = errors.New("the file cannot be used")

type fileError struct{ error }

// Is implements the interface of errors.Is.
func (fileError) Is(target error) bool { return target == ErrFile }

// Rotate has the values of every object of a file sealed for the newest key,
// and returns the new content. What fails stays as it was. The error is one of
// asking, or ErrFile.
func Rotate(ctx context.Context, content []byte, namespace string, by Opener) ([]byte, []Rotated, error) {
	if !mentions(content) {
		return content, nil, nil
	}
	f, err := ParseFile(content)
	if err != nil {
		return content, nil, fileError{err}
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
		return content, nil, fileError{err}
	}
	return out, report, nil
}

func rotateOne(ctx context.Context, o *Object, namespace string, by Opener) ([]Change, error) {
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
	added := slices.DeleteFunc(slices.Clone(after), func(id sealing.KeyID) bool { return slices.Contains(before, id) })
	if (len(before) == 0) != (len(after) == 0) || len(added) > 1 || len(after) > len(before) {
		return errors.New("what came back is for other clusters")
	}
	return nil
}
