package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Postgres is a running PostgreSQL server, whose roles Vault can make and
// drop. It is the one that the machine has installed.
type Postgres struct {
	// Port of 127.0.0.1 that it listens on.
	Port int

	bin      string
	dir      workDir
	password string
	process  *process
}

// postgresAdmin is the superuser.
const postgresAdmin = "admin"

// StartPostgres starts a PostgreSQL on loopback and returns when it serves.
// ctx bounds the start alone (3 minutes at most); it runs until Stop, or until
// this program ends.
func StartPostgres(ctx context.Context) (*Postgres, error) {
	bin, err := postgresBinaries()
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, password: rand.Text()}
	if err := begin(ctx, "PostgreSQL", &p.dir, p.start, p.Stop); err != nil {
		return nil, err
	}
	return p, nil
}

// postgresBinaries returns the directory of an installed PostgreSQL.
func postgresBinaries() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well-formed
	slices.Reverse(dirs)
	if found, err := exec.LookPath("postgres"); err == nil {
		if found, err = filepath.EvalSymlinks(found); err == nil {
			dirs = append(dirs, filepath.Dir(found))
		}
	}
	for _, dir := range dirs {
		missing := slices.ContainsFunc([]string{"initdb", "postgres", "psql"}, func(name string) bool {
			_, err := os.Stat(filepath.Join(dir, name))
			return err != nil
		})
		if !missing {
			return dir, nil
		}
	}
	return "", errors.New("PostgreSQL is missing: install Debian's package postgresql " +
		"(initdb, postgres and psql are looked for in /usr/lib/postgresql/*/bin and in the PATH)")
}

func (p *Postgres) start(ctx context.Context) error {
	as, err := p.owner()
	if err != nil {
		return err
	}
	if err := p.initialize(ctx, as); err != nil {
		return err
	}
	if p.Port, err = freePort(); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(p.bin, "postgres"), "-D", p.dir.file("data"),
		"-h", "127.0.0.1", "-p", strconv.Itoa(p.Port), "-k", "",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off",
		"-c", "shared_buffers=16MB", "-c", "dynamic_shared_memory_type=mmap")
	if p.process, err = launch(cmd, "postgres", p.dir.path, nil, as); err != nil {
		return err
	}
	return p.process.until(ctx, "PostgreSQL serves", func(ctx context.Context) error {
		return p.Login(ctx, postgresAdmin, p.password)
	})
}

// owner is whom the server runs as: it refuses to be root. Root takes the user
// that Debian's package made.
func (p *Postgres) owner() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("it does not run as root, and the user postgres, which Debian's package makes, is not there: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(p.dir.path, int(uid), int(gid))
}

func (p *Postgres) initialize(ctx context.Context, as *syscall.Credential) error {
	password := p.dir.file("password")
	if err := os.WriteFile(password, []byte(p.password+"\n"), 0o600); err != nil {
		return err
	}
	if as != nil {
		if err := os.Chown(password, int(as.Uid), int(as.Gid)); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "initdb"), "-D", p.dir.file("data"), "-U", postgresAdmin,
		"--auth=scram-sha-256", "--pwfile="+password, "--no-sync", "--locale=C", "--encoding=UTF8")
	cmd.Dir = p.dir.path
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// Stop ends the server. It may be called more than once.
func (p *Postgres) Stop() error {
	if p.process != nil {
		// Killed outright it would leave shared memory behind.
		_ = p.process.cmd.Process.Signal(syscall.SIGQUIT) // fails only if it is gone already
		select {
		case <-p.process.done:
		case <-time.After(5 * time.Second):
			p.process.kill()
		}
	}
	return p.dir.remove()
}

// Login reports why nobody can log in that way; nil if he can.
func (p *Postgres) Login(ctx context.Context, role, password string) error {
	_, err := p.query(ctx, role, password, "SELECT 1")
	return err
}

// Roles lists those that may log in, but for the server's own superuser.
func (p *Postgres) Roles(ctx context.Context) ([]string, error) {
	out, err := p.query(ctx, postgresAdmin, p.password,
		"SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname <> '"+postgresAdmin+"' ORDER BY rolname")
	return strings.Fields(out), err
}

func (p *Postgres) query(ctx context.Context, role, password, sql string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "psql"), "--no-psqlrc", "--tuples-only", "--no-align",
		"--host=127.0.0.1", "--port="+strconv.Itoa(p.Port), "--username="+role, "--dbname=postgres", "--command="+sql)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password, "PGSSLMODE=disable", "PGCONNECT_TIMEOUT=120")
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(string(failed.Stderr)))
	}
	return string(out), err
}

// Lending lets MOUNT/creds/ROLE of a database engine issue roles of db whose
// leases last ttl, and maxTTL however often they are renewed, both as Vault
// writes durations.
func (v *Vault) Lending(ctx context.Context, db *Postgres, mount, role, ttl, maxTTL string) error {
	logical := v.Admin.Logical()
	_, err := logical.WriteWithContext(ctx, mount+"/config/postgres", map[string]any{
		"plugin_name": "postgresql-database-plugin", "allowed_roles": "*",
		"username": postgresAdmin, "password": db.password,
		"connection_url": "postgresql://{{username}}:{{password}}@" +
			net.JoinHostPort("127.0.0.1", strconv.Itoa(db.Port)) + "/postgres?sslmode=disable",
	})
	if err != nil {
		return err
	}
	_, err = logical.WriteWithContext(ctx, mount+"/roles/"+role, map[string]any{
		"db_name": "postgres", "default_ttl": ttl, "max_ttl": maxTTL,
		"creation_statements": `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`,
		// What Vault does of its own accord locks what other revocations lock
		// too, and tries again only after ten seconds.
		"revocation_statements": `DROP ROLE IF EXISTS "{{name}}"`,
	})
	return err
}
