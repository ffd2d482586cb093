package receiver

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver/dc09"
	"github.com/open-vigie/vigie/services/receiver/keyring"
)

// What a receiver holds, in a process of its own, as the system counts it: with
// connections that have each sent one alarm and are idle since, with accounts that
// nobody declared and that sent one alarm each, and with accounts that have a key and
// a site each. One operation is the whole of it.
//
//	go test -run '^$' -bench Memory -benchtime 1x -timeout 30m ./services/receiver
//
// Ten million accounts take minutes and gigabytes to prepare: -bench
// 'Memory/(connections|undeclared|accounts=1000000$)' leaves them out.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprintf("connections=%d", n), func(b *testing.B) { benchConnections(b, n) })
	}
	for _, n := range []int{7_000, 100_000} {
		b.Run(fmt.Sprintf("undeclared=%d", n), func(b *testing.B) { benchUndeclared(b, n) })
	}
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("accounts=%d", n), func(b *testing.B) { benchAccounts(b, n) })
	}
}

// held is what a process says of its memory, in bytes.
type held struct {
	// RSS now, and Peak since it began, as the system counts; Heap is what lives.
	RSS, Peak, Heap uint64
}

func holding() (h held, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return h, fmt.Errorf("the system does not say what a process holds: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kB, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			h.RSS = kB << 10
		case "VmHWM":
			h.Peak = kB << 10
		}
	}
	// After the system was asked: what lives is told beside, not made. The second one
	// takes what pools kept over the first.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.Heap = m.HeapAlloc
	return h, nil
}

// holder is what a process of BenchmarkMemory is told to hold.
type holder struct {
	Brokers []string
	Dir     string
	// Accounts with a key each in Keyring; without any, a receiver runs.
	Accounts int
	Keyring  string
}

const holderEnv = "VIGIE_BENCH_HOLDER"

func init() {
	told := os.Getenv(holderEnv)
	if told == "" {
		return
	}
	var h holder
	err := json.Unmarshal([]byte(told), &h)
	if err == nil && h.Accounts > 0 {
		err = h.accounts()
	} else if err == nil {
		err = h.receiver()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "holder:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// process is a holder that runs; ask has it say what it holds.
type process struct {
	tb  testing.TB
	in  io.WriteCloser
	out *bufio.Reader
}

func (h holder) start(tb testing.TB, env ...string) *process {
	tb.Helper()
	told, err := json.Marshal(h)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(os.Args[0]) // ends with its input, which Cleanup closes
	cmd.Env = append(append(os.Environ(), holderEnv+"="+string(told)), env...)
	cmd.Stderr = os.Stderr
	p := &process{tb: tb}
	out, err := cmd.StdoutPipe()
	if err == nil {
		p.in, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	tb.Cleanup(func() {
		_ = p.in.Close() // ends it
		if err := cmd.Wait(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// line is the next thing that the process says.
func (p *process) line() string {
	p.tb.Helper()
	s, err := p.out.ReadString('\n')
	if err != nil {
		p.tb.Fatalf("the process ended: %v", err)
	}
	return strings.TrimSpace(s)
}

func (p *process) ask() (h held) {
	p.tb.Helper()
	if _, err := io.WriteString(p.in, "what\n"); err != nil {
		p.tb.Fatal(err)
	}
	if err := json.Unmarshal([]byte(p.line()), &h); err != nil {
		p.tb.Fatal(err)
	}
	return h
}

// answerAll says what this process holds, each time it is asked.
func answerAll() error {
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		h, err := holding()
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(h); err != nil {
			return err
		}
	}
	return nil
}

// receiver runs one until nobody asks any more.
func (h holder) receiver() error {
	keys, err := vault.Open(h.Dir)
	if err != nil {
		return err
	}
	defer keys.Close()
	kafka, log := eventlog.Config{Brokers: h.Brokers}, slog.New(slog.DiscardHandler)
	a, err := appender.New(appender.Config{Writer: "local", Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "default", Partitions: benchPartitions},
		appender.Deps{Log: log, Metrics: prometheus.NewRegistry(), Kafka: kafka})
	if err != nil {
		return err
	}
	r, err := New(benchConfig(), Deps{Log: log, Metrics: prometheus.NewRegistry(), Kafka: kafka, Vault: keys, Appender: a})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- a.Run(ctx) }()
	<-a.Ready()
	go func() { ended <- r.Run(ctx) }()
	<-r.Ready()
	fmt.Println(r.TCP())
	err = answerAll()
	cancel()
	return errors.Join(err, <-ended, <-ended)
}

func benchConnections(b *testing.B, n int) {
	for range b.N {
		p := holder{Brokers: benchBroker(b, "kfake").Brokers, Dir: b.TempDir()}.start(b)
		address := p.line()
		before := p.ask()
		conns := make([]*benchPanel, n)
		for i := range conns {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			conns[i] = &benchPanel{g: generator{Network: "tcp"}, n: i, conn: conn, in: bufio.NewReaderSize(conn, 64), numbers: dc09.MaxSequence}
		}
		for from := 0; from < n; from += 100 { // as panels that connect in the course of a minute
			if err := each(conns[from:min(from+100, n)], (*benchPanel).warm); err != nil {
				b.Fatal(err)
			}
		}
		after := p.ask()
		b.ReportMetric(float64(after.RSS)/1e6, "RSS-MB")
		b.ReportMetric(float64(before.RSS)/1e6, "RSS-MB-without")
		b.ReportMetric(float64(after.Heap)/1e6, "heap-MB")
		b.ReportMetric(float64(after.RSS-before.RSS)/float64(n), "B/connection")
	}
}

// accountNumber is the i-th account; on four lines.
func accountNumber(i int) (line uint32, account string) { return uint32(i % 4), fmt.Sprintf("%08X", i) }

// accounts reads the keyring and binds every account as a record of vigie.accounts does.
func (h holder) accounts() error {
	ring, err := keyring.Read(h.Keyring, make([]byte, keyring.MasterSize))
	if err != nil {
		return err
	}
	table := newAccounts(eventlog.Config{}, slog.New(slog.DiscardHandler))
	for i := range h.Accounts {
		line, account := accountNumber(i)
		value, err := proto.Marshal(&vigiev1.AccountBinding{Line: line, Account: account, Site: uint64(i + 1), Version: uint64(i)})
		if err != nil {
			return err
		}
		table.apply(&kgo.Record{Key: []byte(ids.AccountKey(line, account)), Value: value})
	}
	if table.count() != h.Accounts || ring.Len() != h.Accounts {
		return fmt.Errorf("%d accounts and %d keys, want %d", table.count(), ring.Len(), h.Accounts)
	}
	fmt.Println("held")
	err = answerAll()
	runtime.KeepAlive(ring)
	runtime.KeepAlive(table)
	return err
}

// writeKeyring makes a keyring of n AES-256 keys, in steps: what an import holds of
// each key is more than what a ring does.
func writeKeyring(b *testing.B, path string, n int) {
	b.Helper()
	const step = 1_000_000
	for from := 0; from < n; from += step {
		records := make([]keyring.Record, 0, step)
		for i := from; i < min(from+step, n); i++ {
			line, account := accountNumber(i)
			key := make([]byte, 32)
			key[0], key[1], key[2], key[3] = byte(i), byte(i>>8), byte(i>>16), byte(i>>24)
			records = append(records, keyring.Record{Name: keyring.Name{Line: line, Account: account}, Key: key})
		}
		err := keyring.Edit(b.Context(), path, make([]byte, keyring.MasterSize), func(e *keyring.Editor) error { return e.Import(records, false, time.Unix(1, 0)) })
		if err != nil {
			b.Fatal(err)
		}
	}
}

func benchAccounts(b *testing.B, n int) {
	path := filepath.Join(b.TempDir(), "panels.keyring")
	writeKeyring(b, path, n)
	for _, limit := range []string{"off", fmt.Sprintf("%dMiB", 64+n*110>>20)} {
		b.Run("GOMEMLIMIT="+limit, func(b *testing.B) {
			for range b.N {
				p := holder{Accounts: n, Keyring: path}.start(b, "GOMEMLIMIT="+limit)
				p.line()
				h := p.ask()
				b.ReportMetric(float64(h.RSS)/1e6, "RSS-MB")
				b.ReportMetric(float64(h.Peak)/1e6, "peak-RSS-MB")
				b.ReportMetric(float64(h.Heap)/1e6, "heap-MB")
				b.ReportMetric(float64(h.RSS)/float64(n), "B/account")
			}
		})
	}
}
