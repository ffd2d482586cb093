package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver"
)

const partitions = 2

// bench is a broker, a writer that plays the processor, and a console on them.
type bench struct {
	t     testing.TB
	kafka eventlog.Config
	out   *kgo.Client
}

func newBench(t testing.TB) *bench {
	t.Helper()
	var names []string
	for _, topic := range topics.Table() {
		names = append(names, topics.DefaultPrefix+topic.Name)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, names...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	b := &bench{t: t, kafka: eventlog.Config{Brokers: cluster.ListenAddrs()}}
	b.out, err = kgo.NewClient(kgo.SeedBrokers(b.kafka.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.out.Close)
	return b
}

// put appends a record as the processor would; nil is a tombstone.
func (b *bench) put(topic string, partition int32, key string, m proto.Message) *kgo.Record {
	b.t.Helper()
	r := &kgo.Record{Topic: b.kafka.Topic(topic), Partition: partition, Key: []byte(key)}
	if m != nil {
		var err error
		if r.Value, err = (proto.MarshalOptions{Deterministic: true}).Marshal(m); err != nil {
			b.t.Fatal(err)
		}
	}
	if _, ok := m.(*vigiev1.LogRecord); ok && m.(*vigiev1.LogRecord).GetPolicy() != nil {
		r.Headers = []kgo.RecordHeader{{Key: topics.HeaderKind, Value: []byte(kindPolicy)}}
	}
	res, err := b.out.ProduceSync(context.Background(), r).First()
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}

func (b *bench) state(st *vigiev1.SiteState) {
	b.put(topics.SiteStates, topics.PartitionOf(st.Site, partitions), strconv.FormatUint(st.Site, 10), st)
}

func (b *bench) detection(d *vigiev1.Detection) {
	b.put(topics.Detections, topics.PartitionOf(d.Site, partitions), strconv.FormatUint(d.Site, 10), d)
}

func (b *bench) incident(i *vigiev1.Incident) {
	b.put(topics.Incidents, topics.PartitionOf(i.Site, partitions), i.Id, i)
}

// explainTest stands for package alarm's sentences.
func explainTest(d *vigiev1.Detection, lang string) string {
	return fmt.Sprintf("%s: %s on %d", lang, httpserver.EnumName(d.Kind), d.Site)
}

// start runs a console until the test ends, and waits until it is ready.
func (b *bench) start(cfg Config) *Console {
	b.t.Helper()
	c := b.newConsole(cfg)
	b.run(c)
	return c
}

func (b *bench) newConsole(cfg Config) *Console {
	b.t.Helper()
	c, err := New(cfg, Deps{
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Kafka: b.kafka,
		Now: time.Now, Explain: explainTest,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// run starts a service and has the test wait for its end.
func (b *bench) run(c interface {
	Run(context.Context) error
	Ready() <-chan struct{}
}) (stop func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("Run: %v", err)
		}
	}
	b.t.Cleanup(stop)
	select {
	case <-c.Ready():
	case err := <-ended:
		b.t.Fatalf("Run ended before it was ready: %v", err)
	case <-time.After(30 * time.Second):
		b.t.Fatal("not ready within 30 s")
	}
	return stop
}

// open lets every request through as one user.
type open struct{}

func (open) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(auth.With(r.Context(), auth.User{Name: "operator", Role: auth.RoleOperator})))
	})
}

// serve mounts the console on a server of its own.
func serve(t testing.TB, c *Console, gate httpserver.Gate) *httptest.Server {
	t.Helper()
	s, err := httpserver.New(httpserver.Config{Addr: "127.0.0.1:0", Version: "test"}, httpserver.Deps{
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Gate: gate,
	})
	if err != nil {
		t.Fatal(err)
	}
	Register(s.API(), c)
	s.Mux().Handle("/", c.Page())
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return server
}
