package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/processor"
)

// clockDistance is how far this machine's clock may lie from the writers' before
// it may not say what time it is.
const clockDistance = time.Minute

func doctorCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "doctor", Short: "Find out what is wrong, and mend it"}
	cmd.AddCommand(clockCommand())
	return cmd
}

func clockCommand() *cobra.Command {
	var adjust bool
	var a eventlog.Adjustment
	cmd := &cobra.Command{
		Use:   "clock",
		Short: "Show how far time has come in the log; let it go on after a long standstill",
		Long: fmt.Sprintf(`Time is in the log. Where everybody's beats lie more than %.0f h ahead of the last
one, Vigie does not decide by itself whether all clocks are wrong or the whole
installation was off that long: it takes and shows events, and lets no time pass.

With --adjust two people say that the time is right, and it goes on. Deadlines
that passed meanwhile fire; silence is counted from now on, not from before.`, processor.MaxJump.Hours()),
		Example: `  vigie doctor clock
  vigie doctor clock --adjust --by a.martin --and c.petit --reason "closed from Friday to Tuesday"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			if err := s.findKafka(); err != nil {
				return err
			}
			times, err := eventlog.Times(cmd.Context(), s.kafka, s.log)
			if err != nil {
				return err
			}
			if !adjust {
				return showTimes(cmd.OutOrStdout(), times)
			}
			return s.adjustClock(cmd.Context(), cmd.OutOrStdout(), times, a)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&adjust, "adjust", false, "let time go on where it stands still")
	f.StringVar(&a.By[0], "by", userName(), "who confirms it")
	f.StringVar(&a.By[1], "and", "", "the second person who confirms it")
	f.StringVar(&a.Reason, "reason", "", "why time stood still")
	clusterFlags(cmd)
	return cmd
}

// userName is who runs the program; "" where the system does not say.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// findKafka takes the brokers of a running `vigie up` where the configuration
// names none.
func (s *settings) findKafka() error {
	if len(s.kafka.Brokers) > 0 {
		return nil
	}
	e, err := readEndpoints(s.cfg.Data)
	if err != nil {
		return err
	}
	s.kafka.Brokers = []string{e.Kafka}
	return nil
}

// standing are the partitions in which time stands still.
func standing(times []eventlog.PartitionTime) (partitions []int32, since, newest time.Time) {
	for _, t := range times {
		if t.Behind() > processor.MaxJump {
			partitions = append(partitions, t.Partition)
			if since.IsZero() || t.Watermark.Before(since) {
				since = t.Watermark
			}
		}
		if t.Newest.After(newest) {
			newest = t.Newest
		}
	}
	return partitions, since, newest
}

func showTimes(out io.Writer, times []eventlog.PartitionTime) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "partition\ttime has come to\tyoungest record\trecords not folded\t")
	for _, t := range times {
		said := ""
		if t.Behind() > processor.MaxJump {
			said = fmt.Sprintf("stands still, %.0f h behind", t.Behind().Hours())
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\n", t.Partition, instant(t.Watermark), instant(t.Newest), t.Unfolded, said)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if stuck, since, _ := standing(times); len(stuck) > 0 {
		return errors.New(standstill(len(stuck), since))
	}
	return nil
}

func instant(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.Format("2006-01-02 15:04:05.000 UTC")
}

// standstill says what is wrong, and what to do.
func standstill(partitions int, since time.Time) string {
	return fmt.Sprintf("time stands still in %d partitions since %s: everything was off for more than %.0f h, or clocks are wrong. "+
		"If the clocks are right, two people confirm it: `vigie doctor clock --adjust --by NAME --and NAME --reason TEXT`",
		partitions, instant(since), processor.MaxJump.Hours())
}

// adjustClock appends what two people say, and waits until time has gone on.
func (s *settings) adjustClock(ctx context.Context, out io.Writer, times []eventlog.PartitionTime, a eventlog.Adjustment) error {
	stuck, _, newest := standing(times)
	if len(stuck) == 0 {
		fmt.Fprintln(out, "time stands still nowhere: nothing to do")
		return nil
	}
	if d := time.Since(newest).Abs(); d > clockDistance {
		return fmt.Errorf("the youngest record is of %s, %s from this machine's clock: start the receivers or correct a clock, then say it again", instant(newest), d.Round(time.Second))
	}
	a.To = newest
	if err := eventlog.AdjustClock(ctx, s.kafka, a, stuck); err != nil {
		return usageOr(err)
	}
	fmt.Fprintf(out, "said in %d partitions that it is %s\n", len(stuck), instant(newest))
	ctx, done := context.WithTimeout(ctx, stopPatience)
	defer done()
	for {
		times, err := eventlog.Times(ctx, s.kafka, s.log)
		if err == nil {
			if stuck, _, _ = standing(times); len(stuck) == 0 {
				fmt.Fprintln(out, "time goes on")
				return nil
			}
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("after %s time still stands in %d partitions: does a processor run? It goes on once one does", stopPatience, len(stuck))
		}
	}
}

// usageOr makes an error of what was given a usage error.
func usageOr(err error) error {
	if errors.Is(err, eventlog.ErrTwoPeople) {
		return usageError{err}
	}
	return err
}
