// Package console shows what Vigie knows: a read model built from topics alone,
// its API, the live stream, and the web page. It never asks a processor; thrown
// away and started again, it reads the same answers out of the log.
package console

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/console/transmissions"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/warehouse"
)

// Config of the console.
type Config struct {
	// SampleEvery is the pace of the pipeline's figures; 1 s when 0.
	SampleEvery time.Duration
	// KeepAlive is the longest silence of a live stream; 5 s when 0.
	KeepAlive time.Duration
	// QueryPatience bounds a named query, its turn included; 15 s when 0.
	QueryPatience time.Duration
}

// Deps is what the console is given.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Kafka   eventlog.Config
	// Warehouse answers the named queries; nil where there is none, and the
	// dashboards say so. A user that may only read is enough.
	Warehouse *warehouse.DB
	// Now is the wall clock that ages are shown against.
	Now func() time.Time
	// Vault and Frames open and explain what panels sent.
	Vault  transmissions.Vault
	Frames transmissions.Frames
	// Explain says a detection in one sentence, in "fr" or "en".
	Explain func(d *vigiev1.Detection, lang string) string
}

// Console is the read side.
type Console struct {
	cfg      Config
	deps     Deps
	model    *model
	ring     *ring
	flow     *flow
	metrics  *metrics
	page     *page
	accounts *accounts
	sender   *transmissions.Reader
	lookings chan struct{}
	// latest figures of the pipeline.
	latest  atomic.Pointer[Pipeline]
	streams atomic.Int64
	// turns are taken by queries under way; waiting counts those and the ones that wait.
	turns   chan struct{}
	waiting atomic.Int64
	// sources are the letters of topics by their full names.
	sources map[string]byte
	// newsFrom is where outcomes begin that are news, by partition.
	newsFrom map[source]int64
	ready    chan struct{}
	once     sync.Once
}

// New returns a console that knows nothing until Run.
func New(cfg Config, deps Deps) (*Console, error) {
	if cfg.SampleEvery == 0 {
		cfg.SampleEvery = time.Second
	}
	if cfg.KeepAlive == 0 {
		cfg.KeepAlive = 5 * time.Second
	}
	if cfg.QueryPatience == 0 {
		cfg.QueryPatience = queryPatience
	}
	if err := deps.Kafka.Check(); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	p, err := newPage()
	if err != nil {
		return nil, err
	}
	c := &Console{
		cfg: cfg, deps: deps, ring: newRing(ringSize), flow: newFlow(), page: p, turns: make(chan struct{}, maxQueries), ready: make(chan struct{}),
		accounts: newAccounts(), lookings: make(chan struct{}, maxLookings),
		sender: transmissions.New(transmissions.Deps{Log: deps.Log, Kafka: deps.Kafka, Vault: deps.Vault, Frames: deps.Frames, Now: deps.Now}),
	}
	c.sources = map[string]byte{}
	for name, letter := range letters {
		c.sources[deps.Kafka.Topic(name)] = letter
	}
	c.latest.Store(&Pipeline{Partitions: []Partition{}})
	c.model = newModel(c.ring, deps.Explain)
	if c.metrics, err = newMetrics(deps.Metrics, c); err != nil {
		return nil, err
	}
	return c, nil
}

// Run reads topics until ctx ends.
func (c *Console) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.followOutputs(ctx) })
	g.Go(func() error { return c.followEvents(ctx) })
	g.Go(func() error { return c.findPolicy(ctx) })
	g.Go(func() error { return c.sample(ctx) })
	g.Go(func() error { return c.accounts.follow(ctx, c) })
	return g.Wait()
}

// Ready is closed once the read model has reached the ends of its topics as
// they stood at the start.
func (c *Console) Ready() <-chan struct{} { return c.ready }

// Register adds the console's operations to the API.
func Register(api huma.API, c *Console) {
	c.registerSites(api)
	c.registerWork(api)
	c.registerPipeline(api)
	c.registerStream(api)
	c.registerDashboards(api)
	c.registerQueries(api)
	c.registerTransmissions(api)
	c.registerConsignes(api)
	c.registerCalls(api)
}
