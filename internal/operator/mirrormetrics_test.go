package operator

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

func TestMetricsOfMirrorsAreTheOriginals(t *testing.T) {
	t.Parallel()
	m := NewMirrorMetrics()
	vault := delivery.StoreRef{Kind: "SecretMirror", Namespace: "team", Name: "digest"}
	lent := &delivery.Delivery{
		Object:  delivery.Object{Kind: "SecretMirror", Namespace: "team", Name: "db"},
		Sources: []delivery.Source{{Store: vault}},
		Inline:  []delivery.Store{{Ref: vault, Config: delivery.VaultConfig{Server: "https://vault.example.com"}}},
	}
	copied := &delivery.Delivery{
		Object:  delivery.Object{Kind: "SecretMirror", Namespace: "team", Name: "tls"},
		Sources: []delivery.Source{{Take: delivery.TakeObject}},
	}
	m.observe(lent, &delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 3}, Lease: delivery.LeaseOutcome{Change: delivery.LeaseRenewed}})
	m.observe(lent, &delivery.Outcome{Result: delivery.Failed, Lease: delivery.LeaseOutcome{RenewFailed: true}})
	m.observe(lent, &delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 3}, Lease: delivery.LeaseOutcome{RenewFailed: true, RenewStatus: 403}})
	m.observe(copied, &delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 2}})
	m.observe(&delivery.Delivery{Object: delivery.Object{Kind: "ExternalSecret"}}, &delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 1}})
	want := []string{
		"mirrors_ns_current_count mirror=team/db source_type=vault 3",
		"mirrors_ns_current_count mirror=team/tls source_type=secret 2",
		"mirrors_sync_total destination_type=namespaces mirror=team/db source_type=vault 2",
		"mirrors_sync_total destination_type=namespaces mirror=team/tls source_type=secret 1",
		"mirrors_vault_lease_renew_error_total http_code=- mirror=team/db vault=https://vault.example.com 1",
		"mirrors_vault_lease_renew_error_total http_code=403 mirror=team/db vault=https://vault.example.com 1",
		"mirrors_vault_lease_renew_ok_total mirror=team/db vault=https://vault.example.com 1",
	}
	if got := series(t, m); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	m.observe(lent, &delivery.Outcome{Result: delivery.Deleted})
	m.observe(copied, &delivery.Outcome{Result: delivery.Deleted})
	if left := series(t, m); len(left) != 0 {
		t.Errorf("of what is gone there is %v", left)
	}
}

// series are those of a collector: name, labels, value.
func series(t *testing.T, c prometheus.Collector) []string {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			line := f.GetName()
			for _, l := range m.GetLabel() {
				line += " " + l.GetName() + "=" + l.GetValue()
			}
			all = append(all, fmt.Sprint(line, " ", m.GetCounter().GetValue()+m.GetGauge().GetValue()))
		}
	}
	return all
}
