package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/open-vigie/vigie/services/baseline"
	"github.com/open-vigie/vigie/services/chain"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/processor/snapshot"
	"github.com/open-vigie/vigie/services/sitefold"
)

func baselineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "Keep the states outside of Kafka, signed: what a log may begin at when its past is deleted",
	}
	cmd.AddCommand(baselineExportCommand(), baselineVerifyCommand(), baselineAllowsCommand(), baselineLoadCommand())
	return cmd
}

func baselineExportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Copy the newest snapshot of every partition into a new directory, and sign it",
		Long: `Copies the newest snapshot of every partition, with the audit chain at that place,
into a directory that is not there yet, or below a prefix of a bucket (s3://bucket/prefix,
at the server of processor.snapshot_s3), and signs the whole with the key of --data.
Keep it outside of Kafka: with it and the log after it everything can be computed,
and vigie verify chain --against proves the log from there on.`,
		Example: "  vigie baseline export /var/backups/vigie-baseline-2026-11-26",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			if err := s.findKafka(); err != nil {
				return err
			}
			signer, err := chain.Signer(s.path("keys"))
			if err != nil {
				return err
			}
			store, err := s.snapshotStore()
			if err != nil {
				return err
			}
			to, err := s.place(args[0])
			if err != nil {
				return err
			}
			b, err := baseline.Export(cmd.Context(), s.kafka, s.log, store, signer, to, time.Now())
			if err != nil {
				return err
			}
			return showBaseline(cmd.OutOrStdout(), b)
		},
	}
	clusterFlags(cmd)
	return cmd
}

// openBaseline reads a baseline and proves it whole.
func (s *settings) openBaseline(ctx context.Context, dir string, keys []string) (*baseline.Baseline, error) {
	trusted, err := s.trusted(keys)
	if err != nil {
		return nil, err
	}
	at, err := s.place(dir)
	if err != nil {
		return nil, err
	}
	return baseline.Verify(ctx, at, trusted)
}

// place is a directory, or s3://bucket/prefix at the server of processor.snapshot_s3.
func (s *settings) place(address string) (baseline.Place, error) {
	rest, remote := strings.CutPrefix(address, "s3://")
	if !remote {
		return baseline.In(address), nil
	}
	name, prefix, _ := strings.Cut(rest, "/")
	if name == "" || strings.Trim(prefix, "/") == "" {
		return nil, usageError{fmt.Errorf("%q: s3://bucket/prefix is expected", address)}
	}
	where := snapshot.S3Config(s.cfg.Processor.SnapshotS3)
	where.Bucket, where.Prefix = name, prefix
	store, err := snapshot.NewS3(where)
	if err != nil {
		return nil, err
	}
	return baseline.InBucket(store), nil
}

// trusted are the keys named, or those of the data directory.
func (s *settings) trusted(keys []string) (note.Verifiers, error) {
	if len(keys) == 0 {
		keys = []string{s.path("keys", chain.TrustedFile)}
	}
	trusted, _, err := chain.Trusted(keys...)
	return trusted, err
}

func baselineVerifyCommand() *cobra.Command {
	var keys []string
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "Prove that a baseline is whole and as it was signed",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			b, err := s.openBaseline(cmd.Context(), args[0], keys)
			if err != nil {
				return err
			}
			return showBaseline(cmd.OutOrStdout(), b)
		},
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "file with public keys that may have signed (default: keys/checkpoints.pub below --data)")
	return cmd
}

func baselineLoadCommand() *cobra.Command {
	var keys []string
	cmd := &cobra.Command{
		Use:   "load DIR",
		Short: "Let the log of an empty cluster begin with a baseline",
		Long: `Makes the topics of an empty cluster and lets its log begin with a baseline: the
state of every site goes on from it, with clocks, deadlines and the audit chain, and
vigie verify chain says so. The baseline is proven first; it must have been written
by a release of the same rules. A cluster that holds any record is refused.

The keys of --data (what personal data is sealed with) are not in a baseline: bring
them from the backup of the data directory.`,
		Example: "  vigie baseline load /var/backups/vigie-baseline-2026-11-26 --brokers kafka-1:9092 --key old-checkpoints.pub",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			if err := s.findKafka(); err != nil {
				return err
			}
			return s.loadBaseline(cmd, args[0], keys)
		},
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "file with public keys that may have signed (default: keys/checkpoints.pub below --data)")
	cmd.Flags().Int16("replication", 0, "copies of each partition (0: 3)")
	clusterFlags(cmd)
	return cmd
}

func (s *settings) loadBaseline(cmd *cobra.Command, dir string, keys []string) error {
	signer, err := chain.Signer(s.path("keys"))
	if err != nil {
		return err
	}
	trusted, err := s.trusted(keys)
	if err != nil {
		return err
	}
	store, err := s.snapshotStore()
	if err != nil {
		return err
	}
	from, err := s.place(dir)
	if err != nil {
		return err
	}
	b, report, err := baseline.Load(cmd.Context(), from, trusted, baseline.Loading{
		Kafka: s.kafka, NewFold: sitefold.New(s.log), Store: store, Signer: signer, Now: time.Now(),
		Topics: eventlog.Options{Replication: s.cfg.Kafka.Replication, Durability: s.cfg.Kafka.Durability, Log: s.log},
	})
	out := cmd.OutOrStdout()
	for _, a := range report.Actions {
		fmt.Fprintln(out, a)
	}
	if err != nil {
		return err
	}
	if err := showBaseline(out, b); err != nil {
		return err
	}
	fmt.Fprintf(out, "the log begins with it: baseline %.16s…\n", b.ID)
	return nil
}

func showBaseline(out io.Writer, b *baseline.Baseline) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "partition\toffset\trecords before it\tbytes\ttaken")
	for _, p := range b.Partitions {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%s\n", p.Checkpoint.Partition, p.Checkpoint.Offset, p.Checkpoint.Ordinal, p.Snapshot.GetBytes(),
			time.UnixMilli(p.Snapshot.GetTakenAtMs()).UTC().Format(time.DateTime))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "the baseline is whole, and signed")
	return nil
}

func baselineAllowsCommand() *cobra.Command {
	var keys []string
	var keep string
	cmd := &cobra.Command{
		Use:   "allows DIR",
		Short: "Say what a baseline makes dispensable in the log",
		Long: `Says which records of vigie.events a baseline makes dispensable: those before it
that are older than --keep. The baseline is proven first. It deletes nothing: the
states of a baseline hold for one version of the rules, and a release with others
would want the past.`,
		Example: "  vigie baseline allows /var/backups/vigie-baseline-2026-11-26 --keep 400d",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			before, err := moment(keep, time.Now())
			if err != nil {
				return usageError{fmt.Errorf("--keep %q: how long (400d, 36h) is expected", keep)}
			}
			if err := s.findKafka(); err != nil {
				return err
			}
			return s.allowed(cmd, args[0], keys, before)
		},
	}
	f := cmd.Flags()
	f.StringVar(&keep, "keep", "400d", "how much of the log stays in any case")
	f.StringArrayVar(&keys, "key", nil, "file with public keys that may have signed (default: keys/checkpoints.pub below --data)")
	clusterFlags(cmd)
	return cmd
}

func (s *settings) allowed(cmd *cobra.Command, dir string, keys []string, before time.Time) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	b, err := s.openBaseline(ctx, dir, keys)
	if err != nil {
		return err
	}
	allowed, err := baseline.Allows(ctx, s.kafka, s.log, b, before)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "partition\tlog begins at\tdispensable before\tbaseline at\trecords")
	var all int64
	for _, a := range allowed {
		all += a.To - a.First
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\n", a.Partition, a.First, a.To, a.Baseline, a.To-a.First)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d records are dispensable\n", all)
	return nil
}
