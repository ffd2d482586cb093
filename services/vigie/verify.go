package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/archiver"
	"github.com/open-vigie/vigie/services/warehouse"
)

// verified is what a comparison found, in one line.
const verified = "%d records of the log compared: %d missing, %d double, %d not yet archived"

func verifyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "verify", Short: "Prove that what is kept is what was said"}
	cmd.AddCommand(verifyWarehouseCommand(), verifyChainCommand(), verifyKeyCommand(), verifyReportCommand())
	return cmd
}

func verifyWarehouseCommand() *cobra.Command {
	var o archiver.VerifyOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "warehouse",
		Short: "Compare ClickHouse with the log: each record once, as it is, none missing",
		Long: `Compares ClickHouse with the log: counts and checksums of the rows of each table by
partition and offsets, row by row where they differ, and each rollup with the
aggregate of its table. It changes nothing without --repair, and may run beside
everything else. Looks at the cluster and the ClickHouse server of the configuration
or, where no brokers are named, at the running vigie up of the data directory.

--repair inserts what is missing and reckons rollups anew; archivers hold still for
some seconds for the latter. --remove deletes, besides, rows that are double, another
than the log's, or of no record, and puts the log's in their place.

Exit code 0: equal, or so by now. 1: it differs, or could not be compared.`,
		Example: `  vigie verify warehouse
  vigie verify warehouse --repair
  vigie verify warehouse --json | jq '.faults[]'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Remove && !o.Repair {
				return usageError{errors.New("--remove belongs to --repair")}
			}
			s, err := load(cmd)
			if err != nil {
				return err
			}
			return s.verifyWarehouse(cmd, o, asJSON)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.Repair, "repair", false, "insert what is missing, reckon rollups anew")
	f.BoolVar(&o.Remove, "remove", false, "with --repair: delete what is double, another or superfluous, too")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	clusterFlags(cmd)
	return cmd
}

func (s *settings) verifyWarehouse(cmd *cobra.Command, o archiver.VerifyOptions, asJSON bool) error {
	kept, err := s.kept()
	if err != nil {
		return err
	}
	db, err := warehouse.Open(cmd.Context(), kept)
	if err != nil {
		return err
	}
	defer db.Close()
	m := startMeter("verify warehouse")
	o.Kafka, o.DB, o.Log, o.Done, o.Total = s.kafka, db, s.log, &m.done, &m.total
	report, err := archiver.Verify(cmd.Context(), o)
	m.end()
	if err != nil {
		return err
	}
	show := showWarehouse
	if asJSON {
		show = func(out io.Writer, r *archiver.Report) error { return json.NewEncoder(out).Encode(r) }
	}
	return errors.Join(show(cmd.OutOrStdout(), report), report.Err())
}

func showWarehouse(out io.Writer, r *archiver.Report) error {
	all := r.Total()
	fmt.Fprintf(out, verified+"\n", all.Records, all.Missing, all.Double, r.Pending())
	for _, n := range []struct {
		rows uint64
		what string
	}{
		{all.Different, "rows are another than the log's"},
		{all.Superfluous, "rows are of no record of the log"},
		{all.Repaired, "rows were repaired"},
		{all.SetAside, "rows were refused by ClickHouse and stand in undecodable, with the reason"},
		{all.Older, "rows are older than the log: kept, and not to be proven any more"},
		{all.Compacted, "rows are of records that newer ones have replaced in the log: kept"},
	} {
		if n.rows > 0 {
			fmt.Fprintf(out, "%d %s\n", n.rows, n.what)
		}
	}
	for _, x := range r.Rollups {
		fmt.Fprintf(out, "rollup %s of %s: %d buckets compared, %d differ, %d of them repaired\n", x.Table, x.Of, x.Buckets, x.Different, x.Repaired)
	}
	for _, f := range r.Faults {
		fmt.Fprintln(out, "  "+f.String())
	}
	return nil
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
