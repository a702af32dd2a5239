package externalsecrets_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func two() string {
	return "\ndata:\n- {secretKey: a, remoteRef: {key: $NS/a, property: v}}\n- {secretKey: b, remoteRef: {key: $NS/b, property: v}}\n"
}

func deletion(creation, policy string) string { return target(creation, ", deletionPolicy: "+policy) }

func TestRetainKeepsTheLastGoodSecret(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", deletion("Owner", "Retain")+one("app")))
	s := b.holds("app", "v", "one")
	b.Synced("app")
	b.drop("app")
	b.Poke("app")
	b.Failed("app", "could not get secret data from provider", b.NS+"/app", "deleted")
	b.stays(s)
	b.putOne("app", "two")
	b.Poke("app")
	b.holds("app", "v", "two")
	b.Synced("app")
}

func TestRetainWithASearchThatFindsNothing(t *testing.T) {
	b := vaultBed(t)
	b.putOne("set/a", "one")
	b.Apply(es("app", deletion("Owner", "Retain")+
		`dataFrom: [{find: {path: $NS/set}, rewrite: [{regexp: {source: ".*/", target: ""}}]}]`))
	s := b.holds("app", "a", `{"v":"one"}`)
	b.Synced("app")
	if err := b.Vault.Destroy(t.Context(), b.NS+"/set/a"); err != nil {
		t.Fatal(err)
	}
	b.Poke("app")
	b.Ready("app", corev1.ConditionTrue, "SecretSynced", "secret retained due to DeletionPolicy=Retain")
	b.stays(s)
}

func TestDeleteRemovesTheSecretWithItsLastSource(t *testing.T) {
	b := vaultBed(t)
	b.putOne("a", "one")
	b.putOne("b", "two")
	b.Apply(es("app", deletion("Owner", "Delete")+two()))
	b.holds("app", "a", "one", "b", "two")
	b.Synced("app")

	b.drop("a")
	b.Poke("app")
	b.holds("app", "b", "two")
	b.Synced("app")

	b.drop("b")
	b.Poke("app")
	b.gone("app")
	b.Ready("app", corev1.ConditionTrue, "SecretDeleted", "secret deleted due to DeletionPolicy=Delete")
	b.Event("app", "Deleted")
	b.sync("app")
	b.Ready("app", corev1.ConditionTrue, "SecretDeleted")

	b.putOne("b", "three")
	b.Poke("app")
	b.holds("app", "b", "three")
	b.Synced("app")
}

func TestDeleteSparesASecretThatIsNotOwned(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", deletion("Orphan", "Delete")+one("app")))
	s := b.holds("app", "v", "one")
	b.Synced("app")
	b.drop("app")
	b.Poke("app")
	b.Failed("app", "could not delete secret", "Secret app", "Orphan")
	b.stays(s)
}

func TestAMissingPropertyIsNoMissingSecret(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", deletion("Owner", "Delete")+one("app")))
	s := b.holds("app", "v", "one")
	b.Synced("app")
	b.Put("app", map[string]any{"other": "x"})
	b.Poke("app")
	b.Failed("app", `property "v"`)
	b.stays(s)
}

func TestMergeRemovesTheKeysOfWhatIsGone(t *testing.T) {
	for _, creation := range []string{"Merge", "CreateOrMerge"} {
		t.Run(creation, func(t *testing.T) {
			b := vaultBed(t)
			b.putOne("a", "one")
			b.putOne("b", "two")
			var foreign []string
			if creation == "Merge" {
				foreign = []string{"foreign", "x"}
				b.make(plain("app", foreign...))
			}
			with := func(pairs ...string) []string { return append(pairs, foreign...) }
			b.Apply(es("app", deletion(creation, "Merge")+two()))
			b.holds("app", with("a", "one", "b", "two")...)
			b.Synced("app")
			b.drop("a")
			b.Poke("app")
			b.holds("app", with("b", "two")...)
			b.Synced("app")
			b.drop("b")
			b.Poke("app")
			b.holds("app", with()...)
			b.Synced("app")
			b.putOne("a", "three")
			b.putOne("b", "four")
			b.Poke("app")
			b.holds("app", with("a", "three", "b", "four")...)
		})
	}
}

func TestDeletionPoliciesThatMakeNoSense(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.run([]reads{
		{name: "delete-merge", spec: deletion("Merge", "Delete") + one("app"), fails: []string{"spec.target.deletionPolicy", "Merge"}},
		{name: "delete-none", spec: deletion("None", "Delete") + one("app"), fails: []string{"spec.target.deletionPolicy", "None"}},
		{name: "merge-none", spec: deletion("None", "Merge") + one("app"), fails: []string{"spec.target.deletionPolicy", "None"}},
	})
}

func TestASkippedSourceIsToldByAnEvent(t *testing.T) {
	b := vaultBed(t)
	b.putOne("b", "two")
	b.Apply(es("app", deletion("Owner", "Delete")+two()))
	b.holds("app", "b", "two")
	b.Event("app", "MissingProviderSecret", "spec.data[0]")
}

func TestOwnerFillsASecretThatItEmptied(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", deletion("Owner", "Merge")+one("app")))
	b.holds("app", "v", "one")
	b.Synced("app")
	b.drop("app")
	b.Poke("app")
	b.holds("app")
	b.Synced("app")
	b.putOne("app", "two")
	b.Poke("app")
	b.holds("app", "v", "two")
}
