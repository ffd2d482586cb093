package receiver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/eventlog/broker"
	"github.com/open-vigie/vigie/services/internal/vault"
)

// The receiver on a loopback socket beside a bare loop on the same broker: the
// loop finds the end of a frame, produces its bytes with acks=all through a
// client with the same options, and answers. It checks nothing, seals nothing,
// remembers nothing.
//
// The axes: the broker (kfake, where the receiver's own cost shows; Apache Kafka
// with either durability), the transport and its connections, alarms or polls. One
// operation is one frame and its answer. The panels (bench_panels_test.go) are a
// process of their own: first each keeps as many frames unanswered as window says,
// which gives the most there is; then they send at a rate of 60 % of that, which
// gives the latencies, counted from when a frame was to be sent. Polls over UDP come
// at a rate only: a beat answers all at once, and a window would send them in volleys
// that no fleet sends. The processor time of a frame is that of this process, with
// kfake's where that is the broker. The panels take their part of the machine: the
// clock makes the bare loop look dearer than it is, the processor time does not.
//
// The whole table, as docs/performance/receiver.md has it, printed at the end:
//
//	go test -run '^$' -bench Wire -benchtime 100000x -timeout 20m ./services/receiver
func BenchmarkWire(b *testing.B) {
	var rows []string
	for _, where := range []string{"kfake", broker.Process, broker.Power} {
		b.Run("broker="+where, func(b *testing.B) {
			kafka := benchBroker(b, where)
			for _, load := range []generator{
				{Network: "tcp", Connections: 1, Window: 1024}, {Network: "tcp", Connections: 100, Window: 40},
				{Network: "tcp", Connections: 10_000, Window: 1}, {Network: "udp", Connections: 1000, Window: 1},
				{Network: "tcp", Connections: 100, Window: 1000, Poll: true}, {Network: "udp", Connections: 1000, Rate: 60_000, Poll: true},
			} {
				var bare, vigie result
				b.Run(load.String(), func(b *testing.B) {
					b.Run("of=bare", func(b *testing.B) { bare = load.measure(b, kafka, bareLoop) })
					b.Run("of=vigie", func(b *testing.B) { vigie = load.measure(b, kafka, benchReceiver) })
				})
				if r := row(where, load, bare, vigie); r != "" {
					rows = append(rows, r)
				}
			}
		})
	}
	fmt.Println("| broker | panels | frames/s | of the bare loop's | processor µs a frame, bare | frames/s at a rate: p50, p99, p99.9 ms | the bare loop's | not answered |\n|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Println(r)
	}
}

// result is what one of the two did.
type result struct {
	most, paced measured
	rate        int
	// processor time of a frame at the most.
	processor time.Duration
	lost      float64
}

func (r result) latencies() string {
	ms := func(d time.Duration) string { return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) }
	return fmt.Sprintf("%d: %s, %s, %s", r.rate, ms(r.paced.P50), ms(r.paced.P99), ms(r.paced.P999))
}

func row(where string, load generator, bare, vigie result) string {
	if bare.rate == 0 || vigie.rate == 0 {
		return "" // left out by -bench
	}
	return fmt.Sprintf("| %s | %s | %.0f | %.0f %% | %.1f, %.1f | %s | %s | %.2f %% |", where, load, vigie.most.perSecond(),
		100*vigie.most.perSecond()/bare.most.perSecond(), float64(vigie.processor.Nanoseconds())/1000, float64(bare.processor.Nanoseconds())/1000,
		vigie.latencies(), bare.latencies(), 100*vigie.lost)
}

const benchPartitions = 8

func benchBroker(b *testing.B, where string) eventlog.Config {
	b.Helper()
	if where == "kfake" {
		return fakeBroker(b)
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

func fakeBroker(tb testing.TB) eventlog.Config {
	tb.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(benchPartitions, "vigie.events", "vigie.accounts", "vigie.rejected"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(cluster.Close)
	return eventlog.Config{Brokers: cluster.ListenAddrs()}
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
	var failed sync.Once
	produce := func(frame []byte, answer func([]byte)) {
		r := &kgo.Record{Topic: "vigie.events", Partition: turn.Add(1) % benchPartitions, Value: bytes.Clone(frame)}
		client.TryProduce(context.Background(), r, func(r *kgo.Record, err error) {
			if err != nil {
				failed.Do(func() { b.Error(err) })
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

// pacedShare of the most is the rate at which latencies are measured.
const pacedShare = 0.6

// measure lets the panels send b.N frames as fast as they are answered and as many at
// a rate, and reports what they saw.
func (g generator) measure(b *testing.B, kafka eventlog.Config, of func(*testing.B, eventlog.Config) (tcp, udp net.Addr)) (r result) {
	b.Helper()
	if b.N == 1 {
		return r // package testing's trial: ten thousand connections for one frame
	}
	tcp, udp := of(b, kafka)
	g.Address, g.Frames = tcp.String(), b.N
	if g.Network == "udp" {
		g.Address = udp.String()
	}
	begin := func() { b.ResetTimer(); r.processor = -processorTime(b) }
	end := func() { b.StopTimer(); r.processor += processorTime(b) }
	if g.Window > 0 {
		r.most = g.send(b, begin, end)
		g.Rate = max(int(pacedShare*r.most.perSecond()), 1)
		begin, end = func() {}, func() {}
	}
	r.paced, r.rate = g.send(b, begin, end), g.Rate
	if g.Window == 0 {
		r.most = r.paced
	}
	r.processor /= time.Duration(b.N)
	r.lost = float64(b.N-r.paced.Answered) / float64(b.N)
	b.ReportMetric(r.most.perSecond(), "frames/s")
	b.ReportMetric(float64(r.processor.Nanoseconds())/1000, "cpu-µs/frame")
	b.ReportMetric(float64(r.most.Retried), "retries")
	b.ReportMetric(float64(r.rate), "paced/s")
	b.ReportMetric(100*r.lost, "lost-%")
	for name, d := range map[string]time.Duration{"p50-ms": r.paced.P50, "p99-ms": r.paced.P99, "p99.9-ms": r.paced.P999} {
		b.ReportMetric(float64(d.Microseconds())/1000, name)
	}
	return r
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

func benchConfig() Config {
	return Config{TCP: "127.0.0.1:0", UDP: "127.0.0.1:0", MaxConnections: 11_000}
}
