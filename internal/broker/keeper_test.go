package broker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// kept is a configuration whose credential is in a Secret.
type kept struct{ namespace, name string }

func (kept) Backend() string { return "test" }
func (k kept) Credentials() []delivery.Credential {
	return []delivery.Credential{{Kind: delivery.FromSecret, Namespace: k.namespace, Name: k.name, Key: "token"}}
}

// TestALoginEndsWithItsCredential whether or not anything still reads with it,
// and no other does.
func TestALoginEndsWithItsCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		b := newBroker(s, broker.Limits{})
		inline := func(name string, cfg delivery.Config, object string) *delivery.Store {
			return &delivery.Store{Ref: delivery.StoreRef{Kind: "Test", Name: name}, Config: cfg, Object: delivery.Object{UID: object}}
		}
		stores := []*delivery.Store{
			inline("a", kept{"team", "login"}, ""), inline("b", kept{"team", "login"}, ""),
			inline("c", kept{"team", "other"}, ""), inline("d", kept{"elsewhere", "login"}, ""),
			// One that an object describes is forgotten by that.
			inline("e", kept{"team", "login"}, "uid"),
		}
		read := func() {
			t.Helper()
			for _, store := range stores {
				if _, err := b.Read(t.Context(), store, "team", backend.Ref{Key: "k"}, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
		}
		read()
		b.ForgetUsing(t.Context(), delivery.FromSecret, "team", "login")
		b.ForgetUsing(t.Context(), delivery.FromConfigMap, "team", "other")
		synctest.Wait()
		if s.ended() != 2 {
			t.Errorf("%d sessions ended, want those of a and b", s.ended())
		}
		read()
		if s.opened != len(stores)+2 {
			t.Errorf("%d sessions were opened, want %d", s.opened, len(stores)+2)
		}
		b.ForgetUsing(t.Context(), delivery.FromSecret, "team", "login")
		synctest.Wait()
		if s.ended() != 4 {
			t.Errorf("%d sessions ended, want those of a and b again", s.ended())
		}
	})
}
