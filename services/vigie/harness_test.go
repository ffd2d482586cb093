package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/open-vigie/vigie/dashboards/plugin/plugintest"
	"github.com/open-vigie/vigie/services/internal/child"
	"github.com/open-vigie/vigie/services/internal/ports"
)

// binary is the program under test, built once as `make build` builds it.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "vigie-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "vigie")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build vigie: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	plugintest.Clean()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// repo is the root of the repository: assets are installed below it.
func repo(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// installationUnderTest is a `vigie up` on a directory of its own.
type installationUnderTest struct {
	centreUnderTest
	data  string
	args  []string
	env   []string
	cmd   *exec.Cmd
	ended chan error
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newInstallation chooses ports that stay the same over restarts.
func newInstallation(t *testing.T, args ...string) *installationUnderTest {
	t.Helper()
	in := &installationUnderTest{centreUnderTest: centreUnderTest{t: t}, data: filepath.Join(t.TempDir(), "data")}
	in.args = append([]string{"up", "--data", in.data}, args...)
	for _, flag := range []string{"--kafka-port", "--clickhouse-port", "--http-port", "--dc09-port", "--metrics-port"} {
		in.args = append(in.args, flag, strconv.Itoa(freePort(t)))
	}
	t.Cleanup(in.kill)
	return in
}

// given are the ports that tests of this process were given.
var given sync.Map

// freePort is free, for TCP and UDP, and stays so while what listens on it is
// killed and started again: it lies below those that the system gives to
// outgoing connections (32768 and up by default), of which other tests make many.
func freePort(t *testing.T) int {
	t.Helper()
	const first, last, tries = 20_000, 32_000, 1_000
	for range tries {
		port := first + rand.IntN(last-first)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		addr := local(port)
		if ports.Check("tcp", addr) == nil && ports.Check("udp", addr) == nil {
			return port
		}
	}
	t.Fatalf("no port from %d to %d is free", first, last)
	return 0
}

func vigie(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = repo(t) // so that Kafka's jars and the engine are found
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	return cmd
}

// startPatience is what a start may take on a machine that runs all tests at once.
const startPatience = 3 * time.Minute

// start runs `vigie up` and waits until it has said where everything is.
func (in *installationUnderTest) start() {
	in.t.Helper()
	in.launch()
	if !eventually(startPatience, func() bool {
		select {
		case err := <-in.ended:
			in.ended <- err
			in.t.Fatalf("vigie up ended: %v\n%s", err, in.out)
		default:
		}
		return in.read() == nil
	}) {
		in.t.Fatalf("vigie up was not ready within %s\n%s", startPatience, in.out)
	}
}

func (in *installationUnderTest) launch() {
	in.t.Helper()
	out := &syncBuffer{}
	in.out = out
	in.ended = make(chan error, 1)
	in.cmd = vigie(context.Background(), in.t, in.args...)
	// An ephemeral one chooses a directory for itself, below TMPDIR.
	in.cmd.Env = append(append(in.cmd.Env, "TMPDIR="+filepath.Dir(in.data)), in.env...)
	in.cmd.Stdout, in.cmd.Stderr = out, out
	if err := in.cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	go func() { in.ended <- in.cmd.Wait() }()
}

func (in *installationUnderTest) read() error {
	found, err := filepath.Glob(filepath.Join(filepath.Dir(in.data), "*", endpointsFile))
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("%d installations have said where they are", len(found))
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &in.endpoints); err != nil {
		return err
	}
	if in.PID != in.cmd.Process.Pid {
		return errors.New("of another process")
	}
	return nil
}

// kill is kill -9 of vigie itself; what becomes of its children is its affair.
func (in *installationUnderTest) kill() {
	if in.cmd == nil || in.cmd.ProcessState != nil {
		return
	}
	_ = in.cmd.Process.Kill()
	err := <-in.ended
	in.ended <- err
}

// stop is Ctrl-C; it returns what vigie printed.
func (in *installationUnderTest) stop() string {
	in.t.Helper()
	if err := in.cmd.Process.Signal(os.Interrupt); err != nil {
		in.t.Fatal(err)
	}
	select {
	case err := <-in.ended:
		in.ended <- err
		if err != nil {
			in.t.Fatalf("vigie up ended with %v after Ctrl-C\n%s", err, in.out)
		}
	case <-time.After(2 * time.Minute):
		in.t.Fatalf("vigie up did not stop\n%s", in.out)
	}
	return in.out.String()
}

// killKafka is kill -9 of the Kafka child; it returns once that process is gone.
func (in *installationUnderTest) killKafka() {
	in.t.Helper()
	pid := in.childPID("kafka")
	if err := child.Signal(pid, syscall.SIGKILL); err != nil {
		in.t.Fatalf("kill Kafka (pid %d): %v", pid, err)
	}
	if !eventually(startPatience, func() bool { return in.findChild("kafka") != pid }) {
		in.t.Fatal("Kafka does not die")
	}
}

// childPID reads the pid file of a child.
func (in *installationUnderTest) childPID(name string) int {
	in.t.Helper()
	if pid := in.findChild(name); pid > 0 {
		return pid
	}
	in.t.Fatalf("no %s runs below %s", name, in.data)
	return 0
}

func (in *installationUnderTest) findChild(name string) int {
	b, err := os.ReadFile(filepath.Join(in.data, name, name+".pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.FieldsFunc(string(b), func(r rune) bool { return r < '0' || r > '9' })[0])
	if err != nil || child.Signal(pid, 0) != nil {
		return 0
	}
	return pid
}

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// eventually asks until the answer is yes or the patience is over.
func eventually(patience time.Duration, yes func() bool) bool {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-ticker.C {
		if yes() {
			return true
		}
	}
	return yes()
}

// python is the interpreter that has the third-party clients.
func python(t *testing.T) string {
	t.Helper()
	if p := os.Getenv("VIGIE_PYTHON"); p != "" {
		return p
	}
	p := filepath.Join(repo(t), ".tools", "venv", "bin", "python")
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("the third-party test clients are not installed: run `make setup` (%v)", err)
	}
	return p
}
