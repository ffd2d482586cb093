package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleEnv makes the test binary play a small process instead of running tests.
const roleEnv = "VIGIE_TEST_CHILD_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		play(role)
		return
	}
	goleak.VerifyTestMain(m)
}

func play(role string) {
	term := make(chan os.Signal, 1)
	switch role {
	case "serve": // ends in good order
		signal.Notify(term, syscall.SIGTERM)
		touch("up")
		<-term
		touch("stopped")
	case "stubborn": // does not listen to SIGTERM
		signal.Ignore(syscall.SIGTERM)
		touch("up")
		time.Sleep(time.Hour)
	case "dies":
		fmt.Println("the disk is full")
		os.Exit(3)
	case "chatty":
		line := strings.Repeat("x", 1023) + "\n"
		for range 2 * logBytes / len(line) {
			fmt.Print(line)
		}
		touch("up")
		time.Sleep(time.Hour)
	case "parent": // a Vigie that will be killed
		c := New(spec(os.Getenv("VIGIE_TEST_CHILD_DIR"), "serve"))
		go func() {
			<-c.Ready()
			fmt.Println(c.Pid())
		}()
		_ = c.Run(context.Background())
	}
}

func touch(name string) {
	if err := os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		panic(err)
	}
}

// spec is a child in dir that plays the role and is ready when the file "up" stands.
func spec(dir, role string) Spec {
	return Spec{
		Name: "engine", Path: os.Args[0], Dir: dir,
		Env:         append(os.Environ(), roleEnv+"="+role),
		PidFile:     filepath.Join(dir, "engine.pid"),
		LogFile:     filepath.Join(dir, "engine.log"),
		StopTimeout: 5 * time.Second,
		Ready: func(context.Context) error {
			_, err := os.Stat(filepath.Join(dir, "up"))
			return err
		},
		Log: slog.New(slog.DiscardHandler),
	}
}

// run runs the child until the test ends or stop is called; stop returns Run's error.
func run(t *testing.T, c *Child) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	var err error
	ended := false
	stop = func() error {
		cancel()
		if !ended {
			err, ended = <-done, true
		}
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

// eventually waits until ok holds; it fails the test after 20 s.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func awaitReady(t *testing.T, c *Child) {
	t.Helper()
	select {
	case <-c.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("not ready within 20 s")
	}
}

func gone(pid int) bool { _, ok := startTime(pid); return !ok }

func TestStopsInGoodOrder(t *testing.T) {
	dir := t.TempDir()
	c := New(spec(dir, "serve"))
	stop := run(t, c)
	awaitReady(t, c)
	pid := c.Pid()
	if err := stop(); err != nil {
		t.Fatalf("Run: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "stopped")); err != nil {
		t.Error("the process was not given time to stop")
	}
	if !gone(pid) || c.Pid() != 0 {
		t.Errorf("process %d is still there", pid)
	}
	if _, err := os.Stat(filepath.Join(dir, "engine.pid")); err == nil {
		t.Error("the pid file outlives the process")
	}
}

func TestKillsWhatDoesNotStop(t *testing.T) {
	s := spec(t.TempDir(), "stubborn")
	s.StopTimeout = 50 * time.Millisecond
	c := New(s)
	stop := run(t, c)
	awaitReady(t, c)
	pid := c.Pid()
	if err := stop(); err != nil || !gone(pid) {
		t.Fatalf("Run: %v, gone: %v", err, gone(pid))
	}
}

func TestStartsAgainAfterDeath(t *testing.T) {
	c := New(spec(t.TempDir(), "serve"))
	run(t, c)
	awaitReady(t, c)
	first := c.Pid()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another process runs", func() bool { p := c.Pid(); return p != 0 && p != first })
	if c.Restarts() != 1 {
		t.Errorf("restarts: got %d, want 1", c.Restarts())
	}
}

func TestSilenceIsDeath(t *testing.T) {
	s := spec(t.TempDir(), "serve")
	s.HealthEvery, s.HealthPatience = 5*time.Millisecond, 100*time.Millisecond
	var c *Child
	s.Health = func(ctx context.Context) error {
		if c.Restarts() > 0 {
			return nil
		}
		<-ctx.Done() // hangs, as a process stopped by a debugger does
		return ctx.Err()
	}
	c = New(s)
	run(t, c)
	awaitReady(t, c)
	eventually(t, "the silent process was replaced", func() bool { return c.Restarts() == 1 && c.Pid() != 0 })
}

func TestEarlyDeathQuotesTheLog(t *testing.T) {
	err := New(spec(t.TempDir(), "dies")).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), "exit status 3") {
		t.Fatalf("got %v", err)
	}
}

func TestMissingProgramFailsAtOnce(t *testing.T) {
	s := spec(t.TempDir(), "serve")
	s.Path = filepath.Join(s.Dir, "no-such-program")
	err := New(s).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Fatalf("got %v", err)
	}
}

func TestRefusalBeforeTheFirstStartEndsRun(t *testing.T) {
	s := spec(t.TempDir(), "serve")
	taken := errors.New("port taken")
	s.Before = func(context.Context) error { return taken }
	if err := New(s).Run(t.Context()); !errors.Is(err, taken) {
		t.Fatalf("got %v", err)
	}
}

func TestNeverReadyIsKilled(t *testing.T) {
	s := spec(t.TempDir(), "stubborn")
	s.StartTimeout = 60 * time.Millisecond
	s.Ready = func(context.Context) error { return errors.New("port closed") }
	err := New(s).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "port closed") || !strings.Contains(err.Error(), "not ready within") {
		t.Fatalf("got %v", err)
	}
}

func TestLogIsBounded(t *testing.T) {
	s := spec(t.TempDir(), "chatty")
	c := New(s)
	run(t, c)
	awaitReady(t, c)
	for _, name := range []string{s.LogFile, s.LogFile + ".1"} {
		info, err := os.Stat(name)
		if err != nil || info.Size() > logBytes {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// killParent starts a Vigie with a child in dir, kills it with SIGKILL and
// returns the pid of the child.
func killParent(t *testing.T, dir string) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=parent", "VIGIE_TEST_CHILD_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	return pid
}

func TestDiesWithItsParent(t *testing.T) {
	pid := killParent(t, t.TempDir())
	eventually(t, "the child of the killed parent is gone", func() bool { return gone(pid) })
}

// stray starts a process that no Vigie supervises and that records as our child.
func stray(t *testing.T, dir string, change func(*pidRecord)) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Dir = append(os.Environ(), roleEnv+"=serve"), t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reaped := make(chan struct{})
	go func() { defer close(reaped); _ = cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-reaped })
	eventually(t, "the stray runs", func() bool { _, err := os.Stat(filepath.Join(cmd.Dir, "up")); return err == nil })
	c := New(spec(dir, "serve"))
	r := pidRecord{Child: identify(cmd.Process.Pid), Parent: identity{Pid: 1, Start: 1}, Boot: bootID(), Data: c.dataPath()}
	change(&r)
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.spec.PidFile, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

func TestEndsItsOrphanAndNothingElse(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*pidRecord)
		ends   bool
	}{
		"our orphan":              {func(*pidRecord) {}, true},
		"the number was reused":   {func(r *pidRecord) { r.Child.Start++ }, false},
		"another data directory":  {func(r *pidRecord) { r.Data = "/elsewhere" }, false},
		"before the last restart": {func(r *pidRecord) { r.Boot = "another" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			pid := stray(t, dir, tc.change)
			c := New(spec(dir, "serve"))
			run(t, c)
			awaitReady(t, c)
			if gone(pid) != tc.ends {
				t.Errorf("the process of the pid file is gone: %v, want %v", gone(pid), tc.ends)
			}
		})
	}
}

func TestChildOfALivingVigieIsRefused(t *testing.T) {
	dir := t.TempDir()
	pid := stray(t, dir, func(r *pidRecord) { r.Parent = identify(os.Getpid()) })
	err := New(spec(dir, "serve")).Run(t.Context())
	if !errors.Is(err, ErrHeld) || gone(pid) {
		t.Fatalf("got %v; gone: %v", err, gone(pid))
	}
}
