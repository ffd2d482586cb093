package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/replay"
)

// replayQuestion is the command line of `vigie replay`.
type replayQuestion struct {
	partition       int32
	from, to        string
	policy, out     string
	prefix          string
	diff, newPolicy bool
}

func replayCommand() *cobra.Command {
	q := &replayQuestion{}
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Fold the past again, by its own policy or by another, and compare with what was said",
		Long: `Folds a stretch of the log again, beside everything that runs, and changes nothing
that was said. --out gives what comes of it as lines of JSON, --to-prefix as records
on topics of another prefix, --diff a table of what differs from what was said then. With --policy another policy judges the stretch;
what came before it is judged by the policies of its day. What many sites show
together is judged beside them when all partitions are replayed.

--from and --to are a time (2026-11-19, 2026-11-19T08:00:00Z), how long ago (7d,
36h), or with --partition an offset. A replay begins at the nearest snapshot before
the stretch, else at the first record of the log, and ends at what is folded.`,
		Example: `  vigie replay --diff                                       is it what was said?
  vigie replay --print-policy > policy.json                 the policy in force
  vigie replay --from 7d --policy policy.json --diff        what would last week have been?
  vigie replay --from 2026-11-19 --to 2026-11-20 --out day.jsonl
  vigie provision --topic-prefix tried. && vigie replay --policy policy.json --to-prefix tried.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			return s.replay(cmd, q)
		},
	}
	f := cmd.Flags()
	f.Int32Var(&q.partition, "partition", -1, "this partition only")
	f.StringVar(&q.from, "from", "", "where the stretch begins (default: the first record)")
	f.StringVar(&q.to, "to", "", "where it ends (default: what is folded)")
	f.StringVar(&q.policy, "policy", "", "file with the policy to judge by, as --print-policy prints it")
	f.StringVar(&q.out, "out", "", "file for what comes of it, one line of JSON each; - is standard output")
	f.StringVar(&q.prefix, "to-prefix", "", "prefix of topics for what comes of it; they are there and empty")
	f.BoolVar(&q.diff, "diff", false, "compare with what was said then")
	f.BoolVar(&q.newPolicy, "print-policy", false, "print the newest policy of the log and do nothing else")
	clusterFlags(cmd)
	return cmd
}

// point reads --from or --to.
func (q *replayQuestion) point(flag, text string, now time.Time) (replay.Point, error) {
	if text == "" {
		return replay.Point{}, nil
	}
	if offset, err := strconv.ParseInt(text, 10, 64); err == nil {
		if q.partition < 0 {
			return replay.Point{}, fmt.Errorf("%s %s is an offset: name its partition with --partition", flag, text)
		}
		return replay.Point{Offset: max(0, offset), Given: true}, nil
	}
	at, err := moment(text, now)
	if err != nil {
		return replay.Point{}, fmt.Errorf("%s %s: a time (2026-11-19T08:00:00Z), how long ago (7d, 36h) or an offset is expected", flag, text)
	}
	return replay.Point{At: at, Given: true}, nil
}

// moment reads a time, or how long ago it was; times without a zone are UTC.
func moment(text string, now time.Time) (time.Time, error) {
	for _, form := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		n, err := strconv.ParseFloat(days, 64)
		return now.Add(-time.Duration(n * float64(24*time.Hour))), err
	}
	ago, err := time.ParseDuration(text)
	return now.Add(-ago), err
}

func (s *settings) replay(cmd *cobra.Command, q *replayQuestion) error {
	now := time.Now()
	from, err1 := q.point("--from", q.from, now)
	to, err2 := q.point("--to", q.to, now)
	if err := errors.Join(err1, err2); err != nil {
		return usageError{err}
	}
	if err := s.findKafka(); err != nil {
		return err
	}
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	if q.newPolicy {
		return s.printPolicy(ctx, out)
	}
	store, err := s.snapshotStore()
	if err != nil {
		return err
	}
	opts := replay.Options{Kafka: s.kafka, Log: s.log, Store: store, Compare: q.diff}
	if opts.Policy, err = readPolicy(q.policy); err != nil {
		return err
	}
	if opts.Ranges, err = replay.Bounds(ctx, opts, q.partition, from, to); err != nil {
		return err
	}
	closeOut, err := q.open(&opts, out)
	if err != nil {
		return err
	}
	if q.prefix != "" {
		if opts.Copy, err = replay.NewCopy(ctx, s.kafka, q.prefix, s.log); err != nil {
			return errors.Join(fmt.Errorf("--to-prefix: %w", err), closeOut())
		}
		defer opts.Copy.Close()
	}
	m := startMeter("replay")
	opts.Done, opts.Total = &m.done, &m.total
	report, err := replay.Run(ctx, opts)
	m.end()
	if err := errors.Join(err, closeOut()); err != nil {
		return err
	}
	if q.out == "-" {
		out = cmd.ErrOrStderr()
	}
	return showReplay(out, report, time.Since(now))
}

// open opens what --out names.
func (q *replayQuestion) open(opts *replay.Options, stdout io.Writer) (func() error, error) {
	switch q.out {
	case "":
		return func() error { return nil }, nil
	case "-":
		w := bufio.NewWriter(stdout)
		opts.Out = w
		return w.Flush, nil
	}
	f, err := os.OpenFile(q.out, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	w := bufio.NewWriter(f)
	opts.Out = w
	return func() error { return errors.Join(w.Flush(), f.Close()) }, nil
}

// readPolicy reads a policy file; nil without one.
func readPolicy(path string) (*vigiev1.Policy, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError{fmt.Errorf("--policy: %w", err)}
	}
	policy := &vigiev1.Policy{}
	if err := protojson.Unmarshal(b, policy); err != nil {
		return nil, usageError{fmt.Errorf("--policy %s: %w; vigie replay --print-policy prints one to begin with", path, err)}
	}
	if err := alarm.CheckPolicy(policy); err != nil {
		return nil, usageError{fmt.Errorf("--policy %s: %w", path, err)}
	}
	return policy, nil
}

func (s *settings) printPolicy(ctx context.Context, out io.Writer) error {
	policy, err := eventlog.NewestPolicy(ctx, s.kafka, s.log)
	if err != nil {
		return err
	}
	b, err := protojson.MarshalOptions{UseProtoNames: true, Multiline: true}.Marshal(policy)
	if err != nil {
		return fmt.Errorf("show the policy: %w", err)
	}
	fmt.Fprintln(out, string(b))
	return nil
}

func showReplay(out io.Writer, r *replay.Report, took time.Duration) error {
	snapshots := 0
	for _, at := range r.Begun {
		if at > 0 {
			snapshots++
		}
	}
	fmt.Fprintf(out, "%d records judged in %d partitions gave %d outputs; %d folded in %s, %d partitions from a snapshot\n",
		r.Judged, len(r.Begun), r.Outputs, r.Folded, took.Round(time.Millisecond), snapshots)
	if r.Rows == nil {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "then\tnow\tadded\tmissing\tchanged\t  ")
	same := true
	for _, row := range r.Rows {
		same = same && row.Same()
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t  %s\n", row.Then, row.Now, row.Added, row.Missing, row.Changed, row.Kind)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.NotComparable > 0 {
		fmt.Fprintf(out, "%d incidents went on after the stretch: what was last said of them in it is gone, they are not compared\n", r.NotComparable)
	}
	if same {
		fmt.Fprintln(out, "it is what was said then")
	}
	return nil
}
