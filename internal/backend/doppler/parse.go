package doppler

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"unicode/utf8"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// config reads the answer to a download. names are those that were asked
// for; empty for all.
func (a answer) config(f form, names []string) (config, error) {
	if len(a.body) == 0 {
		return config{}, a.malformed("the answer is empty")
	}
	// A JSON parser would put other characters in place of broken ones.
	if !utf8.Valid(a.body) {
		return config{}, a.malformed("the answer is no text")
	}
	if f.format != "" {
		if !looksLike(f.format, a.body) {
			return config{}, a.malformed("the answer is no file of the format " + word(f.format))
		}
		return config{file: secret.New(a.body)}, nil
	}
	fields, ok := texts(a.body)
	if !ok {
		return config{}, a.malformed("the answer is not a map of names to texts")
	}
	if len(fields) == 0 && len(names) > 0 {
		return config{}, &backend.Error{Kind: backend.NotFound, Message: "cannot " + a.call.does + ": none of the secrets that are asked for exists"}
	}
	if len(fields) == 0 {
		// Doppler adds the names of the project, environment and config.
		return config{}, a.malformed("the answer holds nothing, not even what every config has")
	}
	return config{fields: fields}, nil
}

// texts reads a JSON object that holds texts alone.
func texts(body []byte) (secret.Data, bool) {
	var all map[string]*string
	if json.Unmarshal(body, &all) != nil || all == nil {
		return nil, false
	}
	out := make(secret.Data, len(all))
	for name, text := range all {
		if name == "" || text == nil {
			return nil, false
		}
		out[name] = secret.NewString(*text)
	}
	return out, true
}

// How the first line of a file begins, by its format: what a proxy answers,
// or an error as JSON, does not.
var (
	assignment = regexp.MustCompile(`^(export )?[A-Za-z_][A-Za-z0-9_.-]*=`)
	entry      = regexp.MustCompile(`^["']?[A-Za-z_][A-Za-z0-9_.:-]*["']?:( |\r?\n|$)`)
)

// looksLike reports that a file can be of the format; a format that is not
// known can be anything.
func looksLike(format string, body []byte) bool {
	switch format {
	case "json":
		fields, ok := texts(body)
		return ok && len(fields) > 0
	case "dotnet-json":
		return json.Valid(body) && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{"))
	case "env", "docker":
		return assignment.Match(bytes.TrimLeft(body, "\r\n"))
	case "yaml":
		return entry.Match(bytes.TrimPrefix(bytes.TrimLeft(body, "\r\n"), []byte("---\n")))
	}
	return true
}

// names reads the answer to a listing.
func (a answer) names() ([]string, error) {
	var shape struct {
		Names *[]string `json:"names"`
	}
	if json.Unmarshal(a.body, &shape) != nil || shape.Names == nil {
		return nil, a.malformed("the answer is no list of Doppler's")
	}
	return *shape.Names, nil
}

// asJSON is a config as one value, without the escapes that are for web
// pages.
func asJSON(fields secret.Data) (secret.Value, error) {
	all := make(map[string]string, len(fields))
	for name, value := range fields {
		all[name] = string(value.Reveal())
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if e.Encode(all) != nil {
		return secret.Value{}, &backend.Error{Kind: backend.Malformed, Message: "the config cannot be written as JSON"}
	}
	return secret.New(bytes.TrimRight(buf.Bytes(), "\n")), nil
}

// dashboard is where people look at configs.
const dashboard = "https://dashboard.doppler.com/workplace"

// slug is how projects and configs are named. What is not is not shown.
var slug = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)

// link is where people look at the config: by the names that it holds of
// itself, as the original has it, else by those that the store gives.
func (s *store) link(c config) string {
	project, name := s.cfg.Project, s.cfg.Config
	if p, ok := c.fields["DOPPLER_PROJECT"]; ok {
		project = string(p.Reveal())
	}
	if n, ok := c.fields["DOPPLER_CONFIG"]; ok {
		name = string(n.Reveal())
	}
	if !slug.MatchString(project) || !slug.MatchString(name) {
		return dashboard
	}
	return dashboard + "/projects/" + url.PathEscape(project) + "/configs/" + url.PathEscape(name)
}
