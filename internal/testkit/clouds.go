package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// CloudsOptions are what clouds can differ in.
type CloudsOptions struct {
	// DopplerAddress is where Doppler's API is served; by default a free port
	// of 127.0.0.1.
	DopplerAddress string
}

// Clouds is a running server that speaks the protocols of clouds, from
// memory and with faults on demand.
type Clouds struct {
	// Doppler is the part that speaks Doppler's API.
	Doppler *Doppler
	// CACert is the PEM that clients must trust who use HTTPS.
	CACert []byte

	dir     workDir
	process *process
}

// StartClouds starts the clouds on loopback and returns when they serve. ctx
// bounds the start alone (3 minutes at most); they run until Stop, or until
// this program ends.
func StartClouds(ctx context.Context, options CloudsOptions) (*Clouds, error) {
	bin, err := binaries("clouds")
	if err != nil {
		return nil, err
	}
	c := &Clouds{}
	start := func(ctx context.Context) error { return c.start(ctx, bin, options) }
	if err := begin(ctx, "the clouds", &c.dir, start, c.Stop); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Clouds) start(ctx context.Context, bin string, options CloudsOptions) error {
	cert, key := c.dir.file("tls.crt"), c.dir.file("tls.key")
	var err error
	if c.CACert, err = writeCertificate(cert, key); err != nil {
		return err
	}
	args := []string{"-tls-cert=" + cert, "-tls-key=" + key}
	if options.DopplerAddress != "" {
		args = append(args, "-doppler-addr="+options.DopplerAddress)
	}
	var said firstLine
	if c.process, err = start(bin, "clouds", c.dir.path, &said, args...); err != nil {
		return err
	}
	return c.process.until(ctx, "the clouds say where they serve", func(context.Context) error { return c.read(&said) })
}

// read takes what the server says when it serves.
func (c *Clouds) read(said *firstLine) error {
	var ready struct{ Admin, Doppler, DopplerTLS string }
	if err := said.read(&ready); err != nil {
		return err
	}
	c.Doppler = &Doppler{
		Addr: ready.Doppler, TLSAddr: ready.DopplerTLS,
		admin: admin{base: ready.Admin + "/_sandbox/doppler/"},
	}
	return nil
}

// PID is the server's process id.
func (c *Clouds) PID() int { return c.process.pid }

// Stop kills the server. It may be called more than once.
func (c *Clouds) Stop() error {
	c.process.kill()
	return c.dir.remove()
}

// admin asks the sandbox's own pages of one cloud.
type admin struct{ base string }

func (a admin) ask(ctx context.Context, method, page string, body, answer any) error {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, a.base+page, &sent)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // as much as arrives
		return fmt.Errorf("%s %s: %s: %s", method, page, response.Status, bytes.TrimSpace(said))
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
