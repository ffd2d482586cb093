package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/archiver"
	"github.com/open-vigie/vigie/services/warehouse"
)

func warehouseCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "warehouse", Short: "Look after what ClickHouse keeps"}
	cmd.AddCommand(warehouseRebuildCommand())
	return cmd
}

func warehouseRebuildCommand() *cobra.Command {
	var o archiver.RebuildOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Fill the tables anew from the log, beside everything else, and exchange them",
		Long: `Fills new tables from the log in a database beside (<name>_rebuild), compares them
with the log, and lets them take the place of the old ones. Queries and archivers go
on meanwhile; archivers hold still for some seconds at the end. Use it when a release
makes other rows of the same records, or when vigie verify warehouse finds rows that
are another.

What the log no longer has is carried over as it is, and noted in the table
not_rebuildable. It needs as much disk as the tables have. Killed or interrupted at
any moment, the same command goes on where it was.

Exit code 0: the tables are exchanged. 1: they are not, and the old ones stand.`,
		Example: "  vigie warehouse rebuild\n  vigie warehouse rebuild --restart --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			return s.rebuildWarehouse(cmd, o, asJSON)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.Restart, "restart", false, "forget what an interrupted rebuild has filled")
	f.BoolVar(&o.KeepOld, "keep-old", false, "keep the former tables in the database <name>_rebuild")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	clusterFlags(cmd)
	return cmd
}

func (s *settings) rebuildWarehouse(cmd *cobra.Command, o archiver.RebuildOptions, asJSON bool) error {
	kept, err := s.kept()
	if err != nil {
		return err
	}
	db, err := warehouse.Open(cmd.Context(), kept)
	if err != nil {
		return err
	}
	defer db.Close()
	m := startMeter("warehouse rebuild")
	o.Kafka, o.DB, o.Log, o.Done, o.Total = s.kafka, db, s.log, &m.done, &m.total
	o.Say = func(step string) { s.log.Info("rebuild: " + step) }
	done, err := archiver.Rebuild(cmd.Context(), o)
	m.end()
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(done)
	}
	return showRebuilt(cmd.OutOrStdout(), done)
}

func showRebuilt(out io.Writer, done *archiver.Rebuilt) error {
	fmt.Fprintf(out, "rebuilt from %d records: %d rows; %d rows carried over that the log no longer has\n", done.Records, done.Rows, done.Kept)
	if done.Verified != nil {
		fmt.Fprintln(out, "before the exchange:")
		if err := showWarehouse(out, done.Verified); err != nil {
			return err
		}
	}
	if done.Old != "" {
		fmt.Fprintf(out, "the former tables are in database %s: drop it when you do not need it\n", done.Old)
	}
	return nil
}
