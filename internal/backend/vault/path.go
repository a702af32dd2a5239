package vault

import "strings"

// mount turns keys into paths of Vault's API, as the original does: a key may
// repeat the mount, and for version 2 the "data" behind it.
type mount struct {
	path string // empty: the first part of each key is the mount
	kv   int
	// suffixed reports that "/data" was cut off the path.
	suffixed bool
}

// newMount reads a store's mount path. Its documentation lets people add the
// "/data" of version 2.
func newMount(path string, kv int) (mount, error) {
	path, err := clean(path)
	if err != nil {
		return mount{}, misconfigured("the path of the store must be the path of a mount in Vault, such as secret")
	}
	m := mount{path: path, kv: kv}
	if kv == 2 {
		m.path, m.suffixed = strings.CutSuffix(path, "/data")
	}
	return m, nil
}

// clean drops empty parts of a path, as Vault's own client does. Parts that
// climb are refused: what a key names must be below what the store names.
func clean(path string) (string, error) {
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "":
			continue
		case ".", "..":
			return "", unsupported(`a path in Vault must not hold "` + part + `"`)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "/"), nil
}

// split parts a key into its mount and the path within.
func (m mount) split(key string) (mount, path string, err error) {
	key, err = clean(key)
	if err != nil {
		return "", "", err
	}
	if m.path != "" {
		path, repeated := strings.CutPrefix(key, m.path+"/")
		if repeated && m.kv == 2 {
			path = strings.TrimPrefix(path, "data/")
		}
		return m.path, path, nil
	}
	if m.kv == 2 {
		if mount, path, ok := strings.Cut(key, "/data/"); ok {
			return mount, path, nil
		}
	}
	mount, path, _ = strings.Cut(key, "/")
	return mount, path, nil
}

// secret is the path of a key's value (section "data") or, for version 2, of
// what is known about it (section "metadata"), and the mount that it is in.
func (m mount) secret(key, section string) (path, mount string, err error) {
	mount, path, err = m.split(key)
	if err != nil {
		return "", "", err
	}
	if mount == "" || path == "" {
		if m.path == "" {
			return "", "", unsupported("a key in Vault must be a path below a mount, since the store names no mount")
		}
		return "", "", unsupported("a key in Vault must not be empty")
	}
	return m.join(mount, section, path), mount, nil
}

// folder is where a search begins.
type folder struct {
	list   string // the path to list
	prefix string // stands before the names found there to make keys of them
	mount  string
}

// folder finds a search path's folder.
func (m mount) folder(path string) (folder, error) {
	path, err := clean(path)
	if err != nil {
		return folder{}, err
	}
	prefix := ""
	if path != "" {
		prefix = path + "/"
	}
	if m.path != "" {
		return folder{m.join(m.path, "metadata", path), prefix, m.path}, nil
	}
	if path == "" {
		return folder{}, unsupported("a search in Vault needs a path that begins with the mount, since the store names no mount")
	}
	mount, below, ok := strings.Cut(prefix, "/data/")
	if m.kv != 2 || !ok {
		mount, below, _ = strings.Cut(prefix, "/")
	}
	return folder{m.join(mount, "metadata", strings.TrimSuffix(below, "/")), prefix, mount}, nil
}

func (m mount) join(mount, section, path string) string {
	if m.kv == 2 {
		mount += "/" + section
	}
	if path == "" {
		return mount
	}
	return mount + "/" + path
}
