// Package examples_test runs the example consumers against a real installation:
// what the documentation shows works, or these tests are red.
package examples_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/open-vigie/vigie/schemas/ids"
)

// patience is what a step may take on a machine that runs all tests at once.
const patience = 2 * time.Minute

// tools are the programs that `go build` made for these tests.
type tools struct{ dir, root string }

func build(t *testing.T) tools {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	b := tools{dir: t.TempDir(), root: root}
	cmd := exec.Command("go", "build", "-o", b.dir, "./services/vigie", "./docs/examples/incidents")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return b
}

func (b tools) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = b.root
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

func (b tools) vigie(t *testing.T, args ...string) string {
	t.Helper()
	out, err := b.command(t.Context(), filepath.Join(b.dir, "vigie"), args...).Output()
	if err != nil {
		t.Fatalf("vigie %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// up starts an installation and returns where it is.
func (b tools) up(t *testing.T) (brokers, dc09 string) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	ctx, stop := context.WithCancel(context.Background())
	cmd := b.command(ctx, filepath.Join(b.dir, "vigie"), "up", "--data", data,
		"--kafka-port", "0", "--clickhouse-port", "0", "--http-port", "0", "--dc09-port", "0", "--metrics-port", "0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { stop(); <-ended })
	for until := time.Now().Add(patience); ; {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("vigie up ended: %v", err)
		case <-time.After(100 * time.Millisecond): // it says that it is ready by writing this file
		}
		text, err := os.ReadFile(filepath.Join(data, "endpoints.json"))
		if err == nil {
			var e struct {
				Kafka string
				DC09  struct{ UDP string }
			}
			if err := json.Unmarshal(text, &e); err != nil {
				t.Fatal(err)
			}
			return e.Kafka, e.DC09.UDP
		}
		if time.Now().After(until) {
			t.Fatalf("vigie up is not ready after %s", patience)
		}
	}
}

type line struct {
	Incident string
	Version  uint64
	Site     uint64
	Class    string
	Status   string
}

// TestExamples: one burglary and two polls of a panel, seen by both consumers.
func TestExamples(t *testing.T) {
	t.Parallel()
	b := build(t)
	brokers, dc09 := b.up(t)
	b.vigie(t, "panel", "send", "--to", dc09, "--account", "1234", "--code", "BA")
	b.vigie(t, "panel", "send", "--to", dc09, "--account", "1234", "--poll")
	b.vigie(t, "panel", "send", "--to", dc09, "--account", "1234", "--poll")
	site := ids.UndeclaredSite(0, "1234")

	for _, l := range b.incidents(t, brokers, site) {
		if l.Site != site || l.Version != 1 || l.Status != "open" {
			t.Errorf("the Go consumer printed %+v, site %d was in alarm", l, site)
		}
	}
	// The group committed: a second run of it shows only what is new.
	b.vigie(t, "panel", "send", "--to", dc09, "--account", "5678", "--code", "PA")
	other := ids.UndeclaredSite(0, "5678")
	for _, l := range b.incidents(t, brokers, other) {
		if l.Site != other {
			t.Errorf("the second run printed %+v again, expected only site %d", l, other)
		}
	}
	b.wantPolls(t, brokers, site)
}

// incidents runs the Go consumer until it prints one of a site, then stops it as
// a service manager would, and gives all that it printed.
func (b tools) incidents(t *testing.T, brokers string, site uint64) []line {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	cmd := b.command(ctx, filepath.Join(b.dir, "incidents"), "--brokers", brokers, "--group", "examples-test")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all []line
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if all = append(all, l); l.Site == site {
			_ = cmd.Process.Signal(syscall.SIGTERM) // it says what it had in hand, commits and ends
		}
	}
	if err := cmd.Wait(); err != nil || ctx.Err() != nil {
		t.Fatalf("the Go consumer: %v, after %+v", err, all)
	}
	return all
}

// wantPolls runs the Python consumer to the end of the topic, again until the
// beat with the polls is there.
func (b tools) wantPolls(t *testing.T, brokers string, site uint64) {
	t.Helper()
	python := filepath.Join(b.root, ".tools", "venv", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("the third-party test clients are not installed: run `make setup` (%v)", err)
	}
	gen := t.TempDir()
	// The shell finds the files, as in the documentation.
	generate := python + " -m grpc_tools.protoc -I schemas/proto --python_out=" + gen + " schemas/proto/vigie/v1/*.proto"
	if out, err := b.command(t.Context(), "sh", "-c", generate).Output(); err != nil {
		t.Fatalf("generate the Python classes: %v\n%s", err, out)
	}
	type count struct{ Site, Polls, Events uint64 }
	var got count
	for until := time.Now().Add(patience); time.Now().Before(until); {
		cmd := b.command(t.Context(), python, "docs/examples/polls/polls.py", brokers, "--until-end")
		cmd.Env = append(os.Environ(), "PYTHONPATH="+gen)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("the Python consumer: %v", err)
		}
		for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
			var c count
			if err := d.Decode(&c); err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			if c.Site == site {
				got = c
			}
		}
		if got.Polls == 2 {
			break
		}
	}
	if want := (count{Site: site, Polls: 2, Events: 1}); got != want {
		t.Errorf("the Python consumer counted %+v, expected %+v", got, want)
	}
}
