package status

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

func TestPlacesOfPlans(t *testing.T) {
	t.Parallel()
	es := delivery.Object{Kind: "ExternalSecret", Namespace: "team", Name: "app"}
	store := delivery.StoreRef{Kind: "SecretStore", Namespace: "team", Name: "vault"}
	inline := delivery.StoreRef{Kind: "DopplerSecret", Namespace: "team", Name: "app"}
	for name, c := range map[string]struct {
		plan     delivery.Delivery
		from, to string
	}{
		"keys of a store": {
			delivery.Delivery{
				Object: es,
				Sources: []delivery.Source{
					{Store: store, Take: delivery.TakeValue, Remote: delivery.Remote{Key: "db", Property: "password"}},
					{Store: store, Take: delivery.TakeMap, Remote: delivery.Remote{Key: "mail"}},
					{Store: store, Take: delivery.TakeMap, Remote: delivery.Remote{Key: "mail"}},
					{Store: store, Take: delivery.TakeFound, Search: delivery.Search{Path: "team", Name: "^a"}},
				},
				Destination: delivery.Destination{Namespace: "team", Name: "app", Creation: delivery.Owner},
			},
			"SecretStore/vault: db#password, mail, find team ^a", "Secret team/app",
		},
		"an inline store whose address holds a password": {
			delivery.Delivery{
				Object:      delivery.Object{Kind: "SecretMirror"},
				Inline:      []delivery.Store{{Ref: inline, Config: delivery.VaultConfig{Server: "https://user:hunter2@vault.example.com:8200/v1?x=hunter2"}}},
				Sources:     []delivery.Source{{Store: inline, Take: delivery.TakeMap, Remote: delivery.Remote{Key: "secret/data/app"}}},
				Destination: delivery.Destination{Store: inline, Key: "secret/data/copy"},
			},
			"vault.example.com:8200: secret/data/app", "vault.example.com:8200: secret/data/copy",
		},
		"a config of Doppler": {
			delivery.Delivery{
				Object:  delivery.Object{Kind: "DopplerSecret"},
				Inline:  []delivery.Store{{Ref: inline, Config: delivery.DopplerConfig{Project: "shop", Config: "prd"}}},
				Sources: []delivery.Source{{Store: inline, Take: delivery.TakeMap}},
			},
			"doppler: shop/prd", "",
		},
		"the operator's own store": {
			delivery.Delivery{
				Object: delivery.Object{Kind: "VaultSyncStatus"},
				Sources: []delivery.Source{{
					Store: delivery.StoreRef{Kind: "VaultSyncStatus", Name: "vault"}, Take: delivery.TakeValue,
					Remote: delivery.Remote{Key: "secret/data/app", Metadata: true},
				}},
				Destination: delivery.Destination{Creation: delivery.None},
				Rollout:     &delivery.Rollout{Workload: delivery.Workload{Kind: "Deployment", Namespace: "team", Name: "app"}},
			},
			"vault: secret/data/app", "Deployment team/app",
		},
		"what the manifest itself holds": {
			delivery.Delivery{
				Sources:     []delivery.Source{{Take: delivery.TakeSealed}},
				Destination: delivery.Destination{Namespace: "team", Name: "app", Creation: delivery.Owner},
			},
			"sealed values", "Secret team/app",
		},
		"copies in other clusters": {
			delivery.Delivery{
				Sources: []delivery.Source{{Take: delivery.TakeObject, Object: delivery.ObjectRef{Kind: "ConfigMap", Namespace: "team", Name: "ca"}}},
				Destination: delivery.Destination{Kind: "ConfigMap", Namespace: "x", Name: "ca", Creation: delivery.Marked,
					Spread: &delivery.Spread{Clusters: []string{"east", "west"}}},
			},
			"ConfigMap team/ca", "ConfigMap ca, 2 clusters",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row, wide := &Row{}, Style{Wide: true}
			if diff := cmp.Diff([]string{c.from, c.to}, []string{row.places(from(&c.plan), wide), row.places(to(&c.plan), wide)}); diff != "" {
				t.Errorf("from and to (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCopiesInWords(t *testing.T) {
	t.Parallel()
	n := func(i int) *int { return &i }
	for _, c := range []struct {
		place End
		want  string
	}{
		{End{Kind: "Secret", Name: "tls", Copies: n(12), Wanted: n(12)}, "Secret tls in 12 namespaces"},
		{End{Kind: "Secret", Name: "tls", Copies: n(1)}, "Secret tls in 1 namespace"},
		{End{Kind: "Secret", Name: "tls", Copies: n(11), Wanted: n(12)}, "Secret tls in 11 of 12 namespaces"},
		{End{Kind: "Secret", Name: "tls", Copies: n(0), Wanted: n(0), Followers: 2}, "Secret tls in 0 namespaces, 2 followers"},
	} {
		if got := c.place.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
