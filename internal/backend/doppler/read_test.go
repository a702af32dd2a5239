package doppler

import (
	"maps"
	"slices"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

func TestWholeConfigIsReadOnceUntilItChanges(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t)
	for range 3 {
		doc := mustRead(t, b, backend.Ref{})
		if string(doc.Fields["DB_URL"].Reveal()) != canary || len(doc.Fields) != 4 || doc.Version != `W/"one"` {
			t.Errorf("read %d fields of version %s", len(doc.Fields), doc.Version)
		}
		if got := string(doc.Value.Reveal()); got != `{"AB":"plain","DB_URL":"`+canary+`","DOPPLER_CONFIG":"prd","DOPPLER_PROJECT":"api"}` {
			t.Errorf("the whole config is %s", got)
		}
		if doc.Link != "https://dashboard.doppler.com/workplace/projects/api/configs/prd" {
			t.Errorf("the link is %s", doc.Link)
		}
		clear(doc.Fields) // whoever got it may do with it as he likes
	}
	s.set(func(s *stub) { s.etag, s.plain = `W/"two"`, `{"DB_URL":"new"}` })
	doc := mustRead(t, b, backend.Ref{Key: "DB_URL"})
	if string(doc.Value.Reveal()) != "new" || doc.Fields != nil || doc.Version != `W/"two"` {
		t.Errorf("after a change: %d bytes, version %s", doc.Value.Len(), doc.Version)
	}
	if want := []string{"", `W/"one"`, `W/"one"`, `W/"one"`}; !slices.Equal(s.etags, want) {
		t.Errorf("If-None-Match was %q, want %q", s.etags, want)
	}
	if got := s.queries[0].Encode(); got != "config=prd&project=api" {
		t.Errorf("asked for %s", got)
	}
}

func TestWhatIsKeptIsOfOneAccount(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.set(func(s *stub) { s.tokens["dp.st.prd.other"] = s.now.AddDate(1, 0, 0) })
	c := goodToken()
	b := s.openWith(t, delivery.DopplerConfig{Auth: byToken()}, c)
	mustRead(t, b, backend.Ref{})
	c.set(map[string]string{"serviceToken": "dp.st.prd.other"})
	s.set(func(s *stub) { delete(s.tokens, "dp.st.prd.good") })
	mustRead(t, b, backend.Ref{})
	if want := []string{"", ""}; !slices.Equal(s.etags, want) {
		t.Errorf("another token's ETag was sent: %q", s.etags)
	}
}

func TestNotModifiedIsOnlyTakenWhereItWasAskedFor(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t)
	s.set(func(s *stub) { s.answer = say(304, "") })
	if _, err := b.Read(t.Context(), backend.Ref{}); backend.KindOf(err) != backend.Malformed {
		t.Errorf("got %v", err)
	}
}

func TestAnswersWithoutUsableETagAreNotKept(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t)
	s.set(func(s *stub) { s.answer = say(200, s.plain, "ETag", `W/"a b"`) })
	if doc := mustRead(t, b, backend.Ref{}); doc.Version != "" || len(doc.Fields) != 4 {
		t.Errorf("version %q", doc.Version)
	}
	if len(b.kept) != 0 {
		t.Error("an answer was kept")
	}
}

func TestNamesAreDopplersOwnWhateverTheForm(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.openWith(t, delivery.DopplerConfig{NameTransformer: "upper-camel", Auth: byToken()}, goodToken())
	for ref, want := range map[backend.Ref]string{
		{Key: "DB_URL"}:                        canary,
		{Key: "AB"}:                            "plain",
		{Key: "DbUrl", Version: "upper-camel"}: canary,
		{Key: "AB", Version: "upper-camel"}:    "of A_B",
	} {
		if got := string(mustRead(t, b, ref).Value.Reveal()); got != want {
			t.Errorf("%v is %q, want %q", ref, got, want)
		}
		bundle, field := b.Bundle(ref)
		if got := string(mustRead(t, b, bundle).Fields[field].Reveal()); got != want {
			t.Errorf("%v in its bundle %v is %q, want %q", ref, bundle, got, want)
		}
	}
	refs, err := b.Find(t.Context(), backend.Query{Path: "D", Name: "Url$"})
	if want := []backend.Ref{{Key: "DbUrl", Version: "upper-camel"}}; err != nil || !slices.Equal(refs, want) {
		t.Errorf("found %v, %v, want %v", refs, err, want)
	}
	if doc := mustRead(t, b, backend.Ref{}); len(doc.Fields) != 3 || doc.Link != dashboard {
		t.Errorf("the whole has %v, link %s", slices.Sorted(maps.Keys(doc.Fields)), doc.Link)
	}
	for _, ref := range []backend.Ref{
		{Key: "DbUrl", Version: "camel"}, {Version: "1"}, {Key: "DB_URL", Metadata: true},
	} {
		if _, err := b.Read(t.Context(), ref); backend.KindOf(err) != backend.Unsupported {
			t.Errorf("Read(%+v): %v", ref, err)
		}
		if bundle, field := b.Bundle(ref); bundle != ref || field != "" {
			t.Errorf("the bundle of %+v is %+v, %q", ref, bundle, field)
		}
	}
}

func TestBundleOfAPlainConfigIsTheWhole(t *testing.T) {
	t.Parallel()
	b := newStub(t).open(t)
	for ref, want := range map[backend.Ref]string{{}: "", {Key: "DB_URL"}: "DB_URL"} {
		if bundle, field := b.Bundle(ref); bundle != (backend.Ref{}) || field != want {
			t.Errorf("the bundle of %+v is %+v, %q", ref, bundle, field)
		}
	}
}

func TestFormatMakesOneValue(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.openWith(t, delivery.DopplerConfig{
		Format: "env", NameTransformer: "camel", Secrets: []string{"DB_URL", "AB"}, Auth: byToken(),
	}, goodToken())
	for _, ref := range []backend.Ref{{}, {Key: FileKey}} {
		doc := mustRead(t, b, ref)
		if string(doc.Value.Reveal()) != `DB_URL="`+canary+`"` || doc.Fields != nil || doc.Version == "" || doc.Link != dashboard {
			t.Errorf("read %d bytes, fields %v, version %q, link %s", doc.Value.Len(), doc.Fields, doc.Version, doc.Link)
		}
		if bundle, field := b.Bundle(ref); bundle != (backend.Ref{}) || field != "" {
			t.Errorf("the bundle of %+v is %+v, %q", ref, bundle, field)
		}
	}
	if got := s.queries[0].Encode(); got != "format=env&name_transformer=camel&secrets=DB_URL%2CAB" {
		t.Errorf("asked for %s", got)
	}
	for path, want := range map[string]int{"": 1, "DOPPLER_": 1, "DB": 0} {
		refs, err := b.Find(t.Context(), backend.Query{Path: path})
		if err != nil || len(refs) != want || (want == 1 && refs[0] != backend.Ref{Key: FileKey}) {
			t.Errorf("found %v below %q, %v", refs, path, err)
		}
	}
	if got := string(mustRead(t, b, backend.Ref{Key: "AB"}).Value.Reveal()); got != "plain" {
		t.Errorf("AB beside the file is %q", got)
	}
}

func TestMissingSecrets(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t)
	_, err := b.Read(t.Context(), backend.Ref{Key: "NOPE"})
	if want := `cannot read "NOPE": the config "prd" of the project "api" has no such secret`; backend.KindOf(err) != backend.NotFound || err.Error() != want {
		t.Errorf("%v (%s)", err, backend.KindOf(err))
	}
	b = s.openWith(t, delivery.DopplerConfig{Secrets: []string{"A", "B"}, Auth: byToken()}, goodToken())
	s.set(func(s *stub) { s.plain = "{}" })
	if _, err := b.Read(t.Context(), backend.Ref{}); backend.KindOf(err) != backend.NotFound {
		t.Errorf("none of the names exists: %v", err)
	}
}

func TestNoTagsToSearchBy(t *testing.T) {
	t.Parallel()
	_, err := newStub(t).open(t).Find(t.Context(), backend.Query{Tags: map[string]string{"a": "b"}})
	if backend.KindOf(err) != backend.Unsupported {
		t.Errorf("got %v", err)
	}
}

func TestLinksHoldNamesAlone(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.openWith(t, delivery.DopplerConfig{Project: "web", Config: "dev", Auth: byToken()}, goodToken())
	for plain, want := range map[string]string{
		`{"A":"b"}`: dashboard + "/projects/web/configs/dev",
		`{"DOPPLER_PROJECT":"api","DOPPLER_CONFIG":"prd_x"}`:              dashboard + "/projects/api/configs/prd_x",
		`{"DOPPLER_PROJECT":"../` + canary + `","DOPPLER_CONFIG":"prd"}`:  dashboard,
		`{"DOPPLER_PROJECT":"api","DOPPLER_CONFIG":"` + canary + ` x y"}`: dashboard,
	} {
		s.set(func(s *stub) { s.answer = say(200, plain) })
		if got := mustRead(t, b, backend.Ref{}).Link; got != want {
			t.Errorf("the link of %s is %s", plain, got)
		}
	}
}
