package mirrors_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/mirrors/mirrortest"
)

// below lets its holder read and write what the test keeps in Vault.
func below(b mirrortest.Bed) string {
	return testkit.ReadWrite("secret/data/"+b.NS, "kv1/"+b.NS)
}

func TestValuesOfVaultArriveAsTheyAre(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	b.Login("approle", below(b))
	// Each of the strings is valid base64, which the original decodes.
	b.Put("app", map[string]any{
		"word": "abcd", "number": "12345678", "encoded": "aGVsbG8=", "empty": "",
		"n": 5, "big": 12345678901234, "yes": true, "list": []string{"a", "b"}, "map": map[string]any{"k": "v"},
		"of a key": "x",
	})
	b.Apply(mirrortest.Lends("app", "/secret/data/$NS/app", "", "^$NS-"))
	b.Has(ns, "app",
		"word", "abcd", "number", "12345678", "encoded", "aGVsbG8=", "empty", "",
		"n", "5", "big", "12345678901234", "yes", "true", "list", `["a","b"]`, "map", `{"k":"v"}`,
		"of_a_key", "x")
}

func TestEveryEngineAndBothLoginsAreServed(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	b.Login("approle", below(b))
	b.Must(b.Vault.PutV1(t.Context(), b.NS+"/app", map[string]any{"password": "of version 1"}))
	b.Apply(mirrortest.Lends("v1", "kv1/$NS/app", "", "^$NS-"))
	b.Has(ns, "v1", "password", "of version 1")

	b.Put("app", map[string]any{"password": "by token"})
	token, err := b.Vault.Token(t.Context(), below(b))
	b.Must(err)
	b.Make(b.NS, "token", "token", token)
	b.Apply(strings.ReplaceAll(mirrortest.Lends("v2", "secret/data/$NS/app", "", "^$NS-"),
		"approle: {secretRef: {name: approle}}", "token: {secretRef: {name: token}}"))
	b.Has(ns, "v2", "password", "by token")
}

func TestOneLoginServesHoweverManyPollsAndIsGivenBack(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	b.Login("approle", below(b))
	b.CaughtUp("") // credentials that are seen later than used are one more login
	b.Put("app", map[string]any{"password": "first"})
	for i := range 3 {
		b.Apply(mirrortest.Lends(fmt.Sprintf("app-%d", i), "/secret/data/$NS/app", "pollPeriodSeconds: 1", "^$NS-"))
	}
	polls := func(n int) {
		t.Helper()
		b.Eventually(func() error {
			if got := b.Way.Counts()["/v1/secret/data/"+b.NS+"/app"]; got < n {
				return fmt.Errorf("%d reads so far", got)
			}
			return nil
		})
	}
	polls(8)
	b.Put("app", map[string]any{"password": "second"})
	b.Has(ns, "app-2", "password", "second")
	counts := b.Way.Counts()
	if n := counts["/v1/auth/approle/login"]; n != 1 {
		t.Errorf("%d logins for %d reads", n, counts["/v1/secret/data/"+b.NS+"/app"])
	}
	// Nobody is left to use it, and what it was for is taken back. Namespaces go
	// one after the other, and other tests delete theirs too.
	b.Remove(namespace(b.NS))
	testkit.Eventually(t, 2*time.Minute, func() error {
		if err := b.Get(t.Context(), types.NamespacedName{Name: b.NS}, namespace("")); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the namespace is still there: %w", err)
		}
		return nil
	})
	b.Gone(ns, "app-0")
	b.Eventually(func() error {
		counts := b.Way.Counts()
		if in, out := counts["/v1/auth/approle/login"], counts["/v1/auth/token/revoke-self"]; in != out {
			return fmt.Errorf("%d logins, and %d of them given back", in, out)
		}
		return nil
	})
}

func TestMissingPartsAreToldAndNoPanic(t *testing.T) {
	b := newBed(t)
	b.Namespace("one")
	for name, c := range map[string]struct{ spec, want string }{
		"source":      {`source: {type: vault}, destination: {namespaces: [x]}`, "spec.source.vault: it is missing"},
		"destination": {`destination: {type: vault}`, "spec.destination.vault: it is missing"},
		"auth":        {`source: {type: vault, vault: {addr: "$VAULT", path: a/b}}, destination: {namespaces: [x]}`, "spec.source.vault.auth: it names no Secret to log in with"},
		"token":       {`source: {type: vault, vault: {addr: "$VAULT", path: a/b, auth: {token: {}}}}, destination: {namespaces: [x]}`, "spec.source.vault.auth: it names no Secret to log in with"},
		"approle":     {`source: {type: vault, vault: {addr: "$VAULT", path: a/b, auth: {approle: {}}}}, destination: {namespaces: [x]}`, "spec.source.vault.auth: it names no Secret to log in with"},
		"addr":        {`source: {type: vault, vault: {path: a/b, auth: {token: {secretRef: {name: x}}}}}, destination: {namespaces: [x]}`, "spec.source.vault.addr: the address is missing"},
		"path":        {`source: {type: vault, vault: {addr: "$VAULT", auth: {token: {secretRef: {name: x}}}}}, destination: {namespaces: [x]}`, "spec.source.vault.path: it is missing"},
		"namespaces":  {`source: {name: app}`, "spec.destination.namespaces: it is empty"},
	} {
		b.Apply("apiVersion: mirrors.kts.studio/v1alpha2\nkind: SecretMirror\nmetadata: {name: " + name + "}\nspec: {" + c.spec + "}\n")
		b.Says(name, "Error", "SyncError", c.want)
		b.Event(name, "SyncError", c.want)
	}
	// And the next one is served.
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	b.Active("app")
}

func TestCredentialsThatAreMissingOrWrongAreToldUntilTheyAreRight(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	b.Put("app", map[string]any{"password": "first"})
	b.Apply(mirrortest.Lends("app", "/secret/data/$NS/app", "pollPeriodSeconds: 86400", "^$NS-"))
	b.Says("app", "Pending", "VaultAuthMissing", "Secret "+b.NS+"/approle")
	b.Event("app", "VaultAuthMissing", b.NS+"/approle")

	id, secret, err := b.Vault.AppRole(t.Context(), below(b))
	b.Must(err)
	b.Make(b.NS, "approle", "role-id", id, "secret-id", "wrong")
	b.Says("app", "Error", "VaultAuthInvalid")
	b.Event("app", "VaultAuthInvalid")

	b.Set(b.NS, "approle", "secret-id", secret)
	b.Has(ns, "app", "password", "first")
	b.Active("app")
}

func TestAVaultInTroubleIsToldAndTheCopiesStay(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	b.Login("approle", below(b))
	b.Put("app", map[string]any{"password": "first"})
	b.Apply(mirrortest.Lends("app", "/secret/data/$NS/app", "pollPeriodSeconds: 1", "^$NS-"))
	b.Has(ns, "app", "password", "first")
	b.Active("app")
	was := b.Copy(ns, "app")

	b.Way.Set(testkit.Status(http.StatusTeapot, nil, `{"errors": ["out of order"]}`))
	b.Says("app", "Error", "VaultError")
	b.Event("app", "VaultError")
	b.Untouched(was)
	b.Way.Set(testkit.None)
	b.Active("app")

	// It is not there: nothing is known to replace it.
	b.Must(b.Vault.Destroy(t.Context(), b.NS+"/app"))
	b.Says("app", "Error", "VaultError", "secret/data/"+b.NS+"/app")
	b.Untouched(was)
	b.Put("app", map[string]any{"password": "second"})
	b.Has(ns, "app", "password", "second")
}

func TestCredentialsAreThoseOfTheOwnNamespace(t *testing.T) {
	b := newBed(t)
	other := b.Namespace("other")
	b.Make(other, "approle", "role-id", "somebody else's", "secret-id", "somebody else's", "token", "somebody else's")
	for name, auth := range map[string]string{
		"approle": "{approle: {secretRef: {name: approle, namespace: " + other + "}}}",
		"token":   "{token: {secretRef: {name: approle, namespace: " + other + "}, tokenKey: token}}",
	} {
		for end, spec := range map[string]string{
			"from": "source: {type: vault, vault: {addr: $VAULT, path: secret/data/x, auth: " + auth + "}}, destination: {namespaces: [^$NS-]}",
			"into": "source: {name: approle}, destination: {type: vault, vault: {addr: $VAULT, path: secret/data/x, auth: " + auth + "}}",
		} {
			name := end + "-" + name
			b.Apply("apiVersion: mirrors.kts.studio/v1alpha2\nkind: SecretMirror\nmetadata: {name: " + name + "}\nspec: {" + spec + "}\n")
			b.Says(name, "Error", "SyncError", "secretRef.namespace", `is not the namespace of this SecretMirror`)
		}
	}
	if got := b.Way.Counts(); len(got) != 0 {
		t.Errorf("the address that the manifest names was asked for %v", got)
	}
}

// version is how often KV v2 was written.
func version(b mirrortest.Bed, path string) int {
	b.T.Helper()
	meta, err := b.Vault.Admin.KVv2("secret").GetMetadata(b.T.Context(), b.NS+"/"+path)
	if err != nil {
		return 0
	}
	return meta.CurrentVersion
}

// stored waits until the newest version is this one and holds the pairs.
func stored(b mirrortest.Bed, path string, want int, pairs map[string]any) {
	b.T.Helper()
	b.Eventually(func() error {
		got, err := b.Vault.Admin.KVv2("secret").Get(b.T.Context(), b.NS+"/"+path)
		if err != nil {
			return err
		}
		if got.VersionMetadata.Version != want || fmt.Sprint(got.Data) != fmt.Sprint(pairs) {
			return fmt.Errorf("version %d holds %v, want %d with %v", got.VersionMetadata.Version, got.Data, want, pairs)
		}
		return nil
	})
}

func TestASecretIsWrittenToVaultOnceAndFollowed(t *testing.T) {
	b := newBed(t)
	b.Login("approle", below(b))
	b.Make(b.NS, "app", "password", "first", "user", "me")
	b.Apply(mirrortest.Into("app", "/secret/data/$NS/app"))
	stored(b, "app", 1, map[string]any{"password": "first", "user": "me"})
	b.Active("app")

	// Whatever wakes it, what is there already is not written again.
	b.Change(b.Mirror("app"), func() {})
	sm := b.Mirror("app")
	b.Change(sm, func() { sm.Labels = map[string]string{"touched": "yes"} })
	source := b.Copy(b.NS, "app")
	b.Change(source, func() { source.Labels = map[string]string{"touched": "yes"} })
	b.Apply(mirrortest.Into("app", "/secret/data/$NS/app") + "  pollPeriodSeconds: 77\n")
	b.Active("app")
	if n := version(b, "app"); n != 1 {
		t.Errorf("it was written %d times", n)
	}

	b.Set(b.NS, "app", "password", "second")
	stored(b, "app", 2, map[string]any{"password": "second", "user": "me"})
	b.Active("app")

	// What is in Vault stays, whatever deletePolicy says.
	b.Remove(b.Mirror("app"))
	b.Left("app")
	if n := version(b, "app"); n != 2 {
		t.Errorf("there are %d versions", n)
	}
}

// What somebody writes over it in Vault, or deletes there, is put right within
// the period, which costs one read of it and no write while all is well.
func TestWhatSomebodyDoesInVaultIsUndone(t *testing.T) {
	b := newBed(t)
	b.Login("approle", below(b))
	b.Make(b.NS, "app", "password", "first")
	b.CaughtUp("") // what is seen later than used is one more reason to ask
	b.Apply(mirrortest.Into("app", "/secret/data/$NS/app") + "  pollPeriodSeconds: 2\n")
	right := map[string]any{"password": "first"}
	stored(b, "app", 1, right)
	b.Active("app")

	reads := func() int { return b.Way.Counts()["/v1/secret/data/"+b.NS+"/app"] }
	polled := func(times int) (n int, took time.Duration) {
		t.Helper()
		first, since := reads(), time.Now()
		b.Eventually(func() error {
			if n, took = reads()-first, time.Since(since); n < times {
				return fmt.Errorf("it was asked for %d times in %v", n, took)
			}
			return nil
		})
		return n, took
	}
	polled(1)
	// The first may be late, and then the next comes soon after it.
	if n, took := polled(3); n > int(took/(2*time.Second))+2 {
		t.Errorf("in %v it was asked for %d times", took, n)
	}
	if n := version(b, "app"); n != 1 {
		t.Errorf("it was written %d times", n)
	}

	b.Put("app", map[string]any{"password": "somebody's"})
	stored(b, "app", 3, right)
	b.Must(b.Vault.Destroy(t.Context(), b.NS+"/app"))
	b.Eventually(func() error {
		got, err := b.Vault.Admin.KVv2("secret").Get(t.Context(), b.NS+"/app")
		if err == nil && fmt.Sprint(got.Data) != fmt.Sprint(right) {
			err = fmt.Errorf("it holds %v", got.Data)
		}
		return err
	})
	b.Active("app")
}

func TestFromVaultToVault(t *testing.T) {
	b := newBed(t)
	b.Login("approle", below(b))
	first := map[string]any{"password": "first", "a b": "x", "a/b": "y", "ü": "z"}
	b.Put("from", first)
	b.Apply(mirrortest.Between("app", "/secret/data/$NS/from", "secret/data/$NS/to", "pollPeriodSeconds: 1"))
	stored(b, "to", 1, first)
	b.Active("app")
	second := map[string]any{"password": "second"}
	b.Put("from", second)
	stored(b, "to", 2, second)
	reads := b.Way.Counts()["/v1/secret/data/"+b.NS+"/from"]
	b.Eventually(func() error {
		if b.Way.Counts()["/v1/secret/data/"+b.NS+"/from"] < reads+2 {
			return fmt.Errorf("not polled again")
		}
		return nil
	})
	if n := version(b, "to"); n != 2 {
		t.Errorf("it was written %d times", n)
	}
	// No Secret is in between.
	list := &corev1.SecretList{}
	b.Must(b.List(t.Context(), list))
	if slices.ContainsFunc(list.Items, func(s corev1.Secret) bool { return s.Namespace == b.NS && s.Name == "app" }) {
		t.Error("there is a Secret on the way")
	}
}

// TestNothingDoesNotReplaceWhatIsInVault: a Secret may be emptied by mistake, or
// be there before its data.
func TestNothingDoesNotReplaceWhatIsInVault(t *testing.T) {
	b := newBed(t)
	b.Login("approle", below(b))
	right := map[string]any{"password": "first"}
	b.Put("secret", right)
	b.Put("between", right)
	b.Put("from", map[string]any{})
	b.Make(b.NS, "secret")
	b.Apply(mirrortest.Into("secret", "/secret/data/$NS/secret") +
		mirrortest.Between("between", "/secret/data/$NS/from", "secret/data/$NS/between", "pollPeriodSeconds: 1"))
	for _, name := range []string{"secret", "between"} {
		b.Says(name, "Error", "SyncError", "no data in source secret", "secret/data/"+b.NS+"/"+name+`" stays`)
		b.Event(name, "SyncError", "no data in source secret")
		stored(b, name, 1, right)
	}
	// Once there is something, that is what counts.
	second := map[string]any{"password": "second"}
	b.Set(b.NS, "secret", "password", "second")
	b.Put("from", second)
	for _, name := range []string{"secret", "between"} {
		stored(b, name, 2, second)
		b.Active(name)
	}
	s := b.Copy(b.NS, "secret")
	b.Change(s, func() { s.Data = nil })
	b.Says("secret", "Error", "SyncError", "no data in source secret")
	stored(b, "secret", 2, second)
}

func TestAWriteThatVaultRefusesIsTold(t *testing.T) {
	b := newBed(t)
	b.Login("approle", testkit.ReadOnly("secret/data/"+b.NS))
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Into("app", "/secret/data/$NS/app"))
	b.Says("app", "Error", "VaultAuthInvalid", "secret/data/"+b.NS+"/app")
	b.Event("app", "VaultAuthInvalid")
}
