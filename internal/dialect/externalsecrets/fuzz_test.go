package externalsecrets

import (
	"errors"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// field is how a message begins that names one.
var field = regexp.MustCompile(`^spec[^ ]*: .`)

// FuzzTranslate reads any YAML as each of the kinds: nothing may panic, an
// error names a field, and what a plan promises holds.
func FuzzTranslate(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, manifest []byte) {
		for _, kind := range []string{esv1.ExternalSecretKind, esv1.SecretStoreKind, esv1.ClusterSecretStoreKind} {
			obj, translate := reader(kind)
			if yaml.Unmarshal(manifest, obj) != nil {
				return
			}
			plan, err := translate(obj)
			if err != nil {
				checkError(t, err)
			}
			switch p := plan.(type) {
			case delivery.Delivery:
				checkPlan(t, &p)
			case delivery.Store:
				if (err == nil) != (p.Config != nil) {
					t.Errorf("config %v beside error %v", p.Config, err)
				}
				if p.Retry.Every < 0 || p.Recheck < 0 {
					t.Errorf("negative times: %+v", p)
				}
			}
		}
		es := &esv1.ExternalSecret{}
		if yaml.Unmarshal(manifest, es) == nil {
			ExternalSecrets(Options{}).Report(es, delivery.Outcome{Result: delivery.Synced}, time.Unix(0, 0))
		}
	})
}

func checkError(t *testing.T, err error) {
	var failure *delivery.Error
	switch {
	case !errors.As(err, &failure):
		t.Errorf("the error is a %T", err)
	case failure.Kind != delivery.Invalid && failure.Kind != delivery.Unsupported:
		t.Errorf("the error is %s", failure.Kind)
	case !field.MatchString(failure.Message):
		t.Errorf("the error names no field: %q", failure.Message)
	}
}

func checkPlan(t *testing.T, p *delivery.Delivery) {
	if p.Object.Kind != esv1.ExternalSecretKind {
		t.Errorf("the plan is of %s", p.Object)
	}
	if n := len(p.Destination.FieldManager); n > 128 && len(p.Object.Name) <= 253 {
		t.Errorf("a field manager of %d bytes", n)
	}
	for _, ref := range p.Stores() {
		if ref.Namespace != "" && ref.Namespace != p.Object.Namespace {
			t.Errorf("reads %s of another namespace", ref)
		}
	}
}
