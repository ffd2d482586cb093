package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/eventlog"
)

func provisionCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "provision",
		Short: "Make a Kafka cluster hold Vigie's topics, first commits and policy",
		Long: `Creates the topics with their settings, makes the first commit of each consumer
group, and puts the first policy into the log. Safe to run again: what is right
is left alone. A changed number of partitions is refused.`,
		Example: "  vigie provision --brokers kafka-1:9092 --partitions 32 --dry-run",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			report, err := eventlog.Provision(cmd.Context(), s.kafka, eventlog.Options{
				Partitions: s.cfg.Kafka.Partitions, Replication: s.cfg.Kafka.Replication, Durability: s.cfg.Kafka.Durability,
				DryRun: dryRun, Log: s.log,
			})
			out := cmd.OutOrStdout()
			for _, a := range report.Actions {
				fmt.Fprintln(out, a)
			}
			for _, w := range report.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+w)
			}
			if err != nil || dryRun {
				return err
			}
			added, err := eventlog.EnsureFirstPolicy(cmd.Context(), s.kafka, alarm.Stamped(alarm.DefaultPolicy(), 1, time.Now().UnixMilli()), report.Partitions, s.log)
			switch {
			case err != nil:
				return err
			case added > 0:
				fmt.Fprintf(out, "put the first policy into %d partitions\n", added)
			case len(report.Actions) == 0:
				fmt.Fprintln(out, "everything is as it should be")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done and do nothing")
	cmd.Flags().Int32("partitions", 0, "partitions of vigie.events: a power of two up to 1024 (0: what is there, or 32)")
	cmd.Flags().Int16("replication", 0, "copies of each partition (0: 3)")
	clusterFlags(cmd)
	return cmd
}

// clusterFlags are the flags of every command that works on a cluster.
func clusterFlags(cmd *cobra.Command) {
	cmd.Flags().StringSlice("brokers", nil, "host:port of Kafka's bootstrap brokers, separated by commas")
	cmd.Flags().String("topic-prefix", "", "stands before every topic name (default vigie.)")
}
