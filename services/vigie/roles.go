package main

import (
	"context"
	"fmt"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/archiver"
	"github.com/open-vigie/vigie/services/chain"
	"github.com/open-vigie/vigie/services/console"
	"github.com/open-vigie/vigie/services/desk"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/fleetfold"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver"
	"github.com/open-vigie/vigie/services/internal/lifecycle"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/panel"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/receiver/httpin"
	"github.com/open-vigie/vigie/services/sitefold"
	"github.com/open-vigie/vigie/services/warehouse"
)

// The roles, each started into a group: `vigie up` starts them all in one
// process, the commands of the same names one each.

// startProcessor starts one member of the group that folds the log, and one of the
// group of which one member folds the fleet.
func (s *settings) startProcessor(ctx context.Context, g *lifecycle.Group, partitions int32) error {
	deps, err := s.processorDeps()
	if err != nil {
		return err
	}
	if deps.Signer, err = chain.Signer(s.path("keys")); err != nil {
		return fmt.Errorf("%w; the processor needs a data directory that outlives it (--data)", err)
	}
	p, err := processor.New(s.processorConfig(), deps)
	if err != nil {
		return err
	}
	s.health.Add("processor", p.Health)
	if err := g.Start(ctx, lifecycle.Named{Name: "processor", Service: p}); err != nil {
		return err
	}
	return s.startFleet(ctx, g, partitions)
}

// startFleet starts a member of the group that folds the fleet. Who owns nothing of
// it stands by.
func (s *settings) startFleet(ctx context.Context, g *lifecycle.Group, partitions int32) error {
	cfg := s.processorConfig()
	cfg.Source, cfg.NewFold = processor.OfFleet, fleetfold.New(partitions)
	f, err := processor.New(cfg, processor.Deps{Log: s.log, Metrics: s.metrics, Kafka: s.kafkaOf("fleet")})
	if err != nil {
		return fmt.Errorf("the fold of the fleet: %w", err)
	}
	s.health.Add("fleet", standby{f}.Health)
	return g.Start(ctx, lifecycle.Named{Name: "fleet", Service: standby{f}})
}

// standby is a service that nobody waits for: the fleet has one owner, and the other
// members come to nothing before it is gone.
type standby struct{ *processor.Processor }

func (standby) Ready() <-chan struct{} { return closing{}.Ready() }

// Health is that of the owner; who stands by is in health.
func (s standby) Health(ctx context.Context) error {
	select {
	case <-s.Processor.Ready():
		return s.Processor.Health(ctx)
	default:
		return nil
	}
}

func (s *settings) processorConfig() processor.Config {
	c := s.cfg.Processor
	return processor.Config{
		Instance: c.Instance, NewFold: sitefold.New(s.log),
		Snapshots:       processor.Snapshots{Every: time.Duration(c.SnapshotSeconds) * time.Second, Records: c.SnapshotRecords},
		CheckpointEvery: time.Duration(c.CheckpointSeconds) * time.Second,
		ForGood:         s.forGood.Load,
	}
}

func (s *settings) processorDeps() (processor.Deps, error) {
	store, err := s.storeOutside()
	return processor.Deps{Log: s.log, Metrics: s.metrics, Kafka: s.kafkaOf("processor"), Store: store}, err
}

// startArchiver brings the tables to date and starts filling them.
func (s *settings) startArchiver(ctx context.Context, g *lifecycle.Group, where warehouse.Config) error {
	db, err := warehouse.Open(ctx, where)
	if err != nil {
		return err
	}
	a, err := archiver.New(archiver.Config{Instance: s.cfg.Archiver.Instance},
		archiver.Deps{Log: s.log, Metrics: s.metrics, Kafka: s.kafkaOf("archiver"), DB: db})
	if err != nil {
		return err
	}
	s.health.Add("archiver", a.Health)
	return g.Start(ctx, lifecycle.Named{Name: "archiver", Service: a})
}

// front is desk and console on one origin.
type front struct {
	server *httpserver.Server
	gate   *auth.Auth
}

// startFront starts desk, console, and the server that both stand on, with the door
// of gateways where the receiver is in the same process. The console's dashboards
// ask the warehouse that is named; without a URL they say so.
func (s *settings) startFront(ctx context.Context, g *lifecycle.Group, keys *vault.Vault, partitions int32, asked warehouse.Config, gateways *httpin.Door) (*front, error) {
	gate, err := auth.Open(auth.Config{Dir: s.path("secrets")}, auth.Deps{Log: s.log, Now: time.Now})
	if err != nil {
		return nil, err
	}
	if token := s.cfg.HTTP.Token; token != "" {
		if err := gate.AcceptToken("machine", token); err != nil {
			return nil, usageError{fmt.Errorf("http.token: %w", err)}
		}
	}
	server, err := httpserver.New(httpserver.Config{Addr: s.cfg.HTTP.Listen, Version: version},
		httpserver.Deps{Log: s.log, Metrics: s.metrics, Gate: gate})
	if err != nil {
		return nil, err
	}
	writer, err := appender.New(appender.Config{
		Writer: s.cfg.Desk.Name, Kind: vigiev1.WriterKind_WRITER_KIND_DESK, Partitions: partitions, Program: version,
	}, appender.Deps{Log: s.log, Metrics: s.metrics, Kafka: s.kafkaOf("desk")})
	if err != nil {
		return nil, err
	}
	people, err := desk.New(desk.Config{Place: s.cfg.Desk.Place},
		desk.Deps{Log: s.log, Metrics: s.metrics, Kafka: s.kafkaOf("desk"), Appender: writer, Vault: keys, Now: time.Now})
	if err != nil {
		return nil, err
	}
	history, err := openAsked(ctx, g, asked)
	if err != nil {
		return nil, err
	}
	view, err := console.New(console.Config{},
		console.Deps{Log: s.log, Metrics: s.metrics, Kafka: s.kafkaOf("console"), Warehouse: history, Now: time.Now, Explain: alarm.Explain, Vault: keys, Frames: panel.Interpreter{}})
	if err != nil {
		return nil, err
	}
	gate.Mount(server.Mux())
	auth.RegisterPeople(server.API(), gate, s.cfg.HTTP.URL)
	desk.Register(server.API(), people)
	console.Register(server.API(), view)
	if gateways != nil {
		httpin.Register(server.API(), gateways)
	}
	server.Mux().Handle("/", view.Page())
	for _, part := range []lifecycle.Named{{Name: "desk's writer", Service: writer}, {Name: "desk", Service: people}, {Name: "console", Service: view}, {Name: "http", Service: server}} {
		if err := g.Start(ctx, part); err != nil {
			return nil, err
		}
	}
	return &front{server, gate}, nil
}

// openAsked opens the warehouse that the console asks; nil when none is named.
func openAsked(ctx context.Context, g *lifecycle.Group, asked warehouse.Config) (*warehouse.DB, error) {
	if asked.URL == "" {
		return nil, nil
	}
	db, err := warehouse.Open(ctx, asked)
	if err != nil {
		return nil, err
	}
	return db, g.Start(ctx, lifecycle.Named{Name: "console's warehouse", Service: closing{db.Close}})
}

// openVault opens the keys of this machine: as the only one, or sharing them with
// the other roles that run beside it.
func (s *settings) openVault(open func(string) (*vault.Vault, error)) (*vault.Vault, error) {
	keys, err := open(s.path("keys"))
	if err != nil {
		return nil, fmt.Errorf("open the keys: %w", err)
	}
	return keys, nil
}
