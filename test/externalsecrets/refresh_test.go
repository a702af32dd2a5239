package externalsecrets_test

import (
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// proxiedBed is a vaultBed whose way to Vault counts and breaks.
func proxiedBed(t *testing.T) (bed, *testkit.Proxy) {
	t.Helper()
	b := emptyBed(t)
	proxy := testkit.NewProxy(t, b.Vault.Addr, nil)
	b.VaultAddr = proxy.URL
	b.Apply(operatortest.VaultStore)
	return b, proxy
}

// readsOf counts the reads of a secret's value since the count was reset.
func (b bed) readsOf(p *testkit.Proxy, key string) int {
	return p.Counts()["/v1/secret/data/"+b.NS+"/"+key]
}

func schedule(fields string) string { return "\n" + fields + "\ntarget: {" + bare + "}\n" }

// pass lets n refreshes of an object pass that refreshes every second.
func (b bed) pass(n int) {
	b.T.Helper()
	for i := range n {
		value := string(rune('a' + i))
		b.putOne("tick", value)
		b.holds("tick", "v", value)
	}
}

func TestRefreshes(t *testing.T) {
	b, proxy := proxiedBed(t)
	b.putOne("tick", "start")
	b.Apply(es("tick", schedule("refreshInterval: 1s")+one("tick")))
	for name, when := range map[string]string{
		"zero":    `refreshInterval: "0"`,
		"zero-s":  "refreshInterval: 0s",
		"once":    "{refreshPolicy: CreatedOnce, refreshInterval: 1s}",
		"change":  "{refreshPolicy: OnChange, refreshInterval: 1s}",
		"yearly":  "{refreshPolicy: Periodic, refreshInterval: 8760h}",
		"yearly2": "refreshInterval: 8760h",
	} {
		b.putOne(name, "one")
		if when[0] == '{' {
			when = when[1 : len(when)-1]
			when = strings.Replace(when, ", ", "\n", 1)
		}
		b.Apply(es(name, schedule(when)+one(name)))
	}
	// An hour, of which the next tick may be one of those that pass here.
	b.putOne("default", "one")
	b.Apply(strings.Replace(es("default", one("default")), "  refreshInterval: 8760h\n", "", 1))
	b.Synced("default")
	all := []string{"zero", "zero-s", "once", "change", "yearly", "yearly2"}
	for _, name := range all {
		b.holds(name, "v", "one")
		b.Synced(name)
		b.putOne(name, "two")
	}
	b.pass(4)
	for _, name := range all {
		b.holds(name, "v", "one")
		if n := b.readsOf(proxy, name); n != 1 {
			t.Errorf("%s was read %d times", name, n)
		}
	}

	if n := b.readsOf(proxy, "default"); n > 2 {
		t.Errorf("without an interval it was read %d times", n)
	}

	// A change asks for a sync, but not of those that sync once alone.
	for _, name := range all {
		b.Poke(name)
	}
	for _, name := range []string{"change", "yearly", "yearly2"} {
		b.holds(name, "v", "two")
		b.Synced(name)
	}
	b.pass(2)
	for _, name := range []string{"zero", "zero-s", "once"} {
		b.holds(name, "v", "one")
		if n := b.readsOf(proxy, name); n != 1 {
			t.Errorf("%s was read %d times", name, n)
		}
	}
	// Their Secret is looked after all the same.
	b.remove(b.Secret("once"))
	b.holds("once", "v", "two")
}

func TestAnIntervalThatIsNone(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.run([]reads{{name: "app", spec: "refreshInterval: soon" + one("app"), fails: []string{"spec.refreshInterval", `"soon"`}}})
}

func TestWhatOthersAddToASecretIsNoReasonToReadAgain(t *testing.T) {
	b, proxy := proxiedBed(t)
	for name, when := range map[string]string{"once": "refreshPolicy: CreatedOnce", "never": "refreshInterval: 0s"} {
		b.putOne(name, "one")
		b.Apply(es(name, schedule(when)+one(name)))
		s := b.holds(name, "v", "one")
		b.Synced(name)
		b.putOne(name, "two")
		count, _ := b.writes(s)
		b.change(s, func() { s.Labels["foreign"] = "x" })
		b.putOne("mark-"+name, "m")
		b.Apply(es("mark-"+name, one("mark-"+name)))
		b.Synced("mark-" + name)
		b.holds(name, "v", "one")
		if n, reads := count(), b.readsOf(proxy, name); n != 1 || reads != 1 {
			t.Errorf("%s: %d writes, of which one was the label, and %d reads", name, n, reads)
		}
	}
}
