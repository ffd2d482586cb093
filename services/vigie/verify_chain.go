package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/chain"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// chainQuestion is the command line of `vigie verify chain`.
type chainQuestion struct {
	partition int32
	from, to  int64
	keys      []string
	against   []string
	digest    string
}

func verifyChainCommand() *cobra.Command {
	q := &chainQuestion{}
	cmd := &cobra.Command{
		Use:   "chain",
		Short: "Recompute the audit chain of the log: nothing changed, missing, added, reordered",
		Long: `Recomputes the audit chain of each partition of the log from its bytes, and
compares it with each signed checkpoint, with the progress records and with the
snapshots. It changes nothing and may run beside everything else. What is wrong is
said with the checkpoints and offsets between which it lies; the exit code is 1.

Where the beginning of the log is gone it starts at the first checkpoint after it.
Checkpoints count when a key of keys/checkpoints.pub has signed them, or one of
--key. --against compares with what was kept elsewhere, too: a digest of --digest.`,
		Example: `  vigie verify chain
  vigie verify chain --partition 3 --from 120000 --to 130000
  vigie verify chain --digest 2026-11-25 > digest-2026-11-25.txt
  vigie verify chain --against digest-2026-11-25.txt`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			return s.verifyChain(cmd, q)
		},
	}
	f := cmd.Flags()
	f.Int32Var(&q.partition, "partition", -1, "this partition only")
	f.Int64Var(&q.from, "from", 0, "offset to begin at; with --partition")
	f.Int64Var(&q.to, "to", 0, "offset to end before (0: the end); with --partition")
	f.StringArrayVar(&q.keys, "key", nil, "file with public keys that may have signed (default: keys/checkpoints.pub below --data)")
	f.StringArrayVar(&q.against, "against", nil, "file with a digest that was kept; the log is compared with it as well")
	f.StringVar(&q.digest, "digest", "", "print the digest of a day (2026-11-25; today) instead, for a witness outside")
	clusterFlags(cmd)
	return cmd
}

func verifyKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "key",
		Short: "Print the public key that this data directory signs checkpoints with",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			key, err := chain.PublicKey(s.path("keys"))
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), key)
			}
			return err
		},
	}
}

func (q *chainQuestion) check() error {
	switch {
	case q.partition < -1:
		return fmt.Errorf("--partition %d: partitions are numbered from 0", q.partition)
	case q.partition < 0 && (q.from != 0 || q.to != 0):
		return errors.New("--from and --to are offsets of one partition: name it with --partition")
	case q.from < 0 || q.to < 0 || q.to > 0 && q.to <= q.from:
		return fmt.Errorf("--from %d --to %d: that is no range of offsets", q.from, q.to)
	}
	return nil
}

func (s *settings) verifyChain(cmd *cobra.Command, q *chainQuestion) error {
	if err := q.check(); err != nil {
		return usageError{err}
	}
	opts, err := s.chainOptions(q)
	if err != nil {
		return err
	}
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	if q.digest != "" {
		return printDigest(ctx, out, opts, q.digest)
	}
	m := startMeter("verify chain")
	opts.Done, opts.Total = &m.done, &m.total
	begun := time.Now()
	report, err := chain.Verify(ctx, opts)
	m.end()
	if err != nil {
		return err
	}
	if err := showChain(out, report, time.Since(begun)); err != nil {
		return err
	}
	return report.Err()
}

// chainOptions finds the log, the keys and what was kept.
func (s *settings) chainOptions(q *chainQuestion) (chain.Options, error) {
	if err := s.findKafka(); err != nil {
		return chain.Options{}, err
	}
	keys := q.keys
	if len(keys) == 0 {
		keys = []string{s.path("keys", chain.TrustedFile)}
	}
	trusted, _, err := chain.Trusted(keys...)
	if err != nil {
		return chain.Options{}, fmt.Errorf("%w; name the public keys of the processors with --key (vigie verify key prints one)", err)
	}
	opts := chain.Options{Kafka: s.kafka, Log: s.log, Trusted: trusted, From: q.from, To: q.to, Snapshots: s.snapshotChains}
	if q.partition >= 0 {
		opts.Partitions = []int32{q.partition}
	}
	for _, path := range q.against {
		b, err := os.ReadFile(path)
		if err != nil {
			return opts, fmt.Errorf("--against: %w", err)
		}
		kept, err := chain.ReadKept(b, trusted)
		if err != nil {
			return opts, fmt.Errorf("--against %s: %w", path, err)
		}
		opts.Kept = append(opts.Kept, kept...)
	}
	return opts, nil
}

// snapshotStore is where the snapshots of this installation are.
func (s *settings) snapshotStore() (snapshot.Store, error) {
	store, err := s.storeOutside()
	if store == nil && err == nil {
		store = snapshot.NewTopic(s.kafka, topics.Snapshots, s.log)
	}
	return store, err
}

// storeOutside is the one outside of Kafka; nil when they are in the topic.
func (s *settings) storeOutside() (snapshot.Store, error) {
	dir, bucket := s.cfg.Processor.SnapshotDirectory, s.cfg.Processor.SnapshotS3
	switch {
	case dir != "" && bucket.Bucket != "":
		return nil, usageError{errors.New("processor.snapshot_directory and processor.snapshot_s3.bucket are both set: snapshots are kept in one place")}
	case dir != "":
		return snapshot.NewDirectory(dir), nil
	case bucket.Bucket != "":
		return snapshot.NewS3(snapshot.S3Config(bucket))
	}
	return nil, nil
}

// snapshotChains are the chains inside the snapshots that a progress record names.
// One that cannot be read says nothing: a processor may have replaced it meanwhile.
func (s *settings) snapshotChains(ctx context.Context, p *vigiev1.Progress) ([]chain.Anchor, error) {
	store, err := s.snapshotStore()
	if err != nil {
		return nil, err
	}
	var found []chain.Anchor
	for _, name := range p.GetSnapshots() {
		offset, c, err := processor.SnapshotChain(ctx, store, name)
		if errors.Is(err, snapshot.ErrUnusable) {
			s.log.Info("a snapshot is not compared", "partition", name.GetPartition(), "offset", name.GetOffset(), "because", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, chain.Anchor{Source: chain.Snapshot, Offset: offset, Ordinal: c.Ordinal, Hash: c.Hash, At: time.UnixMilli(name.GetTakenAtMs())})
	}
	return found, nil
}

func showChain(out io.Writer, report *chain.Report, took time.Duration) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "partition\tfrom\tto\trecords\tcheckpoints\tnot yet signed\t")
	var records, bytes int64
	for _, p := range report.Partitions {
		records, bytes = records+p.Records, bytes+p.Bytes
		said := ""
		switch {
		case p.From.Source == chain.Based:
			said = fmt.Sprintf("goes on from the baseline %.16s…, %d records before it, loaded %s", p.From.Baseline, p.From.Ordinal, p.From.At.UTC().Format("2006-01-02 15:04:05 UTC"))
		case p.From.Offset > 0:
			said = "begins at the " + p.From.String()
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%s\n", p.Partition, p.From.Offset, p.To, p.Records, p.Checkpoints, p.Unsigned(), said)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d records, %.1f MB hashed in %s\n", records, float64(bytes)/1e6, took.Round(time.Millisecond))
	faults := report.Faults()
	for _, f := range faults {
		fmt.Fprintln(out, "  "+f.String())
	}
	if len(faults) == 0 {
		fmt.Fprintln(out, "the log is the one that was signed: nothing changed, missing, added or reordered")
	}
	return nil
}

// printDigest prints what is to be kept outside of everything that is ours.
func printDigest(ctx context.Context, out io.Writer, opts chain.Options, day string) error {
	at := time.Now()
	if day != "today" {
		var err error
		if at, err = time.Parse(time.DateOnly, day); err != nil {
			return usageError{fmt.Errorf("--digest %q: a day as 2026-11-25, or today, is expected", day)}
		}
	}
	d, err := chain.DigestOf(ctx, opts, at)
	if err != nil {
		return err
	}
	if len(d.Checkpoints) == 0 {
		return fmt.Errorf("no checkpoint stood signed by the end of %s", d.Day.Format(time.DateOnly))
	}
	fmt.Fprint(out, d.Text())
	return nil
}
