package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/archiver"
	"github.com/open-vigie/vigie/services/warehouse"
)

func verifyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "verify", Short: "Prove that what is kept is what was said"}
	cmd.AddCommand(&cobra.Command{
		Use:   "warehouse",
		Short: "Compare ClickHouse with the log of a running `vigie up`: each record once, none missing",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			e, err := readEndpoints(s.cfg.Data)
			if err != nil {
				return err
			}
			s.kafka.Brokers = []string{e.Kafka}
			db, err := warehouse.Open(cmd.Context(), warehouse.Config{URL: e.ClickHouse.URL, User: e.ClickHouse.User, Password: e.ClickHouse.Password, Database: e.ClickHouse.Database})
			if err != nil {
				return err
			}
			defer db.Close()
			report, err := archiver.Verify(cmd.Context(), s.kafka, db, s.log)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d records of the log compared: %d missing, %d double, %d not yet archived\n",
				report.Records(), report.Missing(), report.Double(), report.Pending())
			for _, f := range report.Faults {
				fmt.Fprintf(cmd.OutOrStdout(), "  %+v\n", f)
			}
			return report.Err()
		},
	})
	return cmd
}
