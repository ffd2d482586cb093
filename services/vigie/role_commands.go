package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/internal/lifecycle"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/warehouse"
)

// role makes the command of one role that runs as a process of its own.
func role(use, short string, start func(context.Context, *settings, *lifecycle.Group) error) *cobra.Command {
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

func runRole(ctx context.Context, s *settings, start func(context.Context, *settings, *lifecycle.Group) error) error {
	g := lifecycle.NewGroup(s.log)
	err := start(ctx, s, g)
	if err == nil && s.cfg.Metrics.Listen != "" {
		var m *metricsServer
		if m, err = s.newMetricsServer(); err == nil {
			err = g.Start(ctx, lifecycle.Named{Name: "metrics", Service: m})
			s.log.Info("ready", "metrics", m.listener.Addr().String())
		}
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-g.Failed():
		}
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, g.Stop(stopPatience))
}

func receiverCommand() *cobra.Command {
	return role("receiver", "Take panels in: DC-09 over TCP and UDP", func(ctx context.Context, s *settings, g *lifecycle.Group) error {
		return withKeys(ctx, s, g, func(keys *vault.Vault, partitions int32) error {
			_, err := s.startReceiver(ctx, g, keys, partitions)
			return err
		})
	})
}

func processorCommand() *cobra.Command {
	return role("processor", "Fold the log into states, detections and incidents", func(ctx context.Context, s *settings, g *lifecycle.Group) error {
		return s.startProcessor(ctx, g)
	})
}

func archiverCommand() *cobra.Command {
	return role("archiver", "Copy the topics into ClickHouse, each record once", func(ctx context.Context, s *settings, g *lifecycle.Group) error {
		c := s.cfg.ClickHouse
		if c.URL == "" {
			return usageError{errors.New("clickhouse.url is empty: give it in vigie.yaml or as VIGIE_CLICKHOUSE_URL")}
		}
		return s.startArchiver(ctx, g, warehouse.Config{URL: c.URL, User: c.User, Password: c.Password, Database: c.Database})
	})
}

func consoleCommand() *cobra.Command {
	cmd := role("console", "Serve people: the page, the API, the live stream, and the desk that takes their acts", func(ctx context.Context, s *settings, g *lifecycle.Group) error {
		return withKeys(ctx, s, g, func(keys *vault.Vault, partitions int32) error {
			c := s.cfg.ClickHouse
			f, err := s.startFront(ctx, g, keys, partitions, warehouse.Config{URL: c.URL, User: c.User, Password: c.Password, Database: c.Database})
			if err == nil {
				fmt.Println("console: " + f.gate.LoginLink("http://"+f.server.Addr()))
			}
			return err
		})
	})
	cmd.Aliases = []string{"desk"}
	return cmd
}

// withKeys opens the keys and finds how many partitions the log has.
func withKeys(ctx context.Context, s *settings, g *lifecycle.Group, start func(*vault.Vault, int32) error) error {
	report, err := eventlog.Provision(ctx, s.kafka, eventlog.Options{Partitions: s.cfg.Kafka.Partitions, DryRun: true, Log: s.log})
	if err != nil {
		return err
	}
	keys, err := s.openVault()
	if err != nil {
		return err
	}
	if err := g.Start(ctx, lifecycle.Named{Name: "keys", Service: closing{keys.Close}}); err != nil {
		return err
	}
	return start(keys, report.Partitions)
}
