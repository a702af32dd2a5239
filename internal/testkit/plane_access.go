package testkit

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Config is a cluster-admin's way in, without a limit on requests. The caller
// may change it.
func (p *Plane) Config() *rest.Config {
	config, err := p.config()
	if err != nil {
		// The plane has been stopped and its files are gone; a client of
		// nothing answers with the same error that one of a dead server does.
		return &rest.Config{Host: p.URL()}
	}
	return config
}

func (p *Plane) config() (*rest.Config, error) {
	// The certificate signs itself, so it is what clients must trust.
	ca, err := os.ReadFile(p.path("certs/apiserver.crt"))
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host:            p.URL(),
		BearerToken:     p.token,
		TLSClientConfig: rest.TLSClientConfig{CAData: ca},
		QPS:             -1,
	}, nil
}

// CACert is the PEM that clients of the API server must trust.
func (p *Plane) CACert() []byte { return p.Config().CAData }

// Kubeconfig is the path of a kubeconfig with a cluster-admin in it.
func (p *Plane) Kubeconfig() string { return p.path("kubeconfig") }

// Env is this program's environment, with KUBECONFIG set and kubectl on the
// PATH, for commands that work on the plane.
func (p *Plane) Env() []string {
	return append(os.Environ(),
		"KUBECONFIG="+p.Kubeconfig(),
		"PATH="+p.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// KubectlPath is the path of kubectl.
func (p *Plane) KubectlPath() string { return filepath.Join(p.bin, "kubectl") }

// Kubectl is a kubectl command on the plane, ready to run.
func (p *Plane) Kubectl(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.KubectlPath(), args...)
	cmd.Env = p.Env()
	return cmd
}

// InstallCRDs applies the CRDs in YAML files, or directories of them, and
// returns when they are served. Relative paths start at the root of the
// source.
func (p *Plane) InstallCRDs(ctx context.Context, paths ...string) error {
	if len(paths) == 0 {
		return nil
	}
	root, err := Root()
	if err != nil {
		return err
	}
	var files []string
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			path = filepath.Join(root, path)
		}
		files = append(files, "--filename="+path)
	}
	for _, args := range [][]string{
		{"apply", "--server-side"},
		{"wait", "--for=condition=Established", "--timeout=2m"},
	} {
		if out, err := p.Kubectl(ctx, append(args, files...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("install CRDs: kubectl %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

// writeCredentials makes the admin's token and the key that signs the tokens
// of service accounts.
func (p *Plane) writeCredentials() error {
	tokens := p.token + `,admin,admin,"system:masters"` + "\n"
	if err := os.WriteFile(p.path("tokens.csv"), []byte(tokens), 0o600); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	p.tokenKey = key
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return os.WriteFile(p.path("sa.key"), pem.EncodeToMemory(block), 0o600)
}

// TokenKey is the public key, as PEM, that verifies the tokens which the plane
// issues to service accounts.
func (p *Plane) TokenKey() ([]byte, error) {
	public, err := x509.MarshalPKIXPublicKey(p.tokenKey.Public())
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), err
}

func (p *Plane) writeKubeconfig() error {
	const name = "sandbox"
	config, err := p.config()
	if err != nil {
		return err
	}
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters[name] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	kubeconfig.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	kubeconfig.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	kubeconfig.CurrentContext = name
	return clientcmd.WriteToFile(*kubeconfig, p.Kubeconfig())
}
