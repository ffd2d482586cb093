package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/archiver"
	"github.com/open-vigie/vigie/services/warehouse"
)

// verified is what a comparison found, in one line.
const verified = "%d records of the log compared: %d missing, %d double, %d not yet archived"

func verifyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "verify", Short: "Prove that what is kept is what was said"}
	compare := &cobra.Command{
		Use:   "warehouse",
		Short: "Compare ClickHouse with the log: each record once, none missing",
		Long: `Compares ClickHouse with the log, record by record: each once, none missing. It
changes nothing and may run beside everything else. Looks at the cluster and the
ClickHouse server of the configuration or, where no brokers are named, at the
running vigie up of the data directory.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			kept, err := s.kept()
			if err != nil {
				return err
			}
			db, err := warehouse.Open(cmd.Context(), kept)
			if err != nil {
				return err
			}
			defer db.Close()
			report, err := archiver.Verify(cmd.Context(), s.kafka, db, s.log)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), verified+"\n",
				report.Records(), report.Missing(), report.Double(), report.Pending())
			for _, f := range report.Faults {
				fmt.Fprintf(cmd.OutOrStdout(), "  %+v\n", f)
			}
			return report.Err()
		},
	}
	clusterFlags(compare)
	cmd.AddCommand(compare, verifyChainCommand(), verifyKeyCommand(), verifyReportCommand())
	return cmd
}

// kept says where log and warehouse are: those of the configuration, or those of
// a running `vigie up` when it names no brokers.
func (s *settings) kept() (warehouse.Config, error) {
	if len(s.kafka.Brokers) > 0 {
		if s.cfg.ClickHouse.URL == "" {
			return warehouse.Config{}, errNoWarehouse
		}
		return s.warehouse(), nil
	}
	e, err := readEndpoints(s.cfg.Data)
	if err != nil {
		return warehouse.Config{}, err
	}
	s.kafka.Brokers = []string{e.Kafka}
	return warehouse.Config{URL: e.ClickHouse.URL, User: e.ClickHouse.User, Password: e.ClickHouse.Password, Database: e.ClickHouse.Database}, nil
}
