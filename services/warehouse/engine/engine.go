// Package engine is the ClickHouse that vigie up brings along: libchdb, the
// whole engine as a library, loaded without cgo by a child process of Vigie
// that serves the ClickHouse HTTP interface, so that any client of a ClickHouse
// server talks to it unchanged.
//
// Serve is the child's side; NewChild is the parent's, which keeps it running.
//
// What a server has and the library has not is done here: users, one
// connection for each request (settings and parameters must not leak), refusal
// of several statements in one request, and of functions that reach files and
// other hosts, Native blocks at the client's revision, compression, sessions.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// The users of the engine. The engine itself knows none.
const (
	// WriterUser may do all that HTTP allows.
	WriterUser = "vigie"
	// ReaderUser may read: dashboards and people use it.
	ReaderUser = "reader"
)

// Database is the one that the engine makes, and that stands for "default".
const Database = "vigie"

// Limits of the server.
const (
	// maxQueries bounds the statements that run at a time; the others wait.
	maxQueries = 32
	// queryWait bounds how long a statement waits for its turn.
	queryWait = 10 * time.Second
	// maxQueryMemory bounds one statement; a greater one fails, not the process.
	maxQueryMemory = 2 << 30
	// maxUserMemory bounds all statements together.
	maxUserMemory = 4 << 30
	// readerSeconds bounds a statement of the reader.
	readerSeconds = 120
	// stopPatience bounds how long a clean stop waits for running statements.
	stopPatience = 8 * time.Second
)

// ServeConfig says which engine to serve, and where.
type ServeConfig struct {
	// Lib is the path of libchdb.so.
	Lib string
	// Data is the directory of the data; one process at a time opens it.
	Data string
	// Listen is host:port, loopback unless someone decided otherwise.
	Listen string
	// Password of WriterUser, ReaderPassword of ReaderUser. Neither may be empty.
	Password, ReaderPassword string
	Log                      *slog.Logger
}

// Serve loads the engine and answers until ctx ends. It changes the working
// directory of the process to an empty one below Data: it is made for a process
// of its own. A process opens one data directory in its life.
func Serve(ctx context.Context, cfg ServeConfig) error {
	if cfg.Password == "" || cfg.ReaderPassword == "" {
		return fmt.Errorf("%s and %s must be set", passwordEnv, readerPasswordEnv)
	}
	var err error
	for _, path := range []*string{&cfg.Data, &cfg.Lib} {
		if *path, err = filepath.Abs(*path); err != nil {
			return fmt.Errorf("find %s: %w", *path, err)
		}
	}
	if err := os.MkdirAll(filepath.Join(cfg.Data, "empty"), 0o700); err != nil {
		return fmt.Errorf("make the ClickHouse data directory: %w", err)
	}
	held, err := confine(cfg)
	if err != nil {
		return err
	}
	lock, err := lockData(cfg.Data)
	if err != nil {
		return err
	}
	defer lock.Close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for ClickHouse clients: %w", err)
	}
	defer listener.Close()
	s, err := openServer(cfg)
	if err != nil {
		return err
	}
	defer s.close()
	cfg.Log.Info("the ClickHouse engine answers", "address", listener.Addr().String(), "version", s.version, "held_to", held)
	return s.serve(ctx, listener)
}

// lockData keeps every other engine out of the directory.
func lockData(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "vigie.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the ClickHouse data directory cannot be written: make %s writable for this user, or give another --data: %w", dir, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("another ClickHouse engine has %s open: stop it, or give another --data", dir)
	}
	if err := os.Chdir(filepath.Join(dir, "empty")); err != nil {
		return nil, fmt.Errorf("enter the engine's working directory: %w", err)
	}
	return lock, nil
}

// server is the HTTP side over one open engine.
type server struct {
	cfg      ServeConfig
	lib      *library
	data     string
	root     *conn
	version  string
	name     string
	slots    chan struct{}
	sessions sessions
	running  running
}

func openServer(cfg ServeConfig) (*server, error) {
	lib, err := load(cfg.Lib)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(cfg.Data, "store")
	s := &server{cfg: cfg, lib: lib, data: data, slots: make(chan struct{}, maxQueries)}
	if s.version, err = lib.version(filepath.Join(cfg.Data, "empty")); err != nil {
		return nil, err
	}
	if err := checkVersion(cfg.Data, s.version); err != nil {
		return nil, err
	}
	if err := s.tidy(); err != nil {
		return nil, err
	}
	// The root connection keeps the engine open between requests.
	if s.root, err = s.connect(); err != nil {
		return nil, err
	}
	if err := s.fenceFiles(); err != nil {
		s.root.close()
		return nil, err
	}
	s.name, _ = os.Hostname()
	return s, nil
}

// tidy takes away what a former start or a crash left in the way of this one: the
// fence of fenceFiles, and definitions without a byte, which a loss of power leaves
// and the engine does not open over. They are kept aside, and told.
func (s *server) tidy() error {
	metadata := filepath.Join(s.data, "metadata")
	for _, leftover := range []string{"default.sql", "default.sql.tmp"} {
		if err := os.Remove(filepath.Join(metadata, leftover)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("prepare the engine's default database: %w", err)
		}
	}
	for _, depth := range []string{"*.sql", "*/*.sql"} {
		found, err := filepath.Glob(filepath.Join(metadata, depth))
		if err != nil {
			return fmt.Errorf("look for damaged definitions: %w", err)
		}
		for _, path := range found {
			if i, err := os.Stat(path); err != nil || i.Size() > 0 {
				continue
			}
			aside := filepath.Join(s.cfg.Data, "aside")
			if err := os.MkdirAll(aside, 0o700); err != nil {
				return fmt.Errorf("set %s aside: %w", path, err)
			}
			if err := os.Rename(path, filepath.Join(aside, filepath.Base(path))); err != nil {
				return fmt.Errorf("set %s aside: %w", path, err)
			}
			s.cfg.Log.Warn("a table's definition is empty and was set aside: fill the warehouse again from the log", "file", path, "aside", aside)
		}
	}
	return nil
}

func (s *server) connect() (*conn, error) { return s.lib.open("--path=" + s.data) }

// fenceFiles replaces the library's default database, an overlay in which any
// path of the machine is a table, by an empty one. The overlay is back at each
// start and connections need a database of that name, so what clients do in
// "default" happens in Database.
func (s *server) fenceFiles() error {
	for _, sql := range []string{
		"DETACH DATABASE default",
		"CREATE DATABASE default ENGINE = Memory",
		"CREATE DATABASE IF NOT EXISTS " + Database,
	} {
		if _, _, err := s.root.query(sql, "Null"); err != nil {
			return fmt.Errorf("close the engine's view of files: %w", err)
		}
	}
	return nil
}

func (s *server) serve(ctx context.Context, listener net.Listener) error {
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(listener) }()
	stopSweep := s.sessions.sweep()
	defer stopSweep()
	select {
	case err := <-failed:
		return fmt.Errorf("serve ClickHouse clients: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	err := h.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		err = h.Close()
	}
	<-failed //nolint:errcheck // Serve has returned; only that matters
	return err
}

func (s *server) close() {
	s.sessions.closeAll()
	s.root.close()
}
