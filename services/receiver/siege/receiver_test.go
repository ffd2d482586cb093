package siege

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver"
)

// partitions of vigie.events.
const partitions = 4

// receiverConfig of the process that is besieged.
type receiverConfig struct {
	Brokers []string
	// Keys is the directory of the vault.
	Keys        string
	Connections int
}

// doors are where a receiver listens.
type doors struct{ TCP, UDP string }

// facts are what a receiver's process is made of now.
type facts struct {
	// RSS, Anonymous (its part that is no file's) and Heap (what the last collection
	// left) in bytes.
	RSS, Anonymous    int64
	Heap              int64
	Goroutines, Files int
	// Classes are what the runtime has of memory, by what it is used for, in bytes.
	Classes map[string]int64
	// Counts are the counters and gauges, by name and labels.
	Counts map[string]float64
}

// count sums the series of a metric whose labels hold all of these words.
func (f facts) count(name string, words ...string) float64 {
	sum := 0.0
series:
	for series, v := range f.Counts {
		if n, _, _ := strings.Cut(series, " "); n != name {
			continue
		}
		for _, w := range words {
			if !strings.Contains(series, w) {
				continue series
			}
		}
		sum += v
	}
	return sum
}

// playReceiver is a receiver and its appender, and nothing else of a centre.
func playReceiver(raw json.RawMessage) (*part, error) {
	var cfg receiverConfig
	if err := json.Unmarshal(raw, &cfg); err != nil {
		return nil, err
	}
	keys, err := vault.Open(cfg.Keys)
	if err != nil {
		return nil, err
	}
	reg := prometheus.NewRegistry()
	kafka := eventlog.Config{Brokers: cfg.Brokers}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	writer, err := appender.New(appender.Config{Writer: "local", Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "default", Partitions: partitions},
		appender.Deps{Log: log, Metrics: reg, Kafka: kafka})
	if err != nil {
		return nil, err
	}
	r, err := receiver.New(receiver.Config{TCP: "127.0.0.1:0", UDP: "127.0.0.1:0", MaxConnections: cfg.Connections,
		Limits: receiver.Limits{Exempt: []netip.Prefix{}}}, // the limits of any source, for this machine too
		receiver.Deps{Log: log, Metrics: reg, Kafka: kafka, Vault: keys, Appender: writer})
	if err != nil {
		return nil, err
	}
	var stops []func() error
	for _, s := range []service{writer, r} {
		stop, err := run(s)
		if err != nil {
			return nil, err
		}
		stops = append(stops, stop)
	}
	p := &part{hello: doors{r.TCP().String(), r.UDP().String()}, orders: map[string]func(json.RawMessage) (any, error){
		"facts": func(json.RawMessage) (any, error) { return factsNow(reg) },
		"heap":  writeHeap,
		"cpu":   writeCPU,
		// To the error output, when something is left that should be gone.
		"goroutines": func(json.RawMessage) (any, error) { return nil, pprof.Lookup("goroutine").WriteTo(os.Stderr, 1) },
	}}
	p.stop = func() error {
		err := errors.Join(stops[1](), stops[0](), keys.Close())
		// What still runs now was leaked.
		return errors.Join(err, goleak.Find())
	}
	return p, nil
}

type service interface {
	Run(context.Context) error
	Ready() <-chan struct{}
}

// run starts a service, waits until it is ready, and returns what ends it.
func run(s service) (stop func() error, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		cancel()
		return nil, errors.Join(err, fmt.Errorf("%T ended before it was ready", s))
	}
	return func() error {
		cancel()
		return <-ended
	}, nil
}

const (
	classPrefix = "/memory/classes/"
	liveHeap    = "/gc/heap/live"
)

// memory is what the runtime is asked: what the last collection left, and each class.
var memory = func() (of []metrics.Sample) {
	for _, d := range metrics.All() {
		if d.Name == liveHeap+":bytes" || strings.HasPrefix(d.Name, classPrefix) {
			of = append(of, metrics.Sample{Name: d.Name})
		}
	}
	return of
}()

func factsNow(reg *prometheus.Registry) (any, error) {
	f := facts{Goroutines: runtime.NumGoroutine(), Counts: map[string]float64{}, Classes: map[string]int64{}}
	held := slices.Clone(memory)
	metrics.Read(held)
	for _, m := range held {
		f.Classes[strings.TrimSuffix(strings.TrimPrefix(m.Name, classPrefix), ":bytes")] = int64(m.Value.Uint64())
	}
	f.Heap = f.Classes[liveHeap]
	var err, failed error
	if f.RSS, f.Anonymous, err = resident(os.Getpid()); err != nil {
		return nil, err
	}
	if f.Files, err = files(os.Getpid()); err != nil {
		return nil, err
	}
	families, failed := reg.Gather()
	for _, family := range families {
		for _, m := range family.GetMetric() {
			series := family.GetName()
			for _, l := range m.GetLabel() {
				series += " " + l.GetName() + "=" + l.GetValue()
			}
			f.Counts[series] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return f, failed
}

// writeHeap writes what is alive on the heap, for go tool pprof.
func writeHeap(raw json.RawMessage) (any, error) {
	return nil, toFile(raw, func(f *os.File) error {
		runtime.GC()
		return pprof.WriteHeapProfile(f)
	})
}

// writeCPU writes where ten seconds of processor time went.
func writeCPU(raw json.RawMessage) (any, error) {
	return nil, toFile(raw, func(f *os.File) error {
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		time.Sleep(10 * time.Second)
		pprof.StopCPUProfile()
		return nil
	})
}

func toFile(name json.RawMessage, write func(*os.File) error) error {
	var path string
	if err := json.Unmarshal(name, &path); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
