package archiver

import (
	"context"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

// exec runs a statement on the warehouse, behind the archiver's back.
func (b *bench) exec(sql string) {
	b.t.Helper()
	if err := b.db.Conn().Exec(context.Background(), strings.ReplaceAll(sql, "{db}", b.db.Database())); err != nil {
		b.t.Fatal(err)
	}
}

// archived is a bench whose traffic stands in the warehouse, with no archiver left.
func archived(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
	stop := b.run(500, nil)
	b.mixture(150)
	b.beat(0, 300)
	for range 6 {
		b.alarm(0, 1, vigiev1.EventClass_EVENT_CLASS_FIRE)
		b.produce(topics.Detections, 0, "7", &vigiev1.Detection{Id: eventID(b.made), Site: 7, Evidence: [][]byte{eventID(1)}, Facts: []string{"x"}})
	}
	b.mustBeExact()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	return b
}

// Harm of each kind is found, named with table and place, and repaired only with
// the flags that it takes.
func TestHarmIsFoundAndRepaired(t *testing.T) {
	b := archived(t)
	last := "(SELECT max(kafka_offset) FROM {db}.events WHERE kafka_partition = 0)"
	for _, x := range []struct {
		name, harm string
		kind       string
		remove     bool
	}{
		{"a row is gone", "DELETE FROM {db}.events WHERE kafka_partition = 0 AND kafka_offset = " + last, Missing, false},
		{"a poll of a beat is gone", "DELETE FROM {db}.heartbeats WHERE kafka_index = 17", Missing, false},
		{"all rows of a table are gone", "TRUNCATE TABLE {db}.detections", Missing, false},
		{"a row stands twice", "INSERT INTO {db}.events SELECT * FROM {db}.events WHERE kafka_partition = 0 AND kafka_offset = " + last, Double, true},
		{"a value is another", "ALTER TABLE {db}.events UPDATE zone = 'another' WHERE kafka_partition = 0 AND kafka_offset = " + last + " SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1", Different, true},
		{"an element of a list is another", "ALTER TABLE {db}.detections UPDATE facts = ['y'] WHERE kafka_partition = 0 AND facts = ['x'] SETTINGS mutations_sync = 2", Different, true},
		{"a row of no record", "INSERT INTO {db}.events SELECT * REPLACE (5 AS kafka_index) FROM {db}.events WHERE kafka_partition = 0 AND kafka_offset = " + last, Superfluous, true},
		{"a row of a partition that is not there", "INSERT INTO {db}.outcomes (kafka_partition, kafka_offset, received_at) VALUES (77, 5, '2026-01-01 00:00:00')", Superfluous, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			b.exec(x.harm)
			r, err := Verify(context.Background(), b.options())
			if err != nil {
				t.Fatal(err)
			}
			if r.Err() == nil || r.Faults[0].Kind != x.kind || !strings.Contains(x.harm, "."+r.Faults[0].Table) {
				t.Fatalf("found %v, %v", r.Faults, r.Err())
			}
			if strings.Contains(x.harm, "77") { // no flag deletes these: whose are they?
				b.exec("DELETE FROM {db}.outcomes WHERE kafka_partition = 77")
				return
			}
			b.repair(x.remove)
		})
	}
	b.mustBeExact()
}

// repair repairs with no more than it takes.
func (b *bench) repair(remove bool) {
	b.t.Helper()
	o := b.options()
	o.Repair = true
	r, err := Verify(context.Background(), o)
	if err != nil {
		b.t.Fatal(err)
	}
	if remove {
		if r.Err() == nil {
			b.t.Error("rows were removed without --remove")
		}
		o.Remove = true
		if r, err = Verify(context.Background(), o); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := r.Err(); err != nil {
		b.t.Error(err)
	}
}

func TestRollupThatIsNotTheAggregateIsReckonedAnew(t *testing.T) {
	b := archived(t)
	for _, x := range []struct{ table, harm string }{
		{"events_by_minute", "INSERT INTO {db}.events_by_minute SELECT minute, kind, class, 1 FROM {db}.events_by_minute LIMIT 1"},
		{"heartbeats_by_hour", "DELETE FROM {db}.heartbeats_by_hour WHERE site = (SELECT min(site) FROM {db}.heartbeats_by_hour)"},
		{"heartbeats_by_day", "DELETE FROM {db}.heartbeats_by_day WHERE site = (SELECT max(site) FROM {db}.heartbeats_by_day)"},
		{"alarms", "DELETE FROM {db}.alarms WHERE hour = (SELECT min(hour) FROM {db}.alarms)"},
		{"incident_clocks", "INSERT INTO {db}.incident_clocks (opened_on, site, incident, class, claimed_at) SELECT opened_on, site, incident, class, toDateTime64(4000000000, 3, 'UTC') FROM {db}.incident_clocks LIMIT 1"},
	} {
		b.exec(x.harm)
		r, err := Verify(context.Background(), b.options())
		if err != nil {
			t.Fatal(err)
		}
		if r.Err() == nil || r.Faults[0].Kind != Rollup || r.Faults[0].Table != x.table {
			t.Fatalf("%s: found %v", x.table, r.Faults)
		}
		b.repair(false)
	}
	b.mustBeExact()
}

// Rows at offsets before the log's beginning are told, and count as no fault.
func TestWhatTheLogLostIsKeptAndTold(t *testing.T) {
	b := archived(t)
	b.truncate(topics.Detections, 0, 2)
	r, err := Verify(context.Background(), b.options())
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Total(); n.Older != 2 || r.Err() != nil {
		t.Errorf("%d rows older than the log, not 2; %v", n.Older, r.Err())
	}
}

// truncate deletes the records of a partition before an offset.
func (b *bench) truncate(topic string, partition int32, before int64) {
	b.t.Helper()
	full := b.kafka.Topic(topic)
	gone, err := kadm.NewClient(b.cl).DeleteRecords(context.Background(), kadm.Offsets{full: {partition: {Topic: full, Partition: partition, At: before}}})
	if err == nil {
		err = gone.Error()
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
