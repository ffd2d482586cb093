package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/open-vigie/vigie/loadtest/measure"
	"github.com/open-vigie/vigie/schemas/topics"
)

const (
	vigie = "vigie"
	// readyLine is what both sides print once their state stands.
	readyLine = "READY"
	// startPatience bounds a start with the restore of the state.
	startPatience = 5 * time.Minute
)

// side is one of the two as a running process.
type side struct {
	name     string
	group    string
	outputs  []string
	stateDir string
	// changelogs begin so: what the side keeps its state in, on the broker.
	changelogs []string
	cmd        *exec.Cmd
	started    time.Time
	ready      chan struct{}
	ended      chan error
}

// begin starts a side on the topics of a prefix. A side that is started again in
// the same state directory goes on where it was.
func (l *lab) begin(ctx context.Context, name, prefix string) (*side, error) {
	s := &side{name: name, ready: make(chan struct{}), ended: make(chan error, 1), stateDir: l.stateDir(name, prefix)}
	if name == vigie {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cfg := l.config(prefix)
		s.group, s.outputs = cfg.Group("processor"), []string{prefix + topics.Detections, prefix + topics.SiteStates}
		s.changelogs = []string{prefix + topics.Snapshots, prefix + topics.Progress}
		s.cmd = exec.CommandContext(ctx, self, engineCommand, "--brokers", l.kafka.Addr(), "--prefix", prefix, "--commit", l.o.CommitEvery.String())
	} else {
		s.group = prefix + "peer-" + name
		s.outputs = []string{prefix + "peer-detections", prefix + "peer-site-states"}
		s.changelogs = []string{s.group}
		s.cmd = exec.CommandContext(ctx, l.java, l.javaArgs(name, prefix, s.stateDir)...)
	}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.started = time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		ready := s.ready
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if lines.Text() == readyLine && ready != nil {
				close(ready)
				ready = nil
			}
		}
		s.ended <- s.cmd.Wait()
	}()
	return s, nil
}

func (l *lab) stateDir(name, prefix string) string { return filepath.Join(l.dir, "state-"+prefix+name) }

func (l *lab) javaArgs(store, prefix, stateDir string) []string {
	target := filepath.Join(l.o.PeerDir, "target")
	args := append([]string(nil), l.o.JVMArgs...)
	args = append(args, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
		"-cp", filepath.Join(target, "classes")+":"+filepath.Join(target, "lib", "*"), "io.openvigie.peer.Peer",
		"--brokers", l.kafka.Addr(), "--prefix", prefix, "--state-dir", stateDir, "--store", store,
		"--commit-ms", strconv.FormatInt(l.o.CommitMS, 10))
	return append(args, l.o.PeerArgs...)
}

// untilReady waits for the line.
func (s *side) untilReady(ctx context.Context) error {
	wait, done := context.WithTimeout(ctx, startPatience)
	defer done()
	select {
	case <-s.ready:
		return nil
	case err := <-s.ended:
		s.ended <- err
		return fmt.Errorf("%s ended before it was ready: %w", s.name, errors.Join(err, errors.New("see above")))
	case <-wait.Done():
		return fmt.Errorf("%s was not ready: %w", s.name, wait.Err())
	}
}

// kill ends the process as kill -9 does, and waits for it.
func (s *side) kill() {
	_ = s.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	err := <-s.ended
	s.ended <- err
}

// stop ends the process in order.
func (s *side) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case err := <-s.ended:
		s.ended <- err
	case <-time.After(20 * time.Second):
		s.kill()
	}
}

// cpu is what the process has used so far.
func cpu(pid int) (time.Duration, error) {
	list, err := measure.Tree(pid)
	if err != nil {
		return 0, err
	}
	return list[0].CPU, nil
}

// peak is the most resident memory that the process had, bytes; 0 when not known.
func peak(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(b), "\n") {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// sizeOf a directory's files, bytes.
func sizeOf(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // a side that keeps nothing has no directory
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}
