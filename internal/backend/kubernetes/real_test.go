package kubernetes_test

import (
	"context"
	"os"
	"testing"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	client "k8s.io/client-go/kubernetes"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/backend/kubernetes"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

func TestSuite(t *testing.T) {
	backendtest.Run(t, backendtest.Harness{
		Metadata: true, Tags: true, Binary: true,
		New: func(t *testing.T) backendtest.Store { return newCluster(t).store(t) },
	})
}

// cluster is a namespace that one test has for itself.
type cluster struct {
	plane     *testkit.Plane
	admin     *client.Clientset
	namespace string
}

func newCluster(t *testing.T) cluster {
	t.Helper()
	plane := testkit.SharedPlane(t)
	admin, err := client.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	return cluster{plane, admin, testkit.Namespace(t, plane)}
}

func (c cluster) put(t *testing.T, key string, item backendtest.Item) {
	t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: key, Labels: item.Tags}, Data: map[string][]byte{}}
	for name, value := range item.Fields {
		s.Data[name] = []byte(value)
	}
	secrets := c.admin.CoreV1().Secrets(c.namespace)
	_, err := secrets.Create(t.Context(), s, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = secrets.Update(t.Context(), s, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// account makes a service account, which may do verbs to Secrets, and
// returns a token of it.
func (c cluster) account(t *testing.T, name string, verbs ...string) string {
	t.Helper()
	meta := metav1.ObjectMeta{Name: name}
	_, err := c.admin.CoreV1().ServiceAccounts(c.namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(verbs) > 0 {
		role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: verbs},
		}}
		if _, err := c.admin.RbacV1().Roles(c.namespace).Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		binding := &rbacv1.RoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: c.namespace, Name: name}},
		}
		if _, err := c.admin.RbacV1().RoleBindings(c.namespace).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	issued, err := c.admin.CoreV1().ServiceAccounts(c.namespace).CreateToken(t.Context(), name, &authv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return issued.Status.Token
}

func (c cluster) config() delivery.KubernetesConfig {
	return delivery.KubernetesConfig{
		Server: c.plane.URL(), CABundle: c.plane.CACert(), Namespace: c.namespace, Token: cred("token"),
	}
}

func (c cluster) store(t *testing.T) backendtest.Store {
	t.Helper()
	token := c.account(t, "reader", "get", "list")
	// The authorizer learns of a new Role a moment after it was made.
	b := open(t, c.config(), backendtest.Credentials{"token": token})
	testkit.Eventually(t, wait, func() error {
		_, err := b.(backend.Finder).Find(t.Context(), backend.Query{})
		return err
	})
	_ = b.Close(t.Context())
	return backendtest.Store{
		Put: func(key string, item backendtest.Item) { c.put(t, key, item) },
		Delete: func(key string) {
			err := c.admin.CoreV1().Secrets(c.namespace).Delete(t.Context(), key, metav1.DeleteOptions{})
			if err != nil {
				t.Fatal(err)
			}
		},
		Open: func() backend.Backend { return open(t, c.config(), backendtest.Credentials{"token": token}) },
		Refused: func() (backend.Backend, string) {
			wrong := token[:len(token)-10] + "AAAAAAAAAA"
			return open(t, c.config(), backendtest.Credentials{"token": wrong}), wrong
		},
	}
}

func cred(name string) delivery.Credential {
	return delivery.Credential{Kind: delivery.FromSecret, Name: name}
}

func open(t *testing.T, cfg delivery.KubernetesConfig, creds backend.Credentials) backend.Backend {
	t.Helper()
	b, err := kubernetes.NewOpener(nil)(t.Context(), cfg, creds)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheckTellsWhetherSecretsMayBeRead(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	reader := c.account(t, "reader", "get")
	lister := c.account(t, "lister", "list")
	testkit.Eventually(t, wait, func() error {
		return open(t, c.config(), backendtest.Credentials{"token": reader}).Check(t.Context())
	})
	err := open(t, c.config(), backendtest.Credentials{"token": lister}).Check(t.Context())
	if backend.KindOf(err) != backend.Refused || err == nil {
		t.Errorf("an identity that may only list: %v", err)
	}
	elsewhere := c.config()
	elsewhere.Namespace = "kube-system"
	b := open(t, elsewhere, backendtest.Credentials{"token": reader})
	if err := b.Check(t.Context()); backend.KindOf(err) != backend.Refused || err == nil {
		t.Errorf("another namespace: %v", err)
	}
	if _, err := b.Read(t.Context(), backend.Ref{Key: "x"}); backend.KindOf(err) != backend.Refused {
		t.Errorf("a read in another namespace: %v", err)
	}
	_ = b.Close(context.Background())
}

func TestKubeconfigOpensTheStore(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.put(t, "db", backendtest.Item{Fields: map[string]string{"a": "b"}})
	text, err := os.ReadFile(c.plane.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	cfg := delivery.KubernetesConfig{Namespace: c.namespace, Kubeconfig: cred("kubeconfig")}
	b := open(t, cfg, backendtest.Credentials{"kubeconfig": string(text)})
	doc, err := b.Read(t.Context(), backend.Ref{Key: "db"})
	if err != nil || string(doc.Value.Reveal()) != `{"a":"b"}` {
		t.Errorf("%s, %v", doc.Value.Reveal(), err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
