package rollouts_test

import (
	"testing"
)

const auto = `reloader.stakater.com/auto: "true"`

func TestAChangedSecretRestartsOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.secret("app", "one")
	b.apply(workload("Deployment", "web", auto, "Secret/app"))
	b.operate(nil)
	before := b.recorded("Deployment", "web", "Secret/app")
	b.sets("web", 1)
	b.secret("app", "two")
	b.marked("web", "STAKATER_APP_SECRET", "")
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
