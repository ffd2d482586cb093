package siege

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/eventlog"
)

// wardConfig is what stands around a receiver.
type wardConfig struct {
	panels      int
	connections int
	fleet       fleetConfig
	// precedence of the panels' process over the others, so that it is in time. Without
	// the right to it the system says so, and they run all the same.
	precedence bool
}

// ward is a receiver and its panels, a process each.
type ward struct {
	t testing.TB
	doors
	receiver, panels *process
	ledger           string
	asking           sync.Mutex
}

// newWard declares the panels' accounts and starts the receiver.
func newWard(t testing.TB, kafka eventlog.Config, cfg wardConfig) *ward {
	t.Helper()
	bind(t, kafka, cfg.panels)
	w := &ward{t: t, ledger: filepath.Join(t.TempDir(), "acknowledged")}
	w.receiver = spawn(t, "receiver", receiverConfig{Brokers: kafka.Brokers, Keys: t.TempDir(), Connections: cfg.connections}, &w.doors, 0)
	w.knock()
	return w
}

// knock waits until the receiver has set aside a datagram of junk: it is ready before
// all of its goroutines run, and what it is made of is counted from then on.
func (w *ward) knock() {
	w.t.Helper()
	conn, err := net.Dial("udp", w.doors.UDP)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	await(w.t, "a datagram of junk to be set aside", func() bool {
		_, err := conn.Write([]byte("junk"))
		return err == nil && w.facts().count("vigie_receiver_rejected_total") > 0
	})
}

// recruit starts the panels in a process of their own.
func (w *ward) recruit(cfg wardConfig) {
	w.t.Helper()
	nice := 0
	if cfg.precedence {
		nice = -5
	}
	w.panels = spawn(w.t, "panels", w.fleet(cfg), nil, nice)
}

// fleet is the configuration of the panels at this receiver.
func (w *ward) fleet(cfg wardConfig) fleetConfig {
	f := cfg.fleet
	f.doors, f.Panels, f.Ledger = w.doors, cfg.panels, w.ledger
	return f
}

// facts asks the receiver's process what it is made of.
func (w *ward) facts() (f facts) {
	w.t.Helper()
	w.asking.Lock()
	defer w.asking.Unlock()
	w.receiver.ask("facts", nil, &f)
	return f
}

// heap writes the receiver's heap to a file.
func (w *ward) heap(path string) {
	w.t.Helper()
	w.asking.Lock()
	defer w.asking.Unlock()
	w.receiver.ask("heap", path, nil)
}

// compare looks for each acknowledged alarm in the log, and says how many there were
// and how many are missing. Copies of one frame must carry one fingerprint.
func (w *ward) compare(kafka eventlog.Config) (ledger, missing int) {
	w.t.Helper()
	found := readLog(w.t, kafka)
	lines := ledgerLines(w.t, w.ledger)
	for _, alarm := range lines {
		switch len(found[alarm]) {
		case 0:
			missing++
		case 1:
		default:
			w.t.Errorf("copies of the alarm %s have %d fingerprints", alarm, len(found[alarm]))
		}
	}
	return len(lines), missing
}

// await asks until the condition holds.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	if !eventually(holds) {
		t.Fatalf("waited %s for %s", patience, what)
	}
}

// eventually asks until the answer is yes, or patience is over.
func eventually(holds func() bool) bool {
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-late.C:
			return holds()
		}
	}
	return true
}

func splitAddr(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	return host, port, err
}

// ledgerLines are the alarms that a fleet was acknowledged.
func ledgerLines(t testing.TB, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []string
	for in := bufio.NewScanner(f); in.Scan(); {
		lines = append(lines, in.Text())
	}
	return lines
}
