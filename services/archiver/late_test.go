package archiver

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

var errNoAnswer = errors.New("no answer came")

// copied are the columns as they are now: an insert that comes late brings its own.
func copied(columns []warehouse.Column) []warehouse.Column {
	rows := make([]int, len(valuesOf[uint64](columns, "kafka_offset")))
	for i := range rows {
		rows[i] = i
	}
	return pick(columns, rows)
}

// An insert whose answer was lost is sent again, refused for want of memory, and cut
// into smaller ones. Whenever the first one lands after all, it adds nothing.
func TestLateInsertDoublesNothing(t *testing.T) {
	const never = 1 << 20
	for _, x := range []struct {
		name string
		// lost is the insert without an answer; it lands just before another, or,
		// never meaning so, when all is archived.
		lost, lands int32
	}{
		{"the whole block, before its first piece", 1, 3},
		{"the whole block, after its first piece", 1, 4},
		{"the whole block, after its last piece", 1, never},
		{"a piece, before its half", 3, 5},
		{"a piece, after its half", 3, 6},
		{"a piece, when all is done", 3, never},
	} {
		t.Run(x.name, func(t *testing.T) {
			b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
			for i := range 60 {
				b.alarm(0, uint64(1+i), vigiev1.EventClass_EVENT_CLASS_FIRE)
			}
			var count atomic.Int32
			var late func() error
			stop := b.run(60, func(ctx context.Context, table, token string, columns []warehouse.Column) error {
				n := count.Add(1)
				if n == x.lands {
					if err := late(); err != nil {
						return err
					}
				}
				switch {
				case n == x.lost:
					own := copied(columns)
					late = func() error { return b.db.Insert(context.Background(), table, token, own) }
					return errNoAnswer
				case n == x.lost+1, n == 1:
					return fmt.Errorf("%w: the first attempt holds the memory", warehouse.ErrTooLarge)
				}
				return b.db.Insert(ctx, table, token, columns)
			})
			b.settle()
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if x.lands == never {
				if err := late(); err != nil {
					t.Fatal(err)
				}
			}
			b.mustBeExact()
		})
	}
}

// While ClickHouse is still at an insert whose client has gone, nobody looks whether
// its rows are there: they are waited for, not cut and sent again.
func TestInsertUnderWayIsWaitedFor(t *testing.T) {
	b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
	b.exec("ALTER TABLE {db}.events ADD CONSTRAINT slow CHECK sleep(2) = 0")
	for i := range 20 {
		b.alarm(0, uint64(1+i), vigiev1.EventClass_EVENT_CLASS_FIRE)
	}
	var count atomic.Int32
	stop := b.run(20, func(ctx context.Context, table, token string, columns []warehouse.Column) error {
		switch count.Add(1) {
		case 1:
			ctx, leave := context.WithCancel(ctx)
			go func() {
				defer leave()
				eventually(func() bool {
					n, err := b.db.InsertingUnder(ctx, "v1:")
					return err == nil && n == 1
				})
			}()
			return b.db.Insert(ctx, table, token, columns)
		case 2:
			return fmt.Errorf("%w: the first attempt holds the memory", warehouse.ErrTooLarge)
		}
		return b.db.Insert(ctx, table, token, columns)
	})
	b.mustBeExact()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if n := count.Load(); n != 2 {
		t.Errorf("%d inserts, though the first brought all rows and the second was refused", n)
	}
}

// ClickHouse writes a token down before the rows: killed in between, it drops what
// comes again. What an answer did not vouch for is looked at.
func TestTokenWithoutRowsLosesNothing(t *testing.T) {
	b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
	for i := range 10 {
		b.alarm(0, uint64(1+i), vigiev1.EventClass_EVENT_CLASS_FIRE)
	}
	var count atomic.Int32
	stop := b.run(10, func(ctx context.Context, table, token string, columns []warehouse.Column) error {
		err := b.db.Insert(ctx, table, token, columns)
		if err == nil && count.Add(1) == 1 {
			b.exec("DELETE FROM {db}.events WHERE kafka_offset >= 4")
			b.exec("TRUNCATE TABLE {db}.events_by_minute")
			return errNoAnswer
		}
		return err
	})
	r := b.settle()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if n := r.Total(); n.Missing+n.Double+n.Different > 0 || n.Rows != 10 {
		t.Errorf("%d missing, %d double of %d rows", n.Missing, n.Double, n.Rows)
	}
}

// A commit that reaches the broker after newer ones takes the plan away, and with it
// the bounds of blocks that stand there. Those who take over insert what is missing.
func TestCommitSetBackDoublesNothing(t *testing.T) {
	for _, dies := range []int32{0, 2, 7} {
		t.Run(fmt.Sprintf("killed at insert %d", dies), func(t *testing.T) {
			b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
			b.beat(0, 30)
			b.mixture(80)
			if dies > 0 {
				b.die(dies)
			} else {
				stop := b.run(9, nil)
				b.settle()
				if err := stop(); err != nil {
					t.Fatal(err)
				}
			}
			back := kadm.Offsets{}
			for _, topic := range Topics {
				for p := range int32(partitions) {
					back.AddOffset(b.kafka.Topic(topic), p, 0, -1)
				}
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := kadm.NewClient(b.cl).CommitAllOffsets(ctx, b.kafka.Group(eventlog.GroupArchiver), back); err != nil {
				t.Fatal(err)
			}
			b.mixture(30)
			stop := b.run(11, nil)
			b.mustBeExact()
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
