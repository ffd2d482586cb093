package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/services/archiver"
	"github.com/open-vigie/vigie/services/console"
	"github.com/open-vigie/vigie/services/demo"
	"github.com/open-vigie/vigie/services/desk"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/internal/httpserver"
	"github.com/open-vigie/vigie/services/internal/lifecycle"
	"github.com/open-vigie/vigie/services/internal/telemetry"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/receiver"
	"github.com/open-vigie/vigie/services/receiver/httpin"
	"github.com/open-vigie/vigie/services/receiver/surgardin"
)

// startTelemetry serves /metrics, /healthz and /readyz from the first moment: a
// start that takes long says why. It returns where, "" for nowhere.
func (s *settings) startTelemetry(ctx context.Context, g *lifecycle.Group) (string, error) {
	if s.cfg.Metrics.Listen == "" {
		return "", nil
	}
	m, err := telemetry.NewServer(s.cfg.Metrics.Listen, s.metrics, s.health, version)
	if err != nil {
		return "", err
	}
	return m.Addr(), g.Start(ctx, lifecycle.Named{Name: "metrics", Service: m})
}

// registerProcess registers what every process counts of itself.
func registerProcess(reg prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo(),
	} {
		if err := reg.Register(c); err != nil {
			return fmt.Errorf("register the metrics of the process: %w", err)
		}
	}
	return nil
}

// registerAll registers what all roles together count.
func registerAll(reg prometheus.Registerer) error {
	for _, register := range []func(prometheus.Registerer) error{
		registerProcess, registerKafka, receiver.RegisterMetrics, httpin.RegisterMetrics, surgardin.RegisterMetrics, appender.RegisterMetrics, processor.RegisterMetrics,
		archiver.RegisterMetrics, desk.RegisterMetrics, console.RegisterMetrics, httpserver.RegisterMetrics, demo.RegisterMetrics,
	} {
		if err := register(reg); err != nil {
			return err
		}
	}
	return nil
}

// registerKafka registers what a Kafka client counts; one that never connects
// stands for all.
func registerKafka(reg prometheus.Registerer) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:1"), kgo.WithHooks(telemetry.NewKafka(reg).Role("")(eventlog.UseRead)...))
	if err != nil {
		return fmt.Errorf("register the metrics of Kafka clients: %w", err)
	}
	cl.Close()
	return nil
}

func metricsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "metrics", Short: "What vigie counts"}
	var markdown bool
	list := &cobra.Command{
		Use: "list", Short: "List every metric of every role: name, type, unit, labels, meaning",
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := telemetry.List(registerAll)
			if err != nil {
				return err
			}
			if markdown {
				fmt.Fprint(cmd.OutOrStdout(), telemetry.Markdown(all))
				return nil
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, d := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%v\t%s\n", d.Name, d.Type, d.Unit, d.Labels, d.Help)
			}
			return w.Flush()
		},
	}
	list.Flags().BoolVar(&markdown, "markdown", false, "as the page docs/metrics.md")
	cmd.AddCommand(list)
	return cmd
}
