package doppler_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestColumns: kubectl shows what people look for first.
func TestColumns(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("app")
	b.DS("bad", "host: https://metadata.example.com")
	b.InSync("app")
	b.Broken("bad")
	lines := strings.Split(strings.TrimSpace(b.kubectl("get", "dopplersecrets", "--namespace", b.NS, "--output", "wide")), "\n")
	for i, want := range []string{
		`NAME +MANAGED SECRET +IN NAMESPACE +READY +REASON +LAST SYNC +AGE +MESSAGE`,
		`app +app +` + b.NS + ` +True +OK +[0-9ms]+ +[0-9ms]+ +Controller is continuously syncing secrets`,
		`bad +bad +False +Error +[0-9ms]+ +Secret update failed: .*--doppler-host.*`,
	} {
		if i >= len(lines) || !regexp.MustCompile("^"+want+" *$").MatchString(lines[i]) {
			t.Fatalf("line %d is not %s:\n%s", i, want, strings.Join(lines, "\n"))
		}
	}
}
