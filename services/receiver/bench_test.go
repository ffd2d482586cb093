package receiver

import (
	"bufio"
	"bytes"
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
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/eventlog/broker"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// The receiver on a loopback socket beside a bare loop on the same broker: the
// loop finds the end of a frame, produces its bytes with acks=all through a
// client with the same options, and answers. It checks nothing, seals nothing,
// remembers nothing.
//
// The axes: the broker (kfake, where the receiver's own cost shows; Apache Kafka
// with either durability), the transport and its connections, alarms or polls. One operation
// is one frame and its answer; the panels are a process of their own, with as
// many frames unanswered as window says. Polls over UDP come at a rate instead:
// all are answered with a beat, and a closed loop would send them in volleys that
// no fleet sends. What is lost then is not sent again, and counted.
//
//	go test -run '^$' -bench Wire ./services/receiver
func BenchmarkWire(b *testing.B) {
	for _, where := range []string{"kfake", broker.Process, broker.Power} {
		b.Run("broker="+where, func(b *testing.B) {
			kafka := benchBroker(b, where)
			for _, load := range []generator{
				{Network: "tcp", Connections: 1, Window: 1024}, {Network: "tcp", Connections: 100, Window: 40},
				{Network: "tcp", Connections: 10_000, Window: 1}, {Network: "udp", Connections: 1000, Window: 1},
				{Network: "tcp", Connections: 100, Window: 400, Poll: true}, {Network: "udp", Connections: 64, Poll: true, Rate: 60_000},
			} {
				b.Run(load.String(), func(b *testing.B) {
					b.Run("of=bare", func(b *testing.B) { load.measure(b, kafka, bareLoop) })
					b.Run("of=vigie", func(b *testing.B) { load.measure(b, kafka, benchReceiver) })
				})
			}
		})
	}
}

const benchPartitions = 8

func benchBroker(b *testing.B, where string) eventlog.Config {
	b.Helper()
	if where == "kfake" {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(benchPartitions, "vigie.events", "vigie.accounts", "vigie.rejected"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(cluster.Close)
		return eventlog.Config{Brokers: cluster.ListenAddrs()}
	}
	libs, err := broker.FindLibs("../../deploy/local/libs")
	if err != nil {
		b.Fatal(err)
	}
	java, err := broker.FindJava("")
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	k, err := broker.NewKafka(broker.KafkaConfig{Data: filepath.Join(dir, "kafka"), Libs: libs, Java: java, LogFile: filepath.Join(dir, "kafka.log"), Durability: where, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	serve(b, k)
	kafka := eventlog.Config{Brokers: []string{k.Addr()}}
	if _, err := eventlog.Provision(b.Context(), kafka, eventlog.Options{Partitions: benchPartitions, Local: true, Durability: where, Log: slog.New(slog.DiscardHandler)}); err != nil {
		b.Fatal(err)
	}
	return kafka
}

// serve runs a service until the benchmark ends.
func serve(b *testing.B, s service) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	select {
	case <-s.Ready():
	case err := <-ended:
		b.Fatal(err)
	}
}

func benchReceiver(b *testing.B, kafka eventlog.Config) (tcp, udp net.Addr) {
	b.Helper()
	keys, err := vault.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = keys.Close() })
	log := slog.New(slog.DiscardHandler)
	a, err := appender.New(appender.Config{Writer: "local", Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "default", Partitions: benchPartitions},
		appender.Deps{Log: log, Metrics: prometheus.NewRegistry(), Kafka: kafka})
	if err != nil {
		b.Fatal(err)
	}
	serve(b, a)
	r, err := New(benchConfig(), Deps{Log: log, Metrics: prometheus.NewRegistry(), Kafka: kafka, Vault: keys, Appender: a})
	if err != nil {
		b.Fatal(err)
	}
	serve(b, r)
	return r.TCP(), r.UDP()
}

// bareLoop is the baseline; it listens on both transports.
func bareLoop(b *testing.B, kafka eventlog.Config) (tcp, udp net.Addr) {
	b.Helper()
	client, err := kgo.NewClient(append(kafka.IngestOpts(slog.New(slog.DiscardHandler)), kgo.MaxBufferedRecords(1<<20), kgo.MaxBufferedBytes(1<<30))...)
	if err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	_ = socket.SetReadBuffer(socketBuffer)
	var turn atomic.Int32
	produce := func(frame []byte, answer func([]byte)) {
		r := &kgo.Record{Topic: "vigie.events", Partition: turn.Add(1) % benchPartitions, Value: bytes.Clone(frame)}
		client.TryProduce(context.Background(), r, func(r *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
			answer(bareAnswer(r.Value))
		})
	}
	var ends sync.WaitGroup
	ends.Go(func() { bareDatagrams(socket, produce) })
	ends.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			ends.Go(func() { bareConnection(conn, produce) })
		}
	})
	b.Cleanup(func() {
		_, _ = ln.Close(), socket.Close()
		client.Close()
		ends.Wait()
	})
	return ln.Addr(), socket.LocalAddr()
}

// bareAnswer echoes the sequence number; its frame is otherwise a constant.
func bareAnswer(frame []byte) []byte {
	i := bytes.IndexByte(frame[10:], '"') + 11
	return append(append([]byte("\n00000012\"ACK\""), frame[i:i+4]...), "L0#1234[]\r"...)
}

func bareConnection(conn net.Conn, produce func([]byte, func([]byte))) {
	out := make(chan []byte, 4096)
	var flying, writer sync.WaitGroup
	writer.Go(func() {
		w := bufio.NewWriterSize(conn, 32<<10)
		for answer := range out {
			_, _ = w.Write(answer)
			if len(out) == 0 {
				_ = w.Flush()
			}
		}
	})
	in := bufio.NewReaderSize(conn, readSize)
	for {
		frame, err := in.ReadSlice('\r')
		if err != nil {
			break
		}
		flying.Add(1)
		produce(frame, func(answer []byte) { out <- answer; flying.Done() })
	}
	flying.Wait()
	close(out)
	writer.Wait()
	_ = conn.Close()
}

func bareDatagrams(socket *net.UDPConn, produce func([]byte, func([]byte))) {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		produce(buf[:n], func(answer []byte) { _, _ = socket.WriteToUDPAddrPort(answer, from) })
	}
}

// generator is what the panels' process is told. Each connection is a panel of
// its own; it keeps window frames unanswered, or all together send rate a second.
type generator struct {
	Network     string
	Connections int
	Window      int
	Poll        bool
	Rate        int
	Address     string
	Frames      int
}

// measured is what that process says.
type measured struct {
	Seconds           float64
	P50, P99, P999    time.Duration
	Answered, Retried int
}

func (g generator) String() string {
	kind := "alarm"
	if g.Poll {
		kind = "poll"
	}
	if g.Rate > 0 {
		return fmt.Sprintf("%s,connections=%d,rate=%d,%s", g.Network, g.Connections, g.Rate, kind)
	}
	return fmt.Sprintf("%s,connections=%d,window=%d,%s", g.Network, g.Connections, g.Window, kind)
}

const generatorEnv = "VIGIE_BENCH_PANELS"

// measure lets the panels send b.N frames and reports what they saw.
func (g generator) measure(b *testing.B, kafka eventlog.Config, of func(*testing.B, eventlog.Config) (tcp, udp net.Addr)) {
	b.Helper()
	tcp, udp := of(b, kafka)
	g.Address, g.Frames = tcp.String(), b.N
	if g.Network == "udp" {
		g.Address = udp.String()
	}
	told, err := json.Marshal(g)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), generatorEnv+"="+string(told))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	said := bufio.NewReader(out)
	if _, err := said.ReadString('\n'); err != nil {
		b.Fatalf("the panels could not connect: %v", errors.Join(err, cmd.Wait()))
	}
	b.ResetTimer()
	spent := processorTime(b)
	_, _ = io.WriteString(in, "go\n")
	var m measured
	err = json.NewDecoder(said).Decode(&m)
	b.StopTimer()
	spent = processorTime(b) - spent
	if err := errors.Join(err, cmd.Wait()); err != nil || m.Answered != b.N && g.Rate == 0 {
		b.Fatalf("%d of %d frames were answered: %v", m.Answered, b.N, err)
	}
	b.ReportMetric(float64(m.Answered)/m.Seconds, "frames/s")
	b.ReportMetric(100*float64(b.N-m.Answered)/float64(b.N), "lost-%")
	b.ReportMetric(float64(m.P50.Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(m.P99.Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(m.P999.Microseconds())/1000, "p99.9-ms")
	b.ReportMetric(float64(m.Retried), "retries")
	b.ReportMetric(float64(spent.Nanoseconds())/1000/float64(b.N), "cpu-µs/frame")
}

// processorTime is what this process has used: neither the panels' nor Kafka's, but
// kfake's. On a machine that others use as well it says more than the clock.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The panels' process is this test binary, told by its environment.
func init() {
	told := os.Getenv(generatorEnv)
	if told == "" {
		return
	}
	var g generator
	err := json.Unmarshal([]byte(told), &g)
	if err == nil {
		err = g.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "panels:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (g generator) run() error {
	panels := make([]*benchPanel, g.Connections)
	for i := range panels {
		conn, err := net.Dial(g.Network, g.Address)
		if err != nil {
			return err
		}
		share := g.Frames / g.Connections
		if i < g.Frames%g.Connections {
			share++
		}
		panels[i] = &benchPanel{g: g, n: i, conn: conn, share: share, seen: hdrhistogram.New(1, 600_000_000, 3)}
	}
	fmt.Println("ready")
	if _, err := fmt.Scanln(new(string)); err != nil {
		return err
	}
	begin := time.Now()
	var all sync.WaitGroup
	errs := make([]error, len(panels))
	for i, p := range panels {
		if g.Rate > 0 {
			all.Go(func() { errs[i] = p.listen() })
			continue
		}
		all.Go(func() { errs[i] = p.send() })
	}
	if g.Rate > 0 {
		errs = append(errs, g.pace(panels, begin))
	}
	all.Wait()
	m := measured{Seconds: time.Since(begin).Seconds()}
	total := hdrhistogram.New(1, 600_000_000, 3)
	for _, p := range panels {
		total.Merge(p.seen)
		m.Answered += p.answered
		m.Retried += p.retried
	}
	m.P50 = time.Duration(total.ValueAtQuantile(50)) * time.Microsecond
	m.P99 = time.Duration(total.ValueAtQuantile(99)) * time.Microsecond
	m.P999 = time.Duration(total.ValueAtQuantile(99.9)) * time.Microsecond
	return errors.Join(append(errs, json.NewEncoder(os.Stdout).Encode(m))...)
}

// benchPanel is one connection of the panels' process.
type benchPanel struct {
	g                 generator
	n, share          int
	conn              net.Conn
	seen              *hdrhistogram.Histogram
	answered, retried int
	buf               []byte
	// sent is when the frame of a sequence number left, Unix ns.
	sent [sequences + 1]atomic.Int64
}

// pace sends every frame at its time, on the connections in turn.
func (g generator) pace(panels []*benchPanel, begin time.Time) error {
	for i := range g.Frames {
		if ahead := time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(g.Rate))); ahead > time.Millisecond {
			time.Sleep(ahead)
		}
		p := panels[i%len(panels)]
		n := i / len(panels)
		p.sent[1+n%sequences].Store(time.Now().UnixNano())
		if err := p.frame(n); err != nil {
			return err
		}
	}
	return nil
}

// listen counts answers until all have come, or none comes any more.
func (p *benchPanel) listen() error {
	answers := bufio.NewReaderSize(p.conn, 64<<10)
	for p.answered < p.share {
		if err := p.conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
			return err
		}
		seq, err := p.answer(answers)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		p.answered++
		_ = p.seen.RecordValue(max((time.Now().UnixNano()-p.sent[seq].Load())/1000, 1))
	}
	return p.conn.Close()
}

// sequences is how many numbers a panel has: 0001 to 9999.
const sequences = 9999

// send keeps the window full until its share is answered. Over UDP what is lost
// goes again, as a panel does.
func (p *benchPanel) send() error {
	frames := make([]int, sequences+1)
	next, low := 0, 0
	answers := bufio.NewReaderSize(p.conn, 64<<10)
	for p.answered < p.share {
		p.buf = p.buf[:0]
		for ; next < p.share && next-p.answered < p.g.Window && next-low < sequences; next++ {
			seq := 1 + next%sequences
			p.sent[seq].Store(time.Now().UnixNano())
			frames[seq] = next + 1
			if err := p.frame(next); err != nil {
				return err
			}
		}
		if len(p.buf) > 0 {
			if _, err := p.conn.Write(p.buf); err != nil {
				return err
			}
		}
		if err := p.conn.SetReadDeadline(time.Now().Add(3 * time.Second)); err != nil {
			return err
		}
		seq, err := p.answer(answers)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() && p.g.Network == "udp" {
			if err := p.again(low, next, frames); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("panel %d after %d of %d answers: %w", p.n, p.answered, p.share, err)
		}
		if frames[seq] == 0 {
			continue // answered twice, as it was sent twice
		}
		frames[seq] = 0
		_ = p.seen.RecordValue(max((time.Now().UnixNano()-p.sent[seq].Load())/1000, 1))
		p.answered++
		for low < next && frames[1+low%sequences] == 0 {
			low++
		}
	}
	return p.conn.Close()
}

// again sends what has no answer.
func (p *benchPanel) again(low, next int, frames []int) error {
	for i := low; i < next; i++ {
		if frames[1+i%sequences] != i+1 {
			continue
		}
		p.retried++
		p.buf = p.buf[:0]
		if err := p.frame(i); err != nil {
			return err
		}
	}
	return nil
}

// frame appends frame i, or over UDP sends it at once.
func (p *benchPanel) frame(i int) error {
	account := strconv.Itoa(100_000 + p.n)
	f := dc09.Frame{Token: dc09.TokenSIA, Sequence: uint32(1 + i%sequences), Line: 0, Account: account}
	f.Data = fmt.Appendf(nil, "#%s|Nri1/BA%d", account, i)
	if p.g.Poll {
		f.Token, f.Data = dc09.TokenNull, nil
	}
	var err error
	if p.g.Network == "tcp" {
		p.buf, err = dc09.Append(p.buf, f)
		return err
	}
	if p.buf, err = dc09.Append(p.buf[:0], f); err == nil {
		_, err = p.conn.Write(p.buf)
	}
	p.buf = p.buf[:0]
	return err
}

// answer reads one answer and gives its sequence number.
func (p *benchPanel) answer(in *bufio.Reader) (int, error) {
	line, err := in.ReadSlice('\r')
	if err != nil {
		return 0, err
	}
	i := bytes.IndexByte(line, '"') + 1
	j := i + bytes.IndexByte(line[i:], '"')
	if string(line[i:j]) != dc09.TokenAck {
		return 0, fmt.Errorf("the answer is %q", line)
	}
	return strconv.Atoi(string(line[j+1 : j+5]))
}

func benchConfig() Config {
	return Config{TCP: "127.0.0.1:0", UDP: "127.0.0.1:0", MaxConnections: 11_000}
}
