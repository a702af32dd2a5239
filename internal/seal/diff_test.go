package seal_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/seal"
)

// differences are those of one object, without its name.
func differences(t *testing.T, was, is *v1alpha1.SealedSecret, keys *seal.Keys) []string {
	t.Helper()
	lines, err := seal.Diff(t.Context(), []*v1alpha1.SealedSecret{was}, []*v1alpha1.SealedSecret{is}, keys)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "shop/db: ")
	}
	return lines
}

const short = `{apiVersion: v1, kind: Secret, metadata: {name: db, namespace: shop}, stringData: {password: canary-1}}`

// As many clusters need not be the same.
func TestDiffTellsForWhom(t *testing.T) {
	t.Parallel()
	a, b, old := clusters()[0].Newest(), clusters()[1].Newest(), clusters()[1].Certificates[0]
	one, both, others, three := sealed(t, short, a), sealed(t, short, a, b), sealed(t, short, a, old), sealed(t, short, a, b, old)
	for want, c := range map[string][2]*v1alpha1.SealedSecret{
		"": {both, sealed(t, short, b, a)},
		", for other keys (added " + old.ID.String() + "; removed " + b.ID.String() + ")": {both, others},
		", for 3 clusters, was 2 (added " + old.ID.String() + ")":                         {both, three},
		", for 2 clusters, was 3 (removed " + b.ID.String() + ")":                         {three, others},
		", for 1 cluster, was 2":  {both, one},
		", for 2 clusters, was 1": {one, both},
	} {
		if got := differences(t, c[0], c[1], nil); !slices.Equal(got, []string{"key password: sealed anew" + want}) {
			t.Errorf("%q\n%q", got, want)
		}
	}
}

func TestVerifyTellsValuesForOtherClusters(t *testing.T) {
	t.Parallel()
	a, b, old := clusters()[0].Newest(), clusters()[1].Newest(), clusters()[1].Certificates[0]
	whole := sealed(t, plain, a, b)
	notes := func(user *v1alpha1.SealedSecret) []string {
		o := whole.DeepCopy()
		o.Spec.EncryptedData["user"] = user.Spec.EncryptedData["user"]
		f, err := seal.ParseFile(text(t, o))
		if err != nil {
			t.Fatal(err)
		}
		verdict, err := seal.Verify(t.Context(), f.Objects[0], "", nil)
		if err != nil || verdict.Problem != nil {
			t.Fatal(verdict, err)
		}
		return verdict.Notes
	}
	const note = `its values are for different clusters: `
	for want, user := range map[string]*v1alpha1.SealedSecret{
		"": sealed(t, plain, b, a),
		note + `"password" for 2 (` + b.ID.String() + `), "user" for 2 (` + old.ID.String() + `)`: sealed(t, plain, a, old),
		note + `"password" for 2, "user" for 3 (` + old.ID.String() + `)`:                         sealed(t, plain, a, b, old),
		note + `"password" for 2, "user" for 1`:                                                   sealed(t, plain, a),
	} {
		if got := strings.Join(notes(user), "\n"); got != want {
			t.Errorf("%q\n%q", got, want)
		}
	}
}

func TestDiffTellsAllOfTheTemplate(t *testing.T) {
	t.Parallel()
	was := sealed(t, short, clusters()[0].Newest())
	is := was.DeepCopy()
	yes := true
	is.Spec.Template = v1alpha1.SecretTemplate{
		Type: "example.com/x", Immutable: &yes, Data: map[string]string{"k": "v"},
		Metadata: &v1alpha1.TemplateMetadata{Labels: map[string]string{"l": "v"}, Annotations: map[string]string{"a": "v"}, Finalizers: []string{"example.com/f"}},
	}
	want := []string{
		"template key k: added", "template label l: added", "template annotation a: added",
		"template finalizers: changed", "template type: changed", "template immutable: changed",
	}
	if got := differences(t, was, is, nil); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := differences(t, is, is, nil); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// What one value hides is no reason to hide the others.
func TestDiffGoesOnPastWhatDoesNotOpen(t *testing.T) {
	t.Parallel()
	a, b := clusters()[0], clusters()[1]
	was, is := sealed(t, plain, a.Newest()), sealed(t, plain, a.Newest())
	was.Spec.EncryptedData["password"] = sealed(t, plain, b.Newest()).Spec.EncryptedData["password"]
	keys := keysOf(t, a)
	for which, c := range map[string][2]*v1alpha1.SealedSecret{"old": {was, is}, "new": {is, was}} {
		got := differences(t, c[0], c[1], keys)
		if len(got) != 2 || !strings.HasPrefix(got[0], "key password: sealed anew (the "+which+" value cannot be opened: ") || got[1] != "key user: sealed anew, the same value" {
			t.Errorf("%s: %q", which, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := seal.Diff(ctx, []*v1alpha1.SealedSecret{was}, []*v1alpha1.SealedSecret{is}, keys); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
