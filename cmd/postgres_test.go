package cmd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// postgres is a PostgreSQL for this test alone: the server at HAILONG_POSTGRES (a DSN),
// or a cluster of its own, made with the installed server and removed afterwards. It is
// durable as a careful operator would run it (fsync and synchronous_commit on).
func postgres(t testing.TB) *pgxpool.Pool {
	t.Helper()
	dsn := os.Getenv("HAILONG_POSTGRES")
	if dsn == "" {
		dsn = cluster(t)
	}
	pool, err := pgxpool.New(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// cluster starts a PostgreSQL that listens on a socket in its own folder.
func cluster(t testing.TB) string {
	t.Helper()
	for _, program := range []string{"initdb", "pg_ctl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("SKIPPED: PostgreSQL's %s is not installed, and HAILONG_POSTGRES names no server", program)
		}
	}
	dir, err := os.MkdirTemp("", "hailong-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a temporary folder
	run := as(t, dir)
	data := filepath.Join(dir, "data")
	run("initdb", "-D", data, "-A", "trust", "-U", "hailong", "--no-instructions", "-E", "UTF8")
	run("pg_ctl", "-D", data, "-w", "-l", filepath.Join(dir, "log"), "-o", fmt.Sprintf("-c listen_addresses='' -c unix_socket_directories=%s -c max_connections=200", dir), "start")
	t.Cleanup(func() { run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop") })
	return fmt.Sprintf("host=%s user=hailong dbname=postgres pool_max_conns=64", dir)
}

// as runs programs as a user that PostgreSQL accepts: never root.
func as(t testing.TB, dir string) func(name string, args ...string) {
	t.Helper()
	var attr *syscall.SysProcAttr
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Skip("SKIPPED: PostgreSQL does not run as root, and there is no user postgres")
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	return func(name string, args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir, cmd.SysProcAttr = dir, attr
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
}
