package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// childArg makes the test binary play the child's side, as vigie does.
const childArg = "clickhouse-engine"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		if err := serveChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 5 && os.Args[1] == probeArg {
		if err := probe(os.Args[2], os.Args[3], os.Args[4]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 4 && os.Args[1] == parentArg {
		if err := parent(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// parentArg makes the test binary keep an engine until it is killed.
const parentArg = "engine-parent"

func parent(lib, data string) error {
	l, err := NewChild(ChildConfig{Executable: os.Args[0], Prefix: []string{childArg}, Lib: lib, Data: data, Log: slog.Default()})
	if err != nil {
		return err
	}
	go func() { <-l.Ready(); fmt.Println(l.Pid()) }()
	return l.Run(context.Background())
}

// probeArg makes the test binary confine itself and say what it still reaches.
const probeArg = "confined-probe"

// probe tries, in the place of the engine, the file and the address that it is given.
func probe(data, file, address string) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	held, err := confine(ServeConfig{Lib: "/proc/self/exe", Data: data, Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	_, read := os.ReadFile(file)
	conn, dial := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
	if dial == nil {
		conn.Close()
	}
	own := os.WriteFile(filepath.Join(data, "own"), []byte("x"), 0o600)
	listener, listen := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if listen == nil {
		listener.Close()
	}
	fmt.Printf("%s|%t|%t|%t|%t", held, errors.Is(read, os.ErrPermission), errors.Is(dial, os.ErrPermission), own == nil, listen == nil)
	return nil
}

func serveChild() error {
	cfg, err := ParseArgs(os.Args[2:], slog.Default())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return Serve(ctx, cfg)
}
