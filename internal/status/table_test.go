package status

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// noon is when the tables of these tests are printed.
func noon() time.Time { return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC) }

func ago(d time.Duration) *time.Time {
	t := noon().Add(-d)
	return &t
}

// sample is a row of each sort.
func sample() []Row {
	vault := func(key string) End { return End{Kind: "SecretStore", Name: "vault", Key: key} }
	n := 2
	return []Row{
		{
			Language: "external-secrets.io/v1", Kind: "ExternalSecret", Namespace: "team", Name: "app",
			From:  []End{vault("db#user"), vault("db#password"), vault("mail")},
			To:    []End{{Kind: "Secret", Namespace: "team", Name: "app"}},
			Ready: True, LastSuccess: ago(90 * time.Second), LastChange: ago(3 * time.Hour),
		},
		{
			Language: "kubernetes-reflector", Kind: "Secret", Namespace: "team", Name: "tls", annotated: true,
			From:  []End{{Kind: "Secret", Namespace: "team", Name: "tls"}},
			To:    []End{{Kind: "Secret", Name: "tls", Copies: &n}},
			Ready: Unknown, LastSuccess: ago(50 * time.Hour),
		},
		{
			Language: "stable.example.com/v1", Kind: "VaultSyncStatus", Namespace: "team", Name: "ä",
			From:  []End{{Address: "vault", Key: "secret/data/app"}},
			To:    []End{{Kind: "Deployment", Namespace: "team", Name: "app"}},
			Ready: False, LastSuccess: ago(time.Hour), Restarted: ago(5 * time.Hour), Message: "sealed",
		},
	}
}

func written(t *testing.T, rows []Row, s Style) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, rows, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTable(t *testing.T) {
	t.Parallel()
	want := `
KIND                            NAMESPACE   NAME   FROM                                       TO                         READY     LAST SUCCESS   LAST CHANGE   RESTARTED   MESSAGE
ExternalSecret                  team        app    SecretStore/vault: db#user, db#password +1   Secret app            True      90s            3h            -
Secret (kubernetes-reflector)   team        tls    Secret tls                              Secret tls in 2 namespaces   Unknown   2d2h           -   -
VaultSyncStatus                 team        ä      vault: secret/data/app                       Deployment app          False     60m            -   5h          sealed
`
	if diff := cmp.Diff(squeezed(want), squeezed("\n"+written(t, sample(), Style{Now: noon()}))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// squeezed is a table without its alignment, which TestColumnsAlign is about.
func squeezed(table string) string {
	var b strings.Builder
	for line := range strings.Lines(table) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}

func TestColumnsAlign(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(written(t, sample(), Style{Now: noon()})), "\n")
	at := func(line, word string) int {
		before, _, _ := strings.Cut(line, word)
		return len([]rune(before))
	}
	column := at(lines[0], "READY")
	for i, word := range []string{True, Unknown, False} {
		if got := at(lines[i+1], word); got != column {
			t.Errorf("%s stands in column %d, its heading in %d:\n%s", word, got, column, strings.Join(lines, "\n"))
		}
	}
	for _, line := range lines {
		if strings.TrimRight(line, " ") != line {
			t.Errorf("%q ends in blanks", line)
		}
	}
}

func TestWideTable(t *testing.T) {
	t.Parallel()
	got := written(t, sample(), Style{Now: noon(), Wide: true})
	for _, part := range []string{"LANGUAGE", "external-secrets.io/v1   ", "db#user, db#password, mail", "Secret            "} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in\n%s", part, got)
		}
	}
}

func TestColourIsOnlyForTheVerdict(t *testing.T) {
	t.Parallel()
	bare := written(t, sample(), Style{Now: noon()})
	got := written(t, sample(), Style{Now: noon(), Colour: true})
	for _, part := range []string{"\x1b[32mTrue\x1b[0m", "\x1b[33mUnknown\x1b[0m", "\x1b[31mFalse\x1b[0m"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in %q", part, got)
		}
	}
	for _, code := range []string{"\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"} {
		got = strings.ReplaceAll(got, code, "")
	}
	if diff := cmp.Diff(bare, got); diff != "" {
		t.Errorf("without its colours the table differs:\n%s", diff)
	}
}

// TestNothingObeysAStatus: whoever may write a status must not be able to
// write to the terminal of who reads it.
func TestNothingObeysAStatus(t *testing.T) {
	t.Parallel()
	row := sample()[2]
	row.Message = "a\x1b[2J\x1b]0;title\x07b\r\nc\u202ed\u2028e\x9b31m"
	row.To[0].Name = "app\x1b[1m"
	got := written(t, []Row{row}, Style{Now: noon()})
	if n := strings.Count(got, "\n"); n != 2 {
		t.Errorf("%d lines", n)
	}
	for _, r := range got {
		if r != '\n' && r < ' ' || r == 0x7f || r == '\u202e' || r == '\u2028' || r == 0x9b {
			t.Errorf("%q is in %q", r, got)
		}
	}
}

// TestFieldsOfJSON are the names that scripts rely on.
func TestFieldsOfJSON(t *testing.T) {
	t.Parallel()
	n := 2
	row := Row{
		Language: "l", Kind: "k", Namespace: "ns", Name: "n", Ready: True, LastSuccess: ago(0), LastChange: ago(0), Restarted: ago(0), Message: "m",
		From: []End{{Kind: "k", Namespace: "ns", Name: "n", Address: "a", Key: "key"}},
		To:   []End{{Kind: "k", Name: "n", Copies: &n, Wanted: &n, Followers: 1, Clusters: []string{"east"}}},
	}
	want := `{"language":"l","kind":"k","namespace":"ns","name":"n",` +
		`"from":[{"kind":"k","namespace":"ns","name":"n","address":"a","key":"key"}],` +
		`"to":[{"kind":"k","name":"n","copies":2,"wanted":2,"followers":1,"clusters":["east"]}],` +
		`"ready":"True","lastSuccess":"2026-08-01T12:00:00Z","lastChange":"2026-08-01T12:00:00Z","restarted":"2026-08-01T12:00:00Z","message":"m"}`
	got, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
