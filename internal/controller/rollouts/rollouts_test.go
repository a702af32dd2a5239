package rollouts_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/dopplerreload"
	"github.com/tacit-secrets/tacit/internal/dialect/reloader"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/secret"
)

const auto = `reloader.stakater.com/auto: "true"`

// variable is what stands for the Secret "app".
const variable = "STAKATER_APP_SECRET"

// served returns a bed with a Deployment "web" that uses the Secret "app" and
// is restarted when it changes.
func served(t *testing.T, annotations string) *bed {
	t.Helper()
	b := newBed(t)
	b.secret("app", "one")
	b.apply(workload("Deployment", "web", annotations, "Secret/app"))
	return b
}

func TestAChangedSecretRestartsOnce(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.operate(nil)
	before := b.recorded("Deployment", "web", "Secret/app")
	b.sets("web", 1)
	b.secret("app", "two")
	b.marked("web", variable, "")
	b.sets("web", 2)
	if after := b.recorded("Deployment", "web", "Secret/app"); after["Secret/app"] == before["Secret/app"] {
		t.Errorf("the record is still %v", after)
	}
	b.event("web", "Reloaded", "Secret app")
	b.settled()
	b.sets("web", 2)
}

func TestANamedConfigMapNeedsNoReference(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.configMap("app-one", "1")
	b.configMap("other", "1")
	b.apply(workload("Deployment", "web", `configmap.reloader.stakater.com/reload: "app-.*"`))
	b.operate(nil)
	b.recorded("Deployment", "web", "ConfigMap/app-one")
	b.configMap("other", "2")
	b.configMap("app-one", "2")
	b.marked("web", "STAKATER_APP_ONE_CONFIGMAP", "")
	if got := b.env("web", "STAKATER_OTHER_CONFIGMAP"); got != "" {
		t.Errorf("a ConfigMap that it does not name restarted it: %s", got)
	}
	b.sets("web", 2)
}

func TestWhoDoesNotAskIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := served(t, "")
	b.apply(workload("Deployment", "not", `reloader.stakater.com/auto: "false"`, "Secret/app"))
	web, not := b.deployment("web").Generation, b.deployment("not").Generation
	b.operate(nil)
	b.settled()
	b.secret("app", "two")
	b.settled()
	for name, before := range map[string]int64{"web": web, "not": not} {
		d := b.deployment(name)
		if _, recorded := d.Annotations[rollout.Recorded]; d.Generation != before || recorded {
			t.Errorf("%s was written to: generation %d, %v", name, d.Generation, d.Annotations)
		}
	}
}

// TestARightThatIsMissingHoldsUpItsKindAlone, and that until it is there.
func TestARightThatIsMissingHoldsUpItsKindAlone(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.apply(workload("StatefulSet", "db", auto, "Secret/app"))
	all := []string{"*"}
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "operator"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"", "batch"}, Resources: all, Verbs: all},
		{APIGroups: []string{"apps"}, Resources: []string{"deployments", "daemonsets"}, Verbs: all},
	}}
	b.must(b.Create(t.Context(), role))
	b.must(b.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "operator"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "operator"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: b.ns}},
	}))
	b.operate(func(s *setup) {
		s.config = rest.CopyConfig(s.config)
		s.config.Impersonate.UserName = b.ns
	})
	b.recorded("Deployment", "web", "Secret/app")
	b.secret("app", "two")
	b.marked("web", variable, "")
	if b.get("StatefulSet", "db").GetAnnotations()[rollout.Recorded] != "" {
		t.Error("a StatefulSet was written to")
	}
	role.Rules[1].Resources = all
	b.must(b.Update(t.Context(), role))
	b.recorded("StatefulSet", "db", "Secret/app")
}

func TestARestartOfTheOperatorRestartsNobody(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	first := b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app")
	b.secret("app", "two")
	b.marked("web", variable, "")
	b.sets("web", 2)
	first.stop()
	before := b.deployment("web")
	b.operate(nil)
	b.settled()
	after := b.deployment("web")
	if before.Generation != after.Generation || before.Annotations[rollout.Recorded] != after.Annotations[rollout.Recorded] {
		t.Errorf("generation %d became %d, record %s became %s", before.Generation, after.Generation,
			before.Annotations[rollout.Recorded], after.Annotations[rollout.Recorded])
	}
}

func TestAChangeWhileTheOperatorIsDownIsRolledOutOnce(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	first := b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app")
	first.stop()
	b.secret("app", "two")
	b.secret("app", "three")
	b.operate(nil)
	b.marked("web", variable, "")
	b.settled()
	b.sets("web", 2)
}

func TestAnotherKeyRestartsNobody(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	first := b.operate(nil)
	before := b.recorded("Deployment", "web", "Secret/app")
	first.stop()
	b.operate(func(s *setup) { s.key = secret.Key{9} })
	b.eventually(func() error {
		if after := b.recorded("Deployment", "web", "Secret/app"); after["Secret/app"] == before["Secret/app"] {
			return fmt.Errorf("still recorded with the old key: %v", after)
		}
		return nil
	})
	b.sets("web", 1)
	b.secret("app", "two")
	b.marked("web", variable, "")
	b.sets("web", 2)
}

func TestMetadataAloneRestartsNobody(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.operate(nil)
	before := b.recorded("Deployment", "web", "Secret/app")
	b.apply(`{apiVersion: v1, kind: Secret, metadata: {name: app, labels: {a: b}, annotations: {c: d}}, stringData: {k: one}}`)
	b.settled()
	if after := b.recorded("Deployment", "web", "Secret/app"); after["Secret/app"] != before["Secret/app"] {
		t.Errorf("the record %v became %v", before, after)
	}
	b.sets("web", 1)
}

func TestDeletedAndBack(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app")
	gone := &corev1.Secret{}
	gone.Namespace, gone.Name = b.ns, "app"
	b.must(b.Delete(t.Context(), gone))
	b.settled()
	b.secret("app", "one")
	b.settled()
	b.sets("web", 1) // it is what the pods have
	b.must(b.Delete(t.Context(), gone))
	b.settled()
	b.secret("app", "two")
	b.marked("web", variable, "")
	b.sets("web", 2)
}

func TestCreationAndDeletionRestartOnlyIfAsked(t *testing.T) {
	t.Parallel()
	for _, asked := range []bool{false, true} {
		t.Run(fmt.Sprint(asked), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.apply(workload("Deployment", "web", auto, "Secret/app"))
			b.operate(func(s *setup) { s.OnCreate, s.OnDelete = asked, asked })
			b.recorded("Deployment", "web", "Secret/app")
			b.secret("app", "one")
			created := ""
			if asked {
				created = b.marked("web", variable, "")
			}
			b.settled()
			gone := &corev1.Secret{}
			gone.Namespace, gone.Name = b.ns, "app"
			b.must(b.Delete(t.Context(), gone))
			if asked {
				b.marked("web", variable, created)
			}
			b.settled()
			if got := b.env("web", variable); (got != "") != asked {
				t.Errorf("asked is %v, and %s is %q", asked, variable, got)
			}
		})
	}
}

func TestAnEditOfTheWorkloadIsRecordedAndRestartsNobodyAgain(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.secret("second", "x")
	b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app")
	b.apply(workload("Deployment", "web", auto, "Secret/second", "ConfigMap/none"))
	b.recorded("Deployment", "web", "Secret/second", "ConfigMap/none")
	b.settled()
	b.sets("web", 2) // of the edit
	b.secret("app", "two")
	b.settled()
	b.sets("web", 2)
	b.secret("second", "y")
	b.marked("web", "STAKATER_SECOND_SECRET", "")
	b.sets("web", 3)
}

func TestManyChangesAreOneRollout(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var uses []string
	for i := range 8 {
		b.secret(fmt.Sprint("s", i), "one")
		uses = append(uses, fmt.Sprint("Secret/s", i))
	}
	b.apply(workload("Deployment", "web", auto, uses...))
	c := &clock{}
	r := b.operate(func(s *setup) {
		c.on(s)
		s.Window, s.MaxWindow = time.Second, time.Minute
	})
	b.recorded("Deployment", "web", uses...)
	before := b.deployment("web").Generation
	for i := range 8 {
		b.secret(fmt.Sprint("s", i), "two")
	}
	b.secret("end", "x") // which the operator hears of after the others
	b.eventually(func() error {
		if r.secrets.Get(b.ns, "end") == nil {
			return fmt.Errorf("the watch lags")
		}
		return nil
	})
	if after := b.deployment("web").Generation; after != before {
		t.Errorf("it was restarted before the window was over: generation %d became %d", before, after)
	}
	c.pass(2 * time.Second)
	for i := range 8 {
		b.marked("web", fmt.Sprintf("STAKATER_S%d_SECRET", i), "")
	}
	b.event("web", "Reloaded", "Secret s0, Secret s1, Secret s2 and others")
	if after := b.deployment("web").Generation; after != before+1 {
		t.Errorf("generation %d became %d, want one rollout", before, after)
	}
}

func TestOneReadAChangeHoweverManyUseIt(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	names := []string{"web", "two", "three", "four"}
	for _, name := range names[1:] {
		b.apply(workload("Deployment", name, auto, "Secret/app"))
	}
	proxy, config := b.proxied()
	b.operate(func(s *setup) { s.config = config })
	for _, name := range names {
		b.recorded("Deployment", name, "Secret/app")
	}
	b.settled()
	proxy.ResetCounts()
	b.secret("app", "two")
	for _, name := range names {
		b.marked(name, variable, "")
	}
	path := "/api/v1/namespaces/" + b.ns + "/secrets"
	counts := proxy.Counts()
	if counts[path+"/app"] != 1 || counts[path] != 0 {
		t.Errorf("%d reads of the Secret and %d lists or watches, want 1 and 0", counts[path+"/app"], counts[path])
	}
	for path, n := range counts {
		if strings.HasSuffix(path, "/deployments") {
			t.Errorf("%d lists or watches of Deployments", n)
		}
	}
}

func TestWhatIsWrittenTellsNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	const value = "canary-5up3r-s3cr3t"
	b.secret("app", "before")
	b.secret("twin", "before")
	b.apply(workload("Deployment", "web", auto, "Secret/app", "Secret/twin"))
	r := b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app", "Secret/twin")
	b.secret("app", value)
	b.secret("twin", value)
	one, two := b.marked("web", variable, ""), b.marked("web", "STAKATER_TWIN_SECRET", "")
	if one == two {
		t.Error("the digests tell that two Secrets hold the same")
	}
	ref := delivery.ObjectRef{Kind: "Secret", Namespace: b.ns, Name: "app"}
	if want := r.runner.Digest(ref, secret.Data{"k": secret.NewString(value)}); one != want {
		t.Errorf("written is %q, not the keyed digest %q", one, want)
	}
	b.event("web", "Reloaded")
	events := &corev1.EventList{}
	b.must(b.List(t.Context(), events, client.InNamespace(b.ns)))
	if text := fmt.Sprint(b.get("Deployment", "web").Object, events.Items); strings.Contains(text, value) {
		t.Errorf("the value is in %s", text)
	}
}

func TestReloadableCountsWhoUsesItAndAsks(t *testing.T) {
	t.Parallel()
	b := served(t, `secrets.doppler.com/reload: "true"`)
	b.apply(workload("StatefulSet", "db", `secrets.doppler.com/reload: "true"`, "Secret/app"))
	b.apply(workload("Deployment", "auto", auto, "Secret/app"))
	b.apply(workload("Deployment", "named", `secret.reloader.stakater.com/reload: app`))
	b.apply(workload("Deployment", "other", `secrets.doppler.com/reload: "true"`, "Secret/other"))
	r := b.operate(nil)
	b.settled()
	ref := delivery.ObjectRef{Kind: "Secret", Namespace: b.ns, Name: "app"}
	b.eventually(func() error {
		doppler, failure := r.Reloadable(dopplerreload.Name, ref)
		reload, _ := r.Reloadable(reloader.Name, ref)
		if failure != "" {
			return errors.New(failure)
		}
		if doppler != 2 || reload != 1 {
			return fmt.Errorf("counted %d and %d, want 2 and 1", doppler, reload)
		}
		return nil
	})
}
