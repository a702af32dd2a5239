package vault

import (
	"strings"
	"testing"
)

func TestKeysAreReadWhereTheOriginalReadsThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mount string
		kv    int
		key   string
		want  string
	}{
		{"secret", 2, "foo", "secret/data/foo"},
		{"secret", 2, "a/b", "secret/data/a/b"},
		{"secret", 2, "secret/foo", "secret/data/foo"},
		{"secret", 2, "secret/data/foo", "secret/data/foo"},
		{"secret", 2, "data/foo", "secret/data/data/foo"},
		{"secret", 2, "secrets/foo", "secret/data/secrets/foo"},
		{"secret", 2, "/foo//bar/", "secret/data/foo/bar"},
		{"/secret/", 2, "foo", "secret/data/foo"},
		{"secret/data", 2, "foo", "secret/data/foo"},
		{"secret/data", 2, "secret/foo", "secret/data/foo"},
		{"secret/path", 2, "secret/path/data/foo", "secret/path/data/foo"},
		{"secret/path", 2, "secret/path/foo", "secret/path/data/foo"},
		{"", 2, "secret/path/foo", "secret/data/path/foo"},
		{"", 2, "secret/path/data/foo", "secret/path/data/foo"},
		{"", 2, "secret/data/path/foo", "secret/data/path/foo"},
		{"secret/path", 1, "foo", "secret/path/foo"},
		{"secret/path", 1, "secret/path/foo", "secret/path/foo"},
		{"secret", 1, "secret/data/foo", "secret/data/foo"},
		{"", 1, "secret/path/foo", "secret/path/foo"},
		{"", 1, "secret/data/foo", "secret/data/foo"},
		{"", 2, "secret", ""},
		{"", 1, "secret", ""},
		{"secret", 2, "", ""},
		{"secret", 2, "a/../b", ""},
		{"secret", 2, "..", ""},
		{"secret", 2, "a/./b", ""},
	} {
		m, err := newMount(c.mount, c.kv)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := m.secret(c.key, "data")
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("mount %q, version %d, key %q: %q, %v; want %q", c.mount, c.kv, c.key, got, err, c.want)
		}
	}
}

func TestSearchesBeginWhereTheOriginalBeginsThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mount        string
		kv           int
		path         string
		list, prefix string
	}{
		{"secret", 2, "", "secret/metadata", ""},
		{"secret", 2, "dev", "secret/metadata/dev", "dev/"},
		{"secret", 2, "/dev/a/", "secret/metadata/dev/a", "dev/a/"},
		{"secret", 1, "", "secret", ""},
		{"secret", 1, "dev", "secret/dev", "dev/"},
		{"", 2, "secret/data/dev", "secret/metadata/dev", "secret/data/dev/"},
		{"", 2, "secret/data", "secret/metadata", "secret/data/"},
		{"", 2, "secret/dev", "secret/metadata/dev", "secret/dev/"},
		{"", 2, "secret", "secret/metadata", "secret/"},
		{"", 1, "secret/dev", "secret/dev", "secret/dev/"},
		{"", 2, "", "", ""},
		{"secret", 2, "..", "", ""},
	} {
		m, err := newMount(c.mount, c.kv)
		if err != nil {
			t.Fatal(err)
		}
		f, err := m.folder(c.path)
		if f.list != c.list || f.prefix != c.prefix || (err == nil) != (c.list != "") {
			t.Errorf("mount %q, version %d, path %q: %+v, %v; want %q, %q", c.mount, c.kv, c.path, f, err, c.list, c.prefix)
		}
	}
}

// FuzzPath checks that no key leads out of the store's mount, and that what a
// search finds is what a read of the found key reads.
func FuzzPath(f *testing.F) {
	f.Add("secret", "a/b", 2)
	f.Add("secret/data", "secret/data/../x", 2)
	f.Add("", "secret/data/x", 1)
	f.Add("a//b", "./..//data/", 2)
	f.Fuzz(func(t *testing.T, mountPath, key string, kv int) {
		kv = 1 + kv&1
		m, err := newMount(mountPath, kv)
		if err != nil {
			return
		}
		path, where, err := m.secret(key, "data")
		if err != nil {
			return
		}
		prefix := where + "/"
		if kv == 2 {
			prefix += "data/"
		}
		if !strings.HasPrefix(path, prefix) || len(path) == len(prefix) {
			t.Errorf("%q is not below %q", path, prefix)
		}
		if m.path != "" && where != m.path {
			t.Errorf("mount %q became %q", m.path, where)
		}
		for part := range strings.SplitSeq(path, "/") {
			if part == "" || part == "." || part == ".." {
				t.Errorf("%q has the part %q", path, part)
			}
		}
	})
}
