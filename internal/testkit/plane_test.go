package testkit_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// patience bounds what controllers take; a namespace alone takes 5 seconds.
const patience = 2 * time.Minute

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

// gone is nil once the object is not there any more.
func gone(ctx context.Context, c client.Client, object client.Object) error {
	err := c.Get(ctx, client.ObjectKeyFromObject(object), object)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("%T %s is still there (%w)", object, object.GetName(), err)
}

func TestDeploymentGetsAReplicaSetAndPods(t *testing.T) {
	t.Parallel()
	plane, ctx := testkit.SharedPlane(t), t.Context()
	namespace, c := testkit.Namespace(t, plane), testkit.Client(t, plane)
	labels, two := map[string]string{"app": "web"}, int32(2)
	must(t, c.Create(ctx, &appsv1.Deployment{
		ObjectMeta: meta(namespace, "web"),
		Spec: appsv1.DeploymentSpec{
			Replicas: &two,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web"}}},
			},
		},
	}))
	testkit.Eventually(t, patience, func() error {
		var sets appsv1.ReplicaSetList
		var pods corev1.PodList
		err := errors.Join(c.List(ctx, &sets, client.InNamespace(namespace)), c.List(ctx, &pods, client.InNamespace(namespace)))
		if err != nil || len(sets.Items) != 1 || len(pods.Items) != 2 {
			return fmt.Errorf("%d ReplicaSets, %d pods, %w", len(sets.Items), len(pods.Items), err)
		}
		return nil
	})
}

func TestDeletedNamespaceGoesWithAllThatIsInIt(t *testing.T) {
	t.Parallel()
	plane, ctx := testkit.SharedPlane(t), t.Context()
	namespace, c := testkit.Namespace(t, plane), testkit.Client(t, plane)
	secret := &corev1.Secret{ObjectMeta: meta(namespace, "s")}
	must(t, c.Create(ctx, secret))
	must(t, c.Delete(ctx, &corev1.Namespace{ObjectMeta: meta("", namespace)}))
	testkit.Eventually(t, patience, func() error {
		return errors.Join(gone(ctx, c, secret), gone(ctx, c, &corev1.Namespace{ObjectMeta: meta("", namespace)}))
	})
}

func TestGarbageIsCollected(t *testing.T) {
	t.Parallel()
	plane, ctx := testkit.SharedPlane(t), t.Context()
	namespace, c := testkit.Namespace(t, plane), testkit.Client(t, plane)
	owner := &corev1.ConfigMap{ObjectMeta: meta(namespace, "owner")}
	must(t, c.Create(ctx, owner))
	owned := &corev1.Secret{ObjectMeta: meta(namespace, "owned")}
	owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}
	must(t, c.Create(ctx, owned))
	must(t, c.Delete(ctx, owner))
	testkit.Eventually(t, patience, func() error { return gone(ctx, c, owned) })
}

func TestGarbageOfCustomResourcesIsCollected(t *testing.T) {
	t.Parallel()
	plane, ctx := testkit.SharedPlane(t), t.Context()
	namespace, c := testkit.Namespace(t, plane), testkit.Client(t, plane)
	owner := &unstructured.Unstructured{}
	owner.SetAPIVersion("testkit.example/v1")
	owner.SetKind("Thing")
	owner.SetNamespace(namespace)
	owner.SetName("owner")
	must(t, c.Create(ctx, owner))
	owned := &corev1.Secret{ObjectMeta: meta(namespace, "owned")}
	owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: owner.GetAPIVersion(), Kind: owner.GetKind(), Name: owner.GetName(), UID: owner.GetUID()}}
	must(t, c.Create(ctx, owned))
	must(t, c.Delete(ctx, owner))
	testkit.Eventually(t, patience, func() error { return gone(ctx, c, owned) })
}

func TestServiceAccountHasNoRightsOfItsOwn(t *testing.T) {
	t.Parallel()
	plane, ctx := testkit.SharedPlane(t), t.Context()
	namespace := testkit.Namespace(t, plane)
	admin, err := kubernetes.NewForConfig(plane.Config())
	must(t, err)
	accounts := admin.CoreV1().ServiceAccounts(namespace)
	_, err = accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta(namespace, "nobody")}, metav1.CreateOptions{})
	must(t, err)
	token, err := accounts.CreateToken(ctx, "nobody", &authv1.TokenRequest{}, metav1.CreateOptions{})
	must(t, err)
	config := plane.Config()
	config.BearerToken = token.Status.Token
	nobody, err := kubernetes.NewForConfig(config)
	must(t, err)
	if _, err := nobody.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("listing Secrets: want it forbidden, got %v", err)
	}
}

func TestRequestsAreCountedByVerbAndResource(t *testing.T) {
	t.Parallel()
	plane, ctx := testkit.SharedPlane(t), t.Context()
	namespace, c := testkit.Namespace(t, plane), testkit.Client(t, plane)
	before, err := plane.Requests(ctx)
	must(t, err)
	// Nobody else has to do with this kind.
	quota := &corev1.LimitRange{ObjectMeta: meta(namespace, "x")}
	must(t, c.Create(ctx, quota))
	must(t, c.Get(ctx, client.ObjectKeyFromObject(quota), quota))
	must(t, c.Get(ctx, client.ObjectKeyFromObject(quota), quota))
	testkit.Eventually(t, patience, func() error {
		after, err := plane.Requests(ctx)
		if err != nil {
			return err
		}
		since := testkit.Since(before, after)
		post, get := since[testkit.Request{Verb: "POST", Resource: "limitranges"}], since[testkit.Request{Verb: "GET", Resource: "limitranges"}]
		if post != 1 || get != 2 {
			return fmt.Errorf("counted %d POST and %d GET", post, get)
		}
		return nil
	})
}

func TestKubectlReachesThePlane(t *testing.T) {
	t.Parallel()
	plane := testkit.SharedPlane(t)
	out, err := plane.Kubectl(t.Context(), "get", "namespace", "default", "--output=name").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "namespace/default" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestPlaneSurvivesItsAPIServerAndLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	plane, err := testkit.StartPlane(ctx, testkit.PlaneOptions{NoControllers: true})
	must(t, err)
	t.Cleanup(func() { must(t, plane.Stop()) }) // a second time is no error
	c := testkit.Client(t, plane)
	kept := &corev1.Secret{ObjectMeta: meta("default", "kept")}
	must(t, c.Create(ctx, kept))

	before := plane.PIDs()
	plane.StopAPIServer()
	if err := c.Get(ctx, client.ObjectKeyFromObject(kept), kept); err == nil {
		t.Error("a stopped API server answered")
	}
	must(t, plane.RestartAPIServer(ctx))
	must(t, c.Get(ctx, client.ObjectKeyFromObject(kept), kept))
	after := plane.PIDs()
	if after.APIServer == before.APIServer || after.Etcd != before.Etcd || after.ControllerManager != 0 {
		t.Errorf("process ids before %+v, after %+v", before, after)
	}

	must(t, plane.Stop())
	if conn, err := net.Dial("tcp", strings.TrimPrefix(plane.URL(), "https://")); err == nil {
		_ = conn.Close()
		t.Error("something still listens")
	}
	if _, err := os.Stat(plane.Kubeconfig()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the kubeconfig is still there (%v)", err)
	}
}
