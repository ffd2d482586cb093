package archiver

import (
	"context"
	"strings"
	"testing"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

func (b *bench) rebuild() *Rebuilt {
	b.t.Helper()
	done, err := Rebuild(context.Background(), RebuildOptions{Kafka: b.kafka, DB: b.db, Log: discard})
	if err != nil {
		b.t.Fatal(err)
	}
	return done
}

// Tables that were harmed in every way are those of the log again, with an archiver at
// work all the while; the one that held still goes on, and a block that it sends
// again doubles nothing.
func TestRebuildBesideAnArchiver(t *testing.T) {
	b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
	stop := b.run(7, nil)
	b.mixture(120)
	b.beat(0, 100)
	b.mustBeExact()
	b.exec("TRUNCATE TABLE {db}.events")
	b.exec("ALTER TABLE {db}.site_states UPDATE label = 'another' WHERE 1 SETTINGS mutations_sync = 2")
	b.exec("INSERT INTO {db}.heartbeats SELECT * FROM {db}.heartbeats")
	b.mixture(40)
	if done := b.rebuild(); done.Records == 0 || done.Verified == nil {
		t.Errorf("%+v", done)
	}
	b.mixture(40)
	b.mustBeExact()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := b.ask("SELECT toString(count()) FROM system.databases WHERE name = '{db}_rebuild'"); got != "0" {
		t.Error("the old tables were not dropped")
	}
}

// A block that stands in the old tables and was not committed is sent again after the
// exchange, under the token that the new tables know.
func TestRebuildWithABlockUnderWay(t *testing.T) {
	// Tables with sums among their rollups, and whatever comes.
	for _, table := range []string{"events", "heartbeats", ""} {
		b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
		b.mixture(30)
		b.beat(0, 100)
		b.dieOnce(1, func(name string) bool { return table == "" || name == table })
		b.rebuild()
		stop := b.run(9, nil)
		b.mustBeExact()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// What the log no longer has is carried over and noted; the comparison knows it.
func TestRebuildKeepsWhatTheLogLost(t *testing.T) {
	b := archived(t)
	before := b.ask("SELECT toString(count()) FROM {db}.detections")
	minutes := b.ask("SELECT toString(sum(events)) FROM {db}.events_by_minute")
	b.truncate(topics.Detections, 0, 3)
	b.truncate(topics.Events, 0, 5)
	done := b.rebuild()
	if done.Kept < 8 {
		t.Errorf("%d rows carried over", done.Kept)
	}
	if after := b.ask("SELECT toString(count()) FROM {db}.detections"); after != before {
		t.Errorf("%s detections, %s before", after, before)
	}
	if after := b.ask("SELECT toString(sum(events)) FROM {db}.events_by_minute"); after != minutes {
		t.Errorf("%s events by minute, %s before", after, minutes)
	}
	if got := b.ask("SELECT toString(arraySort(groupArray((table_name, kafka_partition, first_offset, end_offset, kept_rows)))) FROM {db}.not_rebuildable FINAL WHERE table_name = 'detections'"); got != "[('detections',0,0,3,3)]" {
		t.Error("noted: " + got)
	}
	r, err := Verify(context.Background(), b.options())
	if err != nil || r.Err() != nil || r.Total().Older < 8 {
		t.Errorf("%v %v, %d older", err, r.Err(), r.Total().Older)
	}
}

// New tables that are not as the log take nobody's place.
func TestRebuildProvesBeforeItExchanges(t *testing.T) {
	b := archived(t)
	fresh := b.db.In(b.db.Database() + rebuildSuffix)
	if err := fresh.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.exec("ALTER TABLE {db}_rebuild.events ADD CONSTRAINT c CHECK 0")
	_, err := Rebuild(context.Background(), RebuildOptions{Kafka: b.kafka, DB: b.db, Log: discard})
	if err == nil {
		t.Fatal("tables that refuse rows were exchanged")
	}
	b.exec("ALTER TABLE {db}_rebuild.events DROP CONSTRAINT c")
	b.exec("INSERT INTO {db}_rebuild.outcomes (kafka_partition, kafka_offset, received_at) VALUES (77, 5, '2026-01-01 00:00:00')")
	_, err = Rebuild(context.Background(), RebuildOptions{Kafka: b.kafka, DB: b.db, Log: discard})
	if err == nil || !strings.Contains(err.Error(), "--restart") {
		t.Fatalf("a superfluous row in the new tables: %v", err)
	}
	b.mustBeExact()
}
