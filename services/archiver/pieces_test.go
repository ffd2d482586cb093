package archiver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

// poison makes the table of events refuse site 666, as a type or a constraint of
// ClickHouse would.
const poison = "ALTER TABLE {db}.events ADD CONSTRAINT poison CHECK site != 666"

// Records that ClickHouse refuses are found in their block, set aside with the reason,
// said on vigie.rejected, and known to the comparison; all others arrive once. Killed
// at any insert on the way, the next archiver goes on with the same pieces.
func TestPoisonousBlockIsBisected(t *testing.T) {
	for _, dies := range []int32{0, 2, 5, 9} {
		t.Run(fmt.Sprintf("killed at insert %d", dies), func(t *testing.T) {
			b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
			b.exec(poison)
			for i := range 40 {
				site := uint64(1 + i)
				if i == 7 || i == 31 {
					site = 666
				}
				b.alarm(0, site, vigiev1.EventClass_EVENT_CLASS_FIRE)
			}
			if dies > 0 {
				b.die(dies)
			}
			stop := b.run(40, nil)
			b.made += 2 // what is said on vigie.rejected
			b.awaitRows("undecodable", 2)
			b.awaitRows("rejected", 2)
			r := b.settle()
			if n := r.Total(); r.Err() != nil || n.SetAside != 2 {
				t.Errorf("%d set aside, %v", n.SetAside, r.Err())
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if got := b.ask("SELECT toString(groupArray((kafka_offset, refused_by, reason LIKE '%poison%', reason LIKE '%Column values%'))) FROM (SELECT * FROM {db}.undecodable ORDER BY kafka_offset)"); got != "[(7,'events',1,0),(31,'events',1,0)]" {
				t.Error("set aside: " + got)
			}
			if got := b.ask("SELECT toString(arraySort(groupUniqArray((stage, reason, of_topic, of_offset)))) FROM {db}.rejected"); got != "[('archiver','refused-by-clickhouse','events',7),('archiver','refused-by-clickhouse','events',31)]" {
				t.Error("rejected: " + got)
			}
		})
	}
}

// die runs an archiver that arrives at so many inserts and gets no answer to the last.
func (b *bench) die(at int32) {
	b.t.Helper()
	b.dieOnce(at, func(string) bool { return true })
}

// dieOnce dies with the nth insert into tables of this kind.
func (b *bench) dieOnce(at int32, counts func(table string) bool) {
	b.t.Helper()
	var count atomic.Int32
	died := make(chan struct{})
	stop := b.run(40, func(ctx context.Context, table, token string, columns []warehouse.Column) error {
		n := count.Load()
		if counts(table) {
			n = count.Add(1)
		} else if n >= at {
			n = at + 1
		}
		if n > at {
			return errors.New("the process died")
		}
		err := b.db.Insert(ctx, table, token, columns)
		if n == at {
			close(died)
			return errors.New("the process died")
		}
		return err
	})
	<-died
	if err := stop(); err != nil {
		b.t.Fatal(err)
	}
}

var noonTime = time.UnixMilli(noon)

// eventually waits until ok holds, for a minute and a half.
func eventually(ok func() bool) bool {
	deadline := time.After(90 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
	return true
}

// awaitRows waits until a table has so many rows, or more.
func (b *bench) awaitRows(table string, n uint64) {
	b.t.Helper()
	if !eventually(func() bool {
		var have uint64
		err := b.db.Conn().QueryRow(context.Background(), "SELECT count() FROM "+b.db.Database()+"."+table).Scan(&have)
		return err == nil && have >= n
	}) {
		b.t.Fatalf("%s has no %d rows", table, n)
	}
}

// A block that is more than ClickHouse's memory allows goes in smaller pieces.
func TestBlockThatIsTooLargeIsSplit(t *testing.T) {
	b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
	for i := range 60 {
		b.alarm(0, uint64(1+i), vigiev1.EventClass_EVENT_CLASS_FIRE)
	}
	var most atomic.Int64
	stop := b.run(60, func(ctx context.Context, table, token string, columns []warehouse.Column) error {
		rows := len(columns[1].Values.([]uint64))
		if rows > 16 {
			return fmt.Errorf("%w: of %d rows", warehouse.ErrTooLarge, rows)
		}
		most.Store(max(most.Load(), int64(rows)))
		return b.db.Insert(ctx, table, token, columns)
	})
	b.mustBeExact()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if most.Load() < 8 {
		t.Errorf("at most %d rows went together, where 16 were allowed", most.Load())
	}
}

// A view that refuses: what its table has by then is not sent twice, and a repair
// gives the rollup what it lacks. Whether the table has it, ClickHouse decides.
func TestViewThatRefusesDoublesNothing(t *testing.T) {
	b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
	b.exec("CREATE MATERIALIZED VIEW {db}.broken TO {db}.events_by_minute AS SELECT toStartOfMinute(toDateTime(received_at, 'UTC')) AS minute, kind, class, toUInt64(throwIf(site = 666)) AS events FROM {db}.events GROUP BY minute, kind, class, site")
	for _, site := range []uint64{1, 666, 2} {
		b.alarm(0, site, vigiev1.EventClass_EVENT_CLASS_FIRE)
	}
	stop := b.run(3, nil)
	if !eventually(func() bool { return b.pending() == 0 }) {
		t.Error("the archiver does not get past the view")
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	b.exec("DROP VIEW {db}.broken")
	o := b.options()
	o.Repair = true
	r, err := Verify(context.Background(), o)
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	if n := b.ask("SELECT toString((count(), uniqExact(kafka_offset))) FROM {db}.events"); n != "(3,3)" && n != "(2,2)" {
		t.Error("rows and offsets: " + n)
	}
}

// Nothing is planned while somebody asks archivers to hold still, nor while a table
// has as many parts as ClickHouse allows before it slows inserts down.
func TestInsertsPause(t *testing.T) {
	b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
	ctx := context.Background()
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	now := noonTime
	g := &gate{db: b.db, log: discard, metrics: m, now: func() time.Time { now = now.Add(partsEvery); return now }}
	want := func(what string, reason ...string) {
		t.Helper()
		err := g.open(ctx)
		if len(reason) == 0 {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			return
		}
		for _, word := range reason {
			if err == nil || !errors.Is(err, errPaused) || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v, without %q", what, err, word)
			}
		}
	}
	want("at first")
	if err := b.db.Pause(ctx, "me", "a test holds it", time.Minute); err != nil {
		t.Fatal(err)
	}
	want("asked to hold still", "a test holds it")
	if err := b.db.Pause(ctx, "me", "", 0); err != nil {
		t.Fatal(err)
	}
	want("asked no more")
	b.exec("SYSTEM STOP MERGES {db}.events")
	b.exec("ALTER TABLE {db}.events MODIFY SETTING parts_to_delay_insert = 4")
	for i := range 4 {
		b.exec(fmt.Sprintf("INSERT INTO {db}.events (kafka_offset, received_at) VALUES (%d, '2026-01-01 00:00:00')", i))
	}
	want("crowded", "events", "4 parts", "system.merges")
	b.exec("SYSTEM START MERGES {db}.events")
	b.exec("OPTIMIZE TABLE {db}.events FINAL")
	want("merged")
}

// A backlog is told with how long it will take, and ends.
func TestBacklogSaysHowLongItTakes(t *testing.T) {
	b := &backlog{log: discard}
	at := noonTime
	for _, x := range []struct {
		waiting int64
		left    float64
	}{{500, 0}, {100_000, math.Inf(1)}, {120_000, math.Inf(1)}, {60_000, 0}, {40_000, 0}, {9_000, 0}} {
		at = at.Add(backlogEvery)
		b.look(at, x.waiting)
		if x.left > 0 && b.seconds() != x.left {
			t.Errorf("%d wait: %g s", x.waiting, b.seconds())
		}
	}
	if b.seconds() != 0 || b.behind() != "" {
		t.Errorf("caught up: %g s, %q", b.seconds(), b.behind())
	}
	b = &backlog{log: discard}
	for i, waiting := range []int64{100_000, 80_000, 60_000} {
		b.look(noonTime.Add(time.Duration(i)*10*time.Second), waiting)
	}
	if b.seconds() != 30 || !strings.Contains(b.behind(), "60000 records wait, caught up in 30s") {
		t.Errorf("2,000 a second and 60,000 left: %g s, %q", b.seconds(), b.behind())
	}
}

// Blocks are larger when many records wait, and all of them together stay bounded.
func TestLargerBlocksWhenBehind(t *testing.T) {
	b := &backlog{log: discard}
	if n := b.lend(20_000, 30_000); n != 0 {
		t.Errorf("%d more units for a block and a half", n)
	}
	if n := b.lend(20_000, 1_000_000); n != 7*20_000 {
		t.Errorf("%d more units when a million wait", n)
	}
	for range 10 {
		b.lend(20_000, 1_000_000)
	}
	if b.lent != extraUnits {
		t.Errorf("%d units lent, %d are the bound", b.lent, extraUnits)
	}
	b.giveBack(extraUnits)
	if n := b.lend(20_000, 100_000); n != 80_000 {
		t.Errorf("%d more units when 100,000 wait", n)
	}
}
