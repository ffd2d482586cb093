// Package desk takes in what people do: acts on incidents, and the life of
// sites. Each act becomes an event of vigie.events under an id that the act
// itself decides, and is answered with the outcome that the fold decided.
package desk

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// Appender is the one writer of vigie.events in this process (package
// eventlog/appender): build makes the record inside the critical section of the
// site's partition, done is called once, after acks=all or with the failure.
type Appender interface {
	Append(site uint64, build func(id ids.ID, receivedAtMS int64) *vigiev1.LogRecord, done func(error)) error
}

// Sealer seals free text under a key of its site (package internal/vault).
type Sealer interface {
	Seal(keyID string, plaintext, aad []byte) (*vigiev1.Sealed, error)
}

// Config of the desk.
type Config struct {
	// Place names where people work, as it stands in events; "local" when empty.
	Place string
}

// Deps is what the desk is given.
type Deps struct {
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	Kafka    eventlog.Config
	Appender Appender
	Vault    Sealer
	// Now is the time source of expiries in memory; events take theirs from the appender.
	Now func() time.Time
}

// Desk turns requests into events and outcomes into answers.
type Desk struct {
	cfg     Config
	deps    Deps
	acts    *acts
	bulks   *bulks
	members *members
	metrics *metrics
	ready   chan struct{}
}

// New returns a desk that answers nothing until Run.
func New(cfg Config, deps Deps) (*Desk, error) {
	if cfg.Place == "" {
		cfg.Place = "local"
	}
	if err := deps.Kafka.Check(); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	return &Desk{cfg: cfg, deps: deps, acts: newActs(deps.Now), bulks: newBulks(), members: newMembers(), metrics: m, ready: make(chan struct{})}, nil
}

// Run follows vigie.outcomes, and in vigie.directory who is in which group, until
// ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.followOutcomes(ctx) })
	g.Go(func() error { return d.members.follow(ctx, d) })
	return g.Wait()
}

// Ready is closed once outcomes are followed.
func (d *Desk) Ready() <-chan struct{} { return d.ready }

// Register adds the desk's operations to the API.
func Register(api huma.API, d *Desk) {
	d.registerActs(api)
	d.registerSites(api)
	d.registerSiteActs(api)
	d.registerCentre(api)
	d.registerPolicy(api)
}
