package sealtest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
)

// What the operator's Service is called where nobody says otherwise.
const (
	Namespace = "kube-system"
	Service   = "sealed-secrets-controller"
)

// Locked is a namespace in which nobody may do anything.
const Locked = "locked"

// API starts an API server that knows the operator's Service, leads to the
// operator through it, and has these objects. It ends with the test.
func API(t testing.TB, operator http.Handler, objects ...*v1alpha1.SealedSecret) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	services := "/api/v1/namespaces/" + Namespace + "/services/"
	mux.HandleFunc("GET "+services+Service, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, &corev1.Service{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
			ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: Service},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "web", Port: 8080}, {Name: "metrics", Port: 8081}}},
		})
	})
	proxy := services + "http:" + Service + ":web/proxy"
	mux.Handle(proxy+"/", http.StripPrefix(proxy, operator))
	for _, o := range objects {
		path := strings.Join([]string{"/apis", v1alpha1.Group, v1alpha1.Version, "namespaces", o.Namespace, "sealedsecrets", o.Name}, "/")
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { answer(w, o) })
	}
	mux.HandleFunc("/apis/"+v1alpha1.Group+"/"+v1alpha1.Version+"/namespaces/"+Locked+"/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusForbidden, metav1.StatusReasonForbidden)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, metav1.StatusReasonNotFound)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(what)
}

func fail(w http.ResponseWriter, code int32, reason metav1.StatusReason) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(code))
	_ = json.NewEncoder(w).Encode(&metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: code, Reason: reason,
	})
}

// Config leads to the API server.
func Config(api *httptest.Server) *rest.Config { return &rest.Config{Host: api.URL} }

// Kubeconfig writes the way to API servers, a context each; the first is the
// current one.
func Kubeconfig(path string, contexts []string, apis ...*httptest.Server) error {
	cfg := clientcmdapi.NewConfig()
	for i, name := range contexts {
		cfg.Clusters[name] = &clientcmdapi.Cluster{Server: apis[i].URL}
		cfg.AuthInfos[name] = &clientcmdapi.AuthInfo{}
		cfg.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	}
	cfg.CurrentContext = contexts[0]
	return clientcmd.WriteToFile(*cfg, path)
}
