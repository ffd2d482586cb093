package telemetry

import (
	"regexp"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kprom"
)

// Kafka counts what the Kafka clients of this process do, as vigie_kafka_…,
// labelled with the role that a client works for and what it is used for.
// Clients come and go (a restore makes one a partition): those of one role and
// use share their series, so that a counter never goes back.
type Kafka struct {
	reg prometheus.Registerer

	mu    sync.Mutex
	hooks map[[2]string]*clientHooks
}

// NewKafka returns the metrics of no client yet.
func NewKafka(reg prometheus.Registerer) *Kafka {
	return &Kafka{reg: reg, hooks: map[[2]string]*clientHooks{}}
}

// Role gives the hooks of a role's clients, for eventlog.Config.Hooks.
func (k *Kafka) Role(role string) func(use string) []kgo.Hook {
	return func(use string) []kgo.Hook {
		k.mu.Lock()
		defer k.mu.Unlock()
		h := k.hooks[[2]string{role, use}]
		if h == nil {
			h = newClientHooks(k.reg, role, use)
			k.hooks[[2]string{role, use}] = h
		}
		return []kgo.Hook{h}
	}
}

// clientHooks are kprom's counters, shared by all clients of one role and use.
type clientHooks struct {
	*kprom.Metrics
	once sync.Once

	mu      sync.Mutex
	clients map[*kgo.Client]bool
}

func newClientHooks(reg prometheus.Registerer, role, use string) *clientHooks {
	labels := prometheus.Labels{"role": role, "use": use}
	h := &clientHooks{clients: map[*kgo.Client]bool{}}
	h.Metrics = kprom.NewMetrics("vigie_kafka",
		kprom.Registerer(chosen{reg}),
		kprom.WithStaticLabel(labels),
		// A broker's number is enough; bytes and records by topic show where the load is.
		kprom.FetchAndProduceDetail(kprom.ByTopic, kprom.Records, kprom.CompressedBytes),
		kprom.Histograms(kprom.RequestDurationE2E),
		kprom.NativeBucketFactor(1),
	)
	for name, buffer := range map[string]struct {
		help string
		of   func(*kgo.Client) int64
	}{
		"buffered_produce_records": {"Records that wait in the clients to be sent.", (*kgo.Client).BufferedProduceRecords},
		"buffered_produce_bytes":   {"Bytes that wait in the clients to be sent.", (*kgo.Client).BufferedProduceBytes},
		"buffered_fetch_records":   {"Records that were fetched and wait to be taken.", (*kgo.Client).BufferedFetchRecords},
		"buffered_fetch_bytes":     {"Bytes that were fetched and wait to be taken.", (*kgo.Client).BufferedFetchBytes},
	} {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "vigie_kafka", Name: name, Help: buffer.help, ConstLabels: labels,
		}, func() float64 { return h.sum(buffer.of) }))
	}
	return h
}

// OnNewClient makes the counters at the first client only: kprom would make them
// anew, from nought, for each.
func (h *clientHooks) OnNewClient(cl *kgo.Client) {
	h.once.Do(func() { h.Metrics.OnNewClient(cl) })
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients[cl] = true
}

// OnClientClosed keeps the counters: the next client goes on with them.
func (h *clientHooks) OnClientClosed(cl *kgo.Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, cl)
}

func (h *clientHooks) sum(of func(*kgo.Client) int64) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	total := int64(0)
	for cl := range h.clients {
		total += of(cl)
	}
	return float64(total)
}

// chosen registers those metrics of kprom that are filled. Its gauges of buffers
// stay out: they show one client only, and two of them are called _total, which
// is a counter's name.
type chosen struct{ prometheus.Registerer }

var unfilled = regexp.MustCompile(`fqName: "vigie_kafka_(buffered_.*|(read|write)_(time|wait)_seconds|request_throttled_seconds|(fetch|produce)_(batches|bytes)_total)"`)

func (r chosen) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

func (r chosen) Register(c prometheus.Collector) error {
	described := make(chan *prometheus.Desc, 1) // kprom's collectors have one each
	c.Describe(described)
	if unfilled.MatchString((<-described).String()) {
		return nil
	}
	return r.Registerer.Register(c)
}
