package main

import (
	"fmt"
	"io"
	"strings"
	"text/template"
)

// markdown is the page that a whole run leaves.
const markdown = `# What was measured

Written by ` + "`{{.Command}}`" + ` on {{.Date.Format "2 January 2006, 15:04 MST"}}{{with .Commit}}, at {{.}}{{end}}.
{{.Machine}}

The machine carried everything: the API server with etcd, Vault, the operator and the meter. So compare ratios
taken in one run, not seconds. The bare writer is the ceiling: 32 parallel writers without a throttle that create
the same Secrets (protobuf) and patch the same statuses as the operator, in the same plane, once before it and
once after. Time counts from the start of the operator's process; the store has not been validated then. Own
memory is RssAnon. "Others" are programs that have nothing to do with the measurement: the more of the machine
they took, the less a figure in seconds says.

Fan-out: the bare writer creates and patches copies of its own in the same namespaces, just as the operator does.
Rollouts run without the limit on rollouts a minute, which would be what is measured. Their time counts from before
the request that changes the Secret until a watch shows the Deployment patched; for 50 ms of it the operator waits
for further changes, which would be one rollout with the first.
{{range .Results}}
## {{.Title}}
{{with .Failure}}
It did not complete: {{.}}
{{end}}
| figure | result | goal | |
|---|---:|---:|---|
{{range .Rows}}| {{join . " | "}} |
{{end}}{{end}}`

// writeMarkdown writes the page.
func (r *report) writeMarkdown(w io.Writer) error {
	t, err := template.New("results").Funcs(template.FuncMap{"join": strings.Join}).Parse(markdown)
	if err != nil {
		return fmt.Errorf("the template of the results: %w", err)
	}
	return t.Execute(w, r)
}

// Rows is for the template.
func (r result) Rows() [][]string { return r.rows() }
