package doppler

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// download answers with the computed values as a file.
func download(s *Server, c *call) (answer, *refusal) {
	from, no := s.config(c.token, c.query.Get("project"), c.query.Get("config"))
	if no != nil {
		return answer{}, no
	}
	if no := c.checkDynamic(); no != nil {
		return answer{}, no
	}
	name := c.query.Get("format")
	if name == "" {
		name = "json"
	}
	file, ok := formats()[name]
	if !ok {
		return answer{}, refuse(http.StatusBadRequest, "Invalid format: must be one of %s", options(formats()))
	}
	transformer := c.query.Get("name_transformer")
	if name == "dotnet-json" {
		transformer = "dotnet" // the sections come from these names
	}
	rename := func(name string) string { return name }
	if transformer != "" {
		if rename, ok = transformers()[transformer]; !ok {
			return answer{}, refuse(http.StatusBadRequest, "Invalid name_transformer: must be one of %s", options(transformers()))
		}
	}
	values := map[string]string{}
	for _, name := range c.selected(from, true) {
		found, _ := from.get(name)
		values[rename(name)] = s.computed(from, found.raw)
	}
	from.fetched = s.now()
	return c.fresh(answer{kind: file.kind, body: file.render(values)}, s.etagKey)
}

// options lists the keys of m.
func options[T any](m map[string]T) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// fresh adds the ETag, and answers 304 if the client has it already. The ETag
// is keyed: it is written where others can read it, and nobody is to guess a
// value from it.
func (c *call) fresh(a answer, key []byte) (answer, *refusal) {
	mac := hmac.New(sha256.New, key)
	mac.Write(a.body)
	opaque := `"` + hex.EncodeToString(mac.Sum(nil)) + `"`
	a.etag = "W/" + opaque
	for known := range strings.SplitSeq(c.header.Get("If-None-Match"), ",") {
		known = strings.TrimSpace(known)
		if known == "*" || strings.TrimPrefix(known, "W/") == opaque {
			return answer{status: http.StatusNotModified, etag: a.etag}, nil
		}
	}
	return a, nil
}

// selected are the names that the query asks for and the config has, sorted.
func (c *call) selected(from *config, managed bool) []string {
	names := from.names(managed)
	wanted := c.query.Get("secrets")
	if wanted == "" {
		return names
	}
	listed := strings.Split(wanted, ",")
	for i := range listed {
		listed[i] = strings.TrimSpace(listed[i])
	}
	return slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(listed, name) })
}

// checkDynamic checks the parameters of dynamic secrets, of which there are
// none.
func (c *call) checkDynamic() *refusal {
	if _, no := c.flag("include_dynamic_secrets", false); no != nil {
		return no
	}
	ttl := c.query.Get("dynamic_secrets_ttl_sec")
	if ttl == "" {
		return nil
	}
	if n, err := strconv.Atoi(ttl); err != nil || n <= 0 {
		return refuse(http.StatusBadRequest, "dynamic_secrets_ttl_sec must be a positive number")
	}
	return nil
}

// flag is a boolean parameter.
func (c *call) flag(name string, otherwise bool) (bool, *refusal) {
	switch c.query.Get(name) {
	case "":
		return otherwise, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, refuse(http.StatusBadRequest, "%s must be true or false", name)
	}
}
