// Package enginetest runs the local ClickHouse engine in tests, as vigie up does:
// in a child process, which is the test binary itself.
package enginetest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/engine"
)

// childArg makes the test binary play the child's side.
const childArg = "clickhouse-engine"

// Main is the TestMain of a package whose tests use the engine. With the
// argument of a child it serves the engine instead of running tests. The result
// is for os.Exit.
func Main(m *testing.M) int {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		if err := serve(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	defer shared.end()
	return m.Run()
}

func serve() error {
	cfg, err := engine.ParseArgs(os.Args[2:], slog.Default())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return engine.Serve(ctx, cfg)
}

// Start runs an engine of the test's own, with its data in dir, until the test
// ends. Without libchdb.so it fails the test with the line that says what to do.
func Start(t testing.TB, dir string) *engine.Local {
	t.Helper()
	l, stop, err := start(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func start(dir string) (*engine.Local, func() error, error) {
	lib, err := engine.FindLib("")
	if err != nil {
		return nil, nil, err
	}
	l, err := engine.NewChild(engine.ChildConfig{
		Executable: os.Args[0], Prefix: []string{childArg}, Lib: lib, Data: dir,
		LogFile: filepath.Join(dir, "engine.log"), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop := func() error {
		cancel()
		return <-done
	}
	select {
	case <-l.Ready():
		return l, stop, nil
	case err := <-done:
		cancel()
		return nil, nil, err
	}
}

// sharedEngine is one engine for all tests of a binary that do not harm it.
type sharedEngine struct {
	once  sync.Once
	dir   string
	local *engine.Local
	stop  func() error
	err   error
}

var shared sharedEngine

// Shared returns the engine that the tests of this binary have in common.
func Shared(t testing.TB) *engine.Local {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "vigie-engine-"); shared.err == nil {
			shared.local, shared.stop, shared.err = start(shared.dir)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.local
}

func (s *sharedEngine) end() {
	if s.stop != nil {
		_ = s.stop()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

var databases atomic.Int32

// Open returns a warehouse of the test's own on the engine: an empty database
// with the schema of this program.
func Open(t testing.TB, l *engine.Local) *warehouse.DB {
	t.Helper()
	db := OpenEmpty(t, l)
	if err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return db
}

// OpenEmpty is Open without the schema.
func OpenEmpty(t testing.TB, l *engine.Local) *warehouse.DB {
	t.Helper()
	u, user, password := l.Endpoint()
	db, err := warehouse.Open(context.Background(), warehouse.Config{
		URL: u, User: user, Password: password, Database: fmt.Sprintf("case_%d", databases.Add(1)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
