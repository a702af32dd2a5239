package doppler

import "net/http"

// value is a secret as the listing shows it.
type value struct {
	Raw                *string           `json:"raw"`
	Computed           *string           `json:"computed"`
	Note               string            `json:"note"`
	RawVisibility      *string           `json:"rawVisibility"`
	ComputedVisibility *string           `json:"computedVisibility"`
	RawValueType       map[string]string `json:"rawValueType"`
	ComputedValueType  map[string]string `json:"computedValueType"`
}

// show is a secret for the holder of a token. People, who hold personal and
// CLI tokens, do not see restricted values; machines do.
func (s *Server) show(t *token, c *config, name string) value {
	found, ok := c.get(name)
	if !ok {
		return value{}
	}
	valueType := map[string]string{"type": "string"}
	v := value{
		Note: found.note, RawVisibility: &found.visibility, ComputedVisibility: &found.visibility,
		RawValueType: valueType, ComputedValueType: valueType,
	}
	if found.visibility == "restricted" && (t.kind == personal || t.kind == cli) {
		return v
	}
	computed := s.computed(c, found.raw)
	v.Raw, v.Computed = &found.raw, &computed
	return v
}

// listSecrets answers with raw and computed values.
func listSecrets(s *Server, c *call) (answer, *refusal) {
	from, no := s.config(c.token, c.query.Get("project"), c.query.Get("config"))
	if no != nil {
		return answer{}, no
	}
	if no := c.checkDynamic(); no != nil {
		return answer{}, no
	}
	managed, no := c.flag("include_managed_secrets", true)
	if no != nil {
		return answer{}, no
	}
	return s.listing(c.token, from, c.selected(from, managed))
}

func (s *Server) listing(t *token, from *config, names []string) (answer, *refusal) {
	values := map[string]value{}
	for _, name := range names {
		values[name] = s.show(t, from, name)
	}
	return object(map[string]any{"secrets": values})
}

// listNames answers with the names alone.
func listNames(s *Server, c *call) (answer, *refusal) {
	from, no := s.config(c.token, c.query.Get("project"), c.query.Get("config"))
	if no != nil {
		return answer{}, no
	}
	if no := c.checkDynamic(); no != nil {
		return answer{}, no
	}
	managed, no := c.flag("include_managed_secrets", true)
	if no != nil {
		return answer{}, no
	}
	return object(map[string]any{"names": from.names(managed)})
}

// getSecret answers with one secret; with nulls if there is no such.
func getSecret(s *Server, c *call) (answer, *refusal) {
	from, no := s.config(c.token, c.query.Get("project"), c.query.Get("config"))
	if no != nil {
		return answer{}, no
	}
	name := c.query.Get("name")
	if name == "" {
		return answer{}, refuse(http.StatusBadRequest, "You must specify a name")
	}
	return object(map[string]any{"name": name, "value": s.show(c.token, from, name)})
}

// deleteSecret removes one secret.
func deleteSecret(s *Server, c *call) (answer, *refusal) {
	from, no := s.writable(c.token, c.query.Get("project"), c.query.Get("config"))
	if no != nil {
		return answer{}, no
	}
	name := c.query.Get("name")
	if _, ok := from.secrets[name]; !ok {
		return answer{}, refuse(http.StatusNotFound, "Could not find requested secret '%s'", name)
	}
	delete(from.secrets, name)
	return answer{status: http.StatusNoContent}, nil
}
