package processor

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// some are the first records of a partition: events of three sites, and beats.
func some(t *testing.T) []*kgo.Record {
	t.Helper()
	var records []*kgo.Record
	for i := range int64(40) {
		at := start + 300*i
		r := &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{Site: 1 + uint64(i%3), ReceivedAtMs: at}}}
		if i%4 == 3 {
			r = &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: &vigiev1.Beat{
				Writer: "r", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g", Sequence: uint64(i), TMs: at,
			}}}
		}
		value, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, &kgo.Record{Topic: "vigie.events", Partition: 2, Offset: i, Timestamp: time.UnixMilli(at), Value: value})
	}
	return records
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// Decision 3: nothing but the headers that say so depends on offsets. A copy of the
// log on another cluster, with holes where this one has none, gives the same bytes
// and ids.
func TestACopyOfTheLogGivesTheSameOutputs(t *testing.T) {
	want, err := Replay(2, newTally(), some(t))
	if err != nil || len(want) == 0 {
		t.Fatal(len(want), err)
	}
	copied := some(t)
	for i, r := range copied {
		r.Offset = 1_000 + 3*int64(i)
	}
	got, err := Replay(2, newTally(), copied)
	if err != nil || len(got) != len(want) {
		t.Fatal(len(got), len(want), err)
	}
	for i := range got {
		if !bytes.Equal(got[i].Value, want[i].Value) || !bytes.Equal(got[i].Key, want[i].Key) || !got[i].Timestamp.Equal(want[i].Timestamp) || header(got[i], "ce_id") != header(want[i], "ce_id") {
			t.Errorf("output %d differs in the copy", i)
		}
		if header(got[i], topics.HeaderInOffset) == header(want[i], topics.HeaderInOffset) {
			t.Errorf("output %d does not say where its cause stands in the copy", i)
		}
	}
}

// Decision 13: outputs go to the partition number of their input, so that readers
// see a site's in order.
func TestOutputsGoToTheirInputsPartition(t *testing.T) {
	outputs, err := Replay(2, newTally(), some(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outputs {
		if o.Partition != 2 {
			t.Errorf("an output on %s goes to partition %d", o.Topic, o.Partition)
		}
	}
	if p, err := progressRecord(topics.Progress, newPartition(2, newTally()), "a"); err != nil || p.Partition != 2 {
		t.Errorf("progress goes to partition %d, %v", p.Partition, err)
	}
}

// Decision 17: a kind of record, or of event, that a newer program writes in an
// envelope known here is kept in the chain and passed over; it stops nobody.
func TestUnknownBodiesArePassedOver(t *testing.T) {
	p := newPartition(0, newTally())
	const unknownField = 15<<3 | 2 // A length-delimited field that LogRecord does not have.
	before := p.chain.Hash
	if err := p.apply(&kgo.Record{Offset: 0, Value: []byte{unknownField, 1, 'x'}}); err != nil {
		t.Fatal(err)
	}
	if p.next != 1 || len(p.pending) != 0 || p.chain.Hash == before {
		t.Errorf("it stands at %d with %d outputs, chain moved: %v", p.next, len(p.pending), p.chain.Hash != before)
	}
}

// Decision 17: what is said of a record set aside is the same in every build.
func TestWhatIsSaidOfARecordSetAsideIsFixed(t *testing.T) {
	outputs, err := Replay(3, newTally(), []*kgo.Record{{Partition: 3, Offset: 7, Timestamp: time.UnixMilli(start), Value: []byte{0xff, 0xff}}})
	if err != nil || len(outputs) != 1 {
		t.Fatal(len(outputs), err)
	}
	got := &vigiev1.Rejected{}
	if err := proto.Unmarshal(outputs[0].Value, got); err != nil {
		t.Fatal(err)
	}
	want := &vigiev1.Rejected{
		AtMs: start, Stage: "processor", Source: topics.Events, Reason: "undecodable", Detail: "the value is not a vigie.v1.LogRecord",
		RawLength: 2, Topic: topics.Events, Partition: 3, Offset: 7,
	}
	if !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Decision 18: a broadcast takes effect once; its repeat does not set time back.
func TestARepeatedAdjustmentIsWithoutEffect(t *testing.T) {
	var b beating
	b.receiver("a", 0)
	b.receiver("a", 1000)
	b.c.adjust([]byte("said"), start+5_000)
	b.receiver("a", 6_000)
	b.want(t, 6_000, 2_000)
	b.c.adjust([]byte("said"), start+5_000)
	b.want(t, 6_000, 2_000)
}

// Decision 5: the dead-man's figure is reckoned from a clock outside the log, and
// grows while nothing at all comes.
func TestTheDeadMansFigureGrowsWhileNothingComes(t *testing.T) {
	now := time.UnixMilli(start)
	a := newAges(func() time.Time { return now })
	a.watermark(4, start-1_000)
	for _, want := range []string{"1", "91"} {
		metric := `
# HELP watermark_age_seconds How far the partition's watermark W lies behind this machine's clock: the dead-man's figure.
# TYPE watermark_age_seconds gauge
watermark_age_seconds{partition="4"} ` + want + "\n"
		if err := testutil.CollectAndCompare(a, strings.NewReader(metric), "watermark_age_seconds"); err != nil {
			t.Error(err)
		}
		now = now.Add(90 * time.Second)
	}
}

// Decision 5: beats that never came are counted.
func TestLostBeatsAreCounted(t *testing.T) {
	p := newPartition(0, newTally())
	for _, sequence := range []uint64{1, 2, 5, 6} {
		p.clock.beat(&vigiev1.Beat{Writer: "r", Boot: []byte("1"), Sequence: sequence, TMs: start + int64(sequence)})
	}
	m := newStopMetrics()
	m.time(p)
	if got := testutil.ToFloat64(m.beatGaps.WithLabelValues("0")); got != 2 {
		t.Errorf("%v beats were lost, want 2", got)
	}
}

// Decision 11: outputs of one record are bounded; past the bound the fold has failed.
func TestOutputsOfOneRecordAreBounded(t *testing.T) {
	p := newPartition(0, flood{newTally().(*tally)})
	err := p.apply(slices.Clone(some(t))[0])
	if err == nil || !p.spoiled || !strings.Contains(err.Error(), "maxOutputsPerRecord") {
		t.Errorf("got %v", err)
	}
}

// flood puts out without end.
type flood struct{ *tally }

func (f flood) Apply(ctx *Context, r Record) {
	for {
		f.say(ctx, topics.Detections, 1, "again", 0)
	}
}

// Decision 17: before a newer envelope a partition is, in every part, what it was.
func TestANewerEnvelopeLeavesNoTrace(t *testing.T) {
	p := newPartition(2, newTally())
	for _, r := range some(t) {
		if err := p.apply(r); err != nil {
			t.Fatal(err)
		}
	}
	p.drop(p.next)
	before := p.freeze().hash()
	value, err := proto.Marshal(&vigiev1.LogRecord{Version: newestEnvelope, Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{Site: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	err = p.apply(&kgo.Record{Partition: 2, Offset: 40, Value: value})
	if err == nil || p.spoiled || p.freeze().hash() != before {
		t.Errorf("%v; its state is another", err)
	}
}
