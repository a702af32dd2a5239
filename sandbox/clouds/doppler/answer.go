package doppler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// answer is a success.
type answer struct {
	status int // 0 is 200
	kind   string
	etag   string
	body   []byte
}

const (
	kindJSON = "application/json; charset=utf-8"
	kindText = "text/plain; charset=utf-8"
)

// object answers with JSON that says success.
func object(fields map[string]any) (answer, *refusal) {
	fields["success"] = true
	return answer{kind: kindJSON, body: marshal(fields)}, nil
}

func (a answer) write(w http.ResponseWriter) {
	if a.etag != "" {
		w.Header().Set("ETag", a.etag)
	}
	if a.kind != "" {
		w.Header().Set("Content-Type", a.kind)
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // fails only if the client is gone
}

// refusal is an error as the API words it.
type refusal struct {
	status   int
	messages []string
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, messages: []string{fmt.Sprintf(format, args...)}}
}

func (no *refusal) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", kindJSON)
	w.WriteHeader(no.status)
	_, _ = w.Write(marshal(map[string]any{"messages": no.messages, "success": false}))
}

// marshal writes compact JSON as Doppler does: keys sorted, and no HTML
// escapes. What is given to it always marshals.
func marshal(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
