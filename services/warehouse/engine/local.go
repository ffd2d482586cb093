package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/open-vigie/vigie/services/internal/child"
	"github.com/open-vigie/vigie/services/internal/ports"
)

// The passwords of the engine's users come by environment: arguments show in ps.
const (
	passwordEnv       = "VIGIE_ENGINE_PASSWORD"
	readerPasswordEnv = "VIGIE_ENGINE_READER_PASSWORD"
)

// The parent asks each second and ends an engine that was silent for ten: a fault
// in the library may hang it rather than end it. At three, an engine was ended that
// a busy machine had given no time.
const (
	healthEvery    = time.Second
	healthPatience = 10 * time.Second
)

// ParseArgs reads the arguments that NewChild gives to the child.
func ParseArgs(args []string, log *slog.Logger) (ServeConfig, error) {
	cfg := ServeConfig{Password: os.Getenv(passwordEnv), ReaderPassword: os.Getenv(readerPasswordEnv), Log: log}
	f := flag.NewFlagSet("clickhouse-engine", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&cfg.Lib, "lib", "", "path of libchdb.so")
	f.StringVar(&cfg.Data, "data", "", "data directory")
	f.StringVar(&cfg.Listen, "listen", "127.0.0.1:8123", "host:port")
	if err := f.Parse(args); err != nil {
		return cfg, fmt.Errorf("arguments of the ClickHouse engine: %w", err)
	}
	if cfg.Lib == "" || cfg.Data == "" {
		return cfg, errors.New("the ClickHouse engine needs --lib and --data: it is started by `vigie up`")
	}
	return cfg, nil
}

// ChildConfig says how to run the engine as a child process.
type ChildConfig struct {
	// Executable and Prefix start the child's side: the arguments that ParseArgs
	// reads follow the prefix.
	Executable string
	Prefix     []string
	// Lib is the path of libchdb.so (FindLib), Data the directory of the data.
	Lib, Data string
	// Port on 127.0.0.1; 0 for any free one.
	Port             int
	LogFile, PidFile string
	Log              *slog.Logger
}

// Local is the engine as a supervised child process: inert until Run.
type Local struct {
	*child.Child
	address, password, readerPassword string
}

// NewChild prepares the child: its port and its passwords are known from here
// on and stay the same over restarts. The passwords are kept in Data.
func NewChild(cfg ChildConfig) (*Local, error) {
	data, err := filepath.Abs(cfg.Data)
	if err != nil {
		return nil, fmt.Errorf("find the ClickHouse data directory: %w", err)
	}
	empty := filepath.Join(data, "empty")
	if err := os.MkdirAll(empty, 0o700); err != nil {
		return nil, fmt.Errorf("make the ClickHouse data directory: %w", err)
	}
	l := &Local{}
	if l.password, err = keepPassword(filepath.Join(data, "password")); err != nil {
		return nil, err
	}
	if l.readerPassword, err = keepPassword(filepath.Join(data, "reader-password")); err != nil {
		return nil, err
	}
	if l.address, err = reserve(cfg.Port); err != nil {
		return nil, err
	}
	args := append([]string{}, cfg.Prefix...)
	args = append(args, "--lib", cfg.Lib, "--data", data, "--listen", l.address)
	l.Child = child.New(child.Spec{
		Name: "clickhouse", Path: cfg.Executable, Args: args,
		Env: append(os.Environ(), passwordEnv+"="+l.password, readerPasswordEnv+"="+l.readerPassword, "TZ=UTC"),
		Dir: empty, PidFile: cfg.PidFile, LogFile: cfg.LogFile,
		Ready: l.ask, Health: l.ask, HealthEvery: healthEvery, HealthPatience: healthPatience, Log: cfg.Log,
	})
	return l, nil
}

// reserve finds out whether the port is free now, or which one is.
func reserve(port int) (string, error) {
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	// An engine that was killed with its parent may still hold it for a moment; one
	// that lives is ended later, or named.
	_ = ports.Await(context.Background(), "tcp", at)
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", at)
	if err != nil {
		return "", fmt.Errorf("the ClickHouse port %d is not free: stop what uses it, or give another --clickhouse-port (0 for any): %w", port, err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// keepPassword reads a secret of 26 characters, made at the first call.
func keepPassword(path string) (string, error) {
	if b, err := os.ReadFile(path); err == nil && len(strings.TrimSpace(string(b))) >= 26 {
		return strings.TrimSpace(string(b)), nil
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the engine's password: %w", err)
	}
	secret := rand.Text()
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the engine's password: %w", err)
	}
	return secret, nil
}

// Endpoint is where the engine answers, and as whom all may be done.
func (l *Local) Endpoint() (url, user, password string) {
	return "http://" + l.address, WriterUser, l.password
}

// ReaderEndpoint is the same for the user that may only read.
func (l *Local) ReaderEndpoint() (url, user, password string) {
	return "http://" + l.address, ReaderUser, l.readerPassword
}

// ask sends SELECT 1, which passes through the whole engine.
func (l *Local) ask(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.address+healthPath, nil)
	if err != nil {
		return err
	}
	r.SetBasicAuth(WriterUser, l.password)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("ask the ClickHouse engine: %w", err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the ClickHouse engine answered %s: %q", resp.Status, out)
	}
	return nil
}
