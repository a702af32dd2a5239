package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
)

// counts are the requests since the start or the last reset.
type counts struct {
	Total int `json:"total"`
	// Reads are GETs below a KV mount: values, and the metadata of KV v2.
	Reads int `json:"reads"`
	// Lists are listings below a KV mount.
	Lists int `json:"lists"`
	// Logins are calls of auth/…/login.
	Logins int `json:"logins"`
	Other  int `json:"other"`
}

// counter counts the requests to Vault's API. GET answers with the counts as
// JSON, POST sets them to zero.
type counter struct {
	mu     sync.Mutex
	counts counts
}

func (c *counter) add(r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Total++
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	engine, _, _ := strings.Cut(path, "/")
	list := r.Method == "LIST" || r.Method == http.MethodGet && r.URL.Query().Get("list") == "true"
	switch {
	case engine == "auth" && strings.HasSuffix(path, "/login"):
		c.counts.Logins++
	case engine == "sys" || engine == "auth" || engine == "identity" || engine == "cubbyhole" || engine == "database":
		c.counts.Other++
	case list:
		c.counts.Lists++
	case r.Method == http.MethodGet:
		c.counts.Reads++
	default:
		c.counts.Other++
	}
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.Method {
	case http.MethodGet:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(c.counts)
	case http.MethodPost:
		c.counts = counts{}
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Error(w, "GET reads the counts, POST resets them", http.StatusMethodNotAllowed)
	}
}
