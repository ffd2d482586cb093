package siege

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/open-vigie/vigie/services/eventlog"
)

// trial is a receiver under the load of its panels and of a flood, while its Kafka
// fails. What is asserted of each fault: while it lasts no ACK leaves and the memory
// stands, and after it ACKs come by themselves. At the end, every alarm that was
// acknowledged is in the log.
type trial struct {
	t *testing.T
	*ward
	kafka  eventlog.Config
	fleet  *fleet
	ending func()
}

const (
	// quietFor is a silence that tells that no ACK is on its way any more.
	quietFor = 500 * time.Millisecond
	// longHold is from where on the room of every partition is taken: 65,536 frames that
	// wait, in a short form under the race detector, are more than a busy machine works
	// off in good time.
	longHold = 10 * time.Second
	// flowing: so many more ACKs show that all is well.
	flowing = 100
)

func newTrial(t *testing.T, kafka eventlog.Config) *trial {
	t.Helper()
	cfg := wardConfig{panels: 60, fleet: fleetConfig{Redial: 20, Datagrams: 30, Retry: time.Second, Tries: 1000}}
	tr := &trial{t: t, ward: newWard(t, kafka, cfg), kafka: kafka}
	var err error
	if tr.fleet, err = newFleet(tr.ward.fleet(cfg)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan phase, 1)
	go func() { sent <- tr.fleet.send(ctx, load{Name: "faults", Seconds: 3600, Alarms: 80, Polls: 40}) }()
	tr.ending = func() {
		cancel()
		if total := (<-sent).total(); total.Answered != total.Planned {
			t.Errorf("%d of %d messages were answered in the end", total.Answered, total.Planned)
		}
		if err := tr.fleet.stop(); err != nil {
			t.Error(err)
		}
	}
	return tr
}

// finish ends the load and compares the ledger with the log.
func (tr *trial) finish() {
	tr.t.Helper()
	tr.ending()
	ledger, missing := tr.compare(tr.kafka)
	if missing > 0 || ledger < flowing {
		tr.t.Errorf("%d of %d acknowledged alarms are not in the log", missing, ledger)
	}
	tr.t.Logf("%d acknowledged alarms, each in the log", ledger)
}

// flows waits until panels are acknowledged.
func (tr *trial) flows() {
	tr.t.Helper()
	before, _ := tr.fleet.answers()
	await(tr.t, "panels to be acknowledged", func() bool {
		now, _ := tr.fleet.answers()
		return now >= before+flowing
	})
}

// silent waits until no ACK is on its way any more.
func (tr *trial) silent() {
	tr.t.Helper()
	await(tr.t, "silence", func() bool {
		_, last := tr.fleet.answers()
		return time.Since(last) > quietFor
	})
}

// flood is more than one partition has room for, or in the long form all have: 20
// connections with 1,024 unanswered frames each, for every one. refused are so many
// frames that the room must be gone: polls, which are refused first, are not as many.
func flood() (a attack, refused float64) {
	a = attack{Kind: floodValid, Seconds: 3600, Rate: 15_000, Connections: 20, Sources: 20, Accounts: 1}
	if *holdFlag < longHold {
		return a, 1_000
	}
	a.Connections, a.Sources, a.Accounts = partitions*a.Connections, partitions*a.Sources, partitions
	return a, 20_000
}

// outage holds a fault under a flood: once the room is taken the memory stands.
func (tr *trial) outage(name string, begin, end func()) {
	tr.t.Helper()
	tr.flows()
	busy := tr.facts().count("vigie_appender_refused_total")
	begin()
	began := time.Now()
	tr.silent()
	acked, _ := tr.fleet.answers()
	flooding, stop := context.WithCancel(tr.t.Context())
	attack, refused := flood()
	flooded := make(chan error, 1)
	go func() {
		_, err := attack.run(flooding, tr.doors)
		flooded <- err
	}()
	await(tr.t, "the room to be taken", func() bool { return tr.facts().count("vigie_appender_refused_total") > busy+refused })
	// With all room taken the heap may still grow to what its collector leaves between
	// two collections; in the second half it must stand.
	first, second := tr.highest(*holdFlag/2), tr.highest(*holdFlag/2)
	if second > first+first/4 {
		tr.t.Errorf("%s: with all room taken the memory went on from %d to %d MB", name, first>>20, second>>20)
	}
	stop()
	if err := <-flooded; err != nil {
		tr.t.Error(err)
	}
	now, _ := tr.fleet.answers()
	during := now - acked
	if during > 0 {
		tr.t.Errorf("%s: %d ACKs left while the log could take nothing", name, during)
	}
	held := time.Since(began)
	end()
	back := time.Now()
	tr.flows()
	tr.t.Logf("%s: held %.1f s, %d ACKs in it, memory at most %d MB, then %d MB; %d ACKs %.1f s after its end",
		name, held.Seconds(), during, first>>20, second>>20, flowing, time.Since(back).Seconds())
}

// highest is the most memory that the receiver has while a time passes.
func (tr *trial) highest(during time.Duration) (most int64) {
	tr.t.Helper()
	for until := time.Now().Add(during); time.Now().Before(until); {
		sleepUntil(tr.t.Context(), time.Now().Add(during/10))
		most = max(most, tr.facts().RSS)
	}
	return most
}

// Kafka stands still, and dies and is started again.
func TestKafkaFaults(t *testing.T) {
	k := newKafka(t, t.TempDir(), findJava(t))
	tr := newTrial(t, k.config())
	tr.outage("paused", func() { k.signal(syscall.SIGSTOP) }, func() { k.signal(syscall.SIGCONT) })
	tr.outage("killed", k.kill, k.start)
	tr.finish()
}

// The disk of the broker is full. Kafka then gives its only directory up and ends, and
// so does each start, until there is room.
func TestBrokerDiskFull(t *testing.T) {
	t.Run("bound of a file", fileBound)
	if *smallDisk != "" {
		t.Run("no space left", noSpace)
	}
}

// fileBound plays a full disk by the bound of a file's size, which a process needs no
// rights to set on another of the same user: a write past it fails like one on a full
// disk does, with an error where Kafka expects none.
func fileBound(t *testing.T) {
	dir := t.TempDir()
	full := filepath.Join(dir, "full")
	java := filepath.Join(dir, "java")
	// In blocks of 512 bytes; what is started while the file stands has that bound.
	script := fmt.Sprintf("#!/bin/sh\n[ -f '%s' ] && ulimit -S -f \"$(cat '%s')\"\nexec '%s' \"$@\"\n", full, full, findJava(t))
	if err := os.WriteFile(java, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	k := newKafka(t, dir, java)
	tr := newTrial(t, k.config())
	tr.outage("disk full", func() {
		bound := k.largest() + 64<<10
		if err := os.WriteFile(full, fmt.Appendf(nil, "%d", bound/512), 0o600); err != nil {
			t.Fatal(err)
		}
		limit := unix.Rlimit{Cur: uint64(bound), Max: unix.RLIM_INFINITY}
		if err := unix.Prlimit(k.broker.Pid(), unix.RLIMIT_FSIZE, &limit, nil); err != nil {
			t.Fatal(err)
		}
		await(t, "Kafka to end", func() bool { return k.broker.Restarts() > 0 })
	}, func() {
		if err := os.Remove(full); err != nil {
			t.Fatal(err)
		}
	})
	k.wantSaid("File too large")
	tr.finish()
}

// noSpace fills a small file system of its own (a tmpfs, for which root is needed).
func noSpace(t *testing.T) {
	k := newKafka(t, *smallDisk, findJava(t))
	tr := newTrial(t, k.config())
	ballast := filepath.Join(*smallDisk, "ballast")
	tr.outage("no space left", func() {
		fill(t, ballast)
		await(t, "Kafka to end", func() bool { return k.broker.Restarts() > 0 })
	}, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
	k.wantSaid("No space left on device")
	tr.finish()
}

// fill writes until there is no room left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// wantSaid: the fault was the one that was meant.
func (k *kafka) wantSaid(text string) {
	k.t.Helper()
	said, err := os.ReadFile(filepath.Join(k.dir, "kafka.log"))
	if err != nil || !strings.Contains(string(said), text) {
		k.t.Errorf("Kafka does not tell of %q: %v", text, err)
	}
}

// largest is the size of the largest segment of vigie.events.
func (k *kafka) largest() (size int64) {
	k.t.Helper()
	err := filepath.WalkDir(filepath.Join(k.dir, "kafka", "log"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".log") || !strings.Contains(path, "vigie.events-") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size = max(size, info.Size())
		}
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return size
}
