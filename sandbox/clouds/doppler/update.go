package doppler

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// change is one of the change_requests of an update.
type change struct {
	Name               string  `json:"name"`
	OriginalName       *string `json:"originalName"`
	Value              *string `json:"value"`
	OriginalValue      *string `json:"originalValue"`
	Visibility         *string `json:"visibility"`
	OriginalVisibility *string `json:"originalVisibility"`
	ShouldPromote      bool    `json:"shouldPromote"`
	ShouldConverge     bool    `json:"shouldConverge"`
	ShouldDelete       bool    `json:"shouldDelete"`
}

// decode reads the body, which is JSON. What a parser says of it may quote a
// secret, so that is not repeated.
func (c *call) decode(into any) *refusal {
	if json.Unmarshal(c.body, into) != nil {
		return refuse(http.StatusBadRequest, "Invalid JSON in request body")
	}
	return nil
}

// updateSecrets writes secrets: all changes or none.
func updateSecrets(s *Server, c *call) (answer, *refusal) {
	var request struct {
		Project, Config string
		Secrets         map[string]*string `json:"secrets"`
		Changes         []change           `json:"change_requests"`
	}
	if no := c.decode(&request); no != nil {
		return answer{}, no
	}
	if (request.Secrets == nil) == (request.Changes == nil) {
		return answer{}, refuse(http.StatusBadRequest, "Either secrets or change_requests must be provided, but not both")
	}
	// The documentation has both in the body, the CLI in the query.
	to, no := s.writable(c.token, first(request.Project, c.query.Get("project")), first(request.Config, c.query.Get("config")))
	if no != nil {
		return answer{}, no
	}
	changes := request.Changes
	for name, value := range request.Secrets {
		changes = append(changes, change{Name: name, Value: value, ShouldDelete: value == nil})
	}
	if no := s.apply(to, changes); no != nil {
		return answer{}, no
	}
	return s.listing(c.token, to, to.names(true))
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// apply makes the changes if every one of them can be made.
func (s *Server) apply(to *config, changes []change) *refusal {
	before := to.secrets
	to.secrets = maps.Clone(before)
	for _, ch := range changes {
		if no := ch.apply(to); no != nil {
			to.secrets = before
			return no
		}
	}
	for _, ch := range changes {
		now, ok := to.secrets[ch.Name]
		if !ok {
			continue
		}
		if _, whole := s.compute(to, now.raw); !whole {
			to.secrets = before
			return refuse(http.StatusBadRequest, "Unable to resolve a secret reference in '%s'", ch.Name)
		}
	}
	return nil
}

// apply makes one change to the config.
func (ch change) apply(to *config) *refusal {
	if no := ch.check(to); no != nil {
		return no
	}
	from := ch.Name
	if ch.OriginalName != nil {
		from = *ch.OriginalName
	}
	was, existed := to.secrets[from]
	if no := ch.compare(was, existed); no != nil {
		return no
	}
	delete(to.secrets, from)
	if ch.ShouldDelete {
		return nil
	}
	if !existed {
		if ch.Value == nil {
			return refuse(http.StatusBadRequest, "You must specify a value for '%s'", ch.Name)
		}
		was.visibility = "masked"
	}
	if ch.Value != nil {
		was.raw = *ch.Value
	}
	if ch.Visibility != nil {
		was.visibility = *ch.Visibility
	}
	to.secrets[ch.Name] = was
	return nil
}

// check refuses what can be made to no config here.
func (ch change) check(to *config) *refusal {
	if _, reserved := to.managed()[ch.Name]; reserved {
		return refuse(http.StatusBadRequest, "Secret name '%s' is reserved", ch.Name)
	}
	if !validName.MatchString(ch.Name) {
		return refuse(http.StatusBadRequest, "Secret names may only contain uppercase letters, numbers, and underscores, and may not start with a number")
	}
	if ch.ShouldPromote || ch.ShouldConverge {
		return refuse(http.StatusBadRequest, "Only secrets of branch configs can be promoted or converged")
	}
	if ch.Visibility != nil && !slices.Contains([]string{"masked", "unmasked", "restricted"}, *ch.Visibility) {
		return refuse(http.StatusBadRequest, "Invalid visibility: must be one of masked, unmasked, restricted")
	}
	return nil
}

// compare refuses a change to what is no longer as its author knew it.
func (ch change) compare(was secret, existed bool) *refusal {
	if ch.OriginalValue != nil && (!existed || was.raw != *ch.OriginalValue) ||
		ch.OriginalVisibility != nil && (!existed || was.visibility != *ch.OriginalVisibility) {
		return refuse(http.StatusConflict, "Secret '%s' has been changed by somebody else", ch.Name)
	}
	return nil
}
