package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/internal/lifecycle"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/warehouse"
)

// startRole starts the parts of a role on a log of so many partitions.
type startRole func(ctx context.Context, s *settings, g *lifecycle.Group, partitions int32) error

// role makes the command of one role that runs as a process of its own.
func role(use, short string, start startRole) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		Long: short + ".\nRuns until it is told to stop; `vigie provision` must have prepared the cluster.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			if err := s.kafka.Check(); err != nil {
				return usageError{fmt.Errorf("%w, with --brokers, VIGIE_KAFKA_BROKERS or in vigie.yaml", err)}
			}
			return runRole(cmd.Context(), s, start)
		},
	}
	clusterFlags(cmd)
	cmd.Flags().Int("metrics-port", 9600, "port of /metrics on 127.0.0.1 (0: any free one)")
	return cmd
}

func runRole(ctx context.Context, s *settings, start startRole) error {
	g := lifecycle.NewGroup(s.log)
	err := s.bringUp(ctx, g, start)
	if err == nil {
		select {
		case <-ctx.Done():
			s.forGood.Store(errors.Is(context.Cause(ctx), errForGood))
		case err = <-g.Failed():
		}
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, g.Stop(stopPatience))
}

// bringUp starts what tells of the role, waits for the log, and starts the role.
func (s *settings) bringUp(ctx context.Context, g *lifecycle.Group, start startRole) error {
	metrics, err := s.startTelemetry(ctx, g)
	if err != nil {
		return err
	}
	s.log.Info("starting", "version", version, "metrics", metrics)
	partitions, err := eventlog.Partitions(ctx, s.kafka, s.log)
	if err != nil {
		return err
	}
	if err := s.watchKafka(ctx, g); err != nil {
		return err
	}
	if err := start(ctx, s, g, partitions); err != nil {
		return err
	}
	s.health.Started()
	s.log.Info("ready", "metrics", metrics)
	return nil
}

// watchKafka makes the role's readiness hang on an answer of Kafka.
func (s *settings) watchKafka(ctx context.Context, g *lifecycle.Group) error {
	cl, err := kgo.NewClient(s.kafkaOf("health").ReaderOpts(slog.New(slog.DiscardHandler))...)
	if err != nil {
		return fmt.Errorf("watch Kafka: %w", err)
	}
	s.health.Add("kafka", func(ctx context.Context) error {
		if err := cl.Ping(ctx); err != nil {
			return fmt.Errorf("no broker of %v answers: %w", s.kafka.Brokers, err)
		}
		return nil
	})
	return g.Start(ctx, lifecycle.Named{Name: "watch of Kafka", Service: closing{func() error { cl.Close(); return nil }}})
}

func receiverCommand() *cobra.Command {
	cmd := role("receiver", "Take panels in: DC-09 over TCP and UDP, gateways over HTTP", func(ctx context.Context, s *settings, g *lifecycle.Group, partitions int32) error {
		keys, err := s.shareKeys(ctx, g)
		if err != nil {
			return err
		}
		return s.startReceiver(ctx, g, keys, partitions)
	})
	cmd.AddCommand(panelTools()...)
	return cmd
}

func processorCommand() *cobra.Command {
	cmd := role("processor", "Fold the log into states, detections and incidents", func(ctx context.Context, s *settings, g *lifecycle.Group, partitions int32) error {
		return s.startProcessor(ctx, g, partitions)
	})
	cmd.Long += `

SIGTERM stops it for a restart: it keeps its place in the group, and nothing moves when
it is back within 6 s. SIGUSR1 stops it for good: it gives its partitions up, and the
others go on with them at once.`
	return cmd
}

var errNoWarehouse = usageError{errors.New("clickhouse.url is empty: give it in vigie.yaml or as VIGIE_CLICKHOUSE_URL")}

func archiverCommand() *cobra.Command {
	return role("archiver", "Copy the topics into ClickHouse, each record once", func(ctx context.Context, s *settings, g *lifecycle.Group, _ int32) error {
		if s.cfg.ClickHouse.URL == "" {
			return errNoWarehouse
		}
		return s.startArchiver(ctx, g, s.warehouse())
	})
}

func consoleCommand() *cobra.Command {
	cmd := role("console", "Serve people: the page, the API, the live stream, and the desk that takes their acts", func(ctx context.Context, s *settings, g *lifecycle.Group, partitions int32) error {
		keys, err := s.shareKeys(ctx, g)
		if err != nil {
			return err
		}
		f, err := s.startFront(ctx, g, keys, partitions, s.warehouse(), nil)
		if err == nil {
			fmt.Println("console: " + f.gate.LoginLink(cmp.Or(s.cfg.HTTP.URL, "http://"+f.server.Addr())))
		}
		return err
	})
	cmd.Aliases = []string{"desk"}
	return cmd
}

// warehouse is the ClickHouse server of the configuration.
func (s *settings) warehouse() warehouse.Config {
	c := s.cfg.ClickHouse
	return warehouse.Config{URL: c.URL, User: c.User, Password: c.Password, Database: c.Database, Cluster: c.Cluster}
}

// shareKeys opens the keys that the roles of one machine have in common.
func (s *settings) shareKeys(ctx context.Context, g *lifecycle.Group) (*vault.Vault, error) {
	keys, err := s.openVault(vault.OpenShared)
	if err != nil {
		return nil, err
	}
	return keys, g.Start(ctx, lifecycle.Named{Name: "keys", Service: closing{keys.Close}})
}
