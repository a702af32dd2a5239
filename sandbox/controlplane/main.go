// Command controlplane is a real Kubernetes control plane in one binary: it
// behaves as etcd, kube-apiserver, kube-controller-manager or kubectl.
//
// The role is the name that it is called under (a symbolic link, as envtest
// expects its assets) or, under any other name, its first argument:
//
//	controlplane kubectl get pods
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	if run := role(os.Args[0]); run != nil {
		run()
		return
	}
	if len(os.Args) > 1 {
		if run := role(os.Args[1]); run != nil {
			// The roles read os.Args themselves, some of them more than once.
			os.Args = os.Args[1:]
			run()
			return
		}
	}
	fmt.Fprintf(os.Stderr, "%s: say what to be: etcd, kube-apiserver, kube-controller-manager or kubectl, "+
		"as the first argument or by a symbolic link of that name\n", os.Args[0])
	os.Exit(2)
}

// role returns what runs under that call name, or nil if nothing does.
func role(name string) func() {
	switch filepath.Base(name) {
	case "etcd":
		return func() { etcdmain.Main(os.Args) }
	case "kube-apiserver":
		return func() { os.Exit(cli.Run(apiserver.NewAPIServerCommand())) }
	case "kube-controller-manager":
		return func() { os.Exit(cli.Run(controllermanager.NewControllerManagerCommand())) }
	case "kubectl":
		return func() {
			// kubectl words its errors and picks its exit codes itself.
			if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
				kubectlutil.CheckErr(err)
			}
		}
	}
	return nil
}
