package archiver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/schemas/wire"
	"github.com/open-vigie/vigie/services/warehouse"
)

// decoderVersion counts the changes of what a record becomes in rows. It stands
// in each plan: a plan of another version may have had other rows.
const decoderVersion = 1

// envelopeVersion is the newest version of LogRecord that this program knows.
const envelopeVersion = 1

// block gathers rows of one partition until they are inserted. Its unit is what
// one index stands for: a heartbeat of a beat, or else a whole record.
type block struct {
	// topic is a name of package topics.
	topic string
	// first and last are the units at its ends; units is how many there are.
	first, last position
	units       int
	// records is how many began in it; bytes is how long their values are.
	records, bytes int
	// newest is the youngest Kafka time stamp in it, Unix ms.
	newest int64
	// events says that it has more than beats: it must not wait long.
	events bool
	bad    int

	tables map[string]table
	order  []table
	// ready are the tables that are in ClickHouse's columns already, by name; nil when
	// none was tried.
	ready map[string]*warehouse.Prepared
}

func newBlock(topic string) *block { return &block{topic: topic, tables: map[string]table{}} }

// rowsOf returns the block's rows of a table, made at the first use.
func rowsOf[T table](b *block, make func() T) T {
	var none T // a nil pointer, which has its name all the same
	if have, ok := b.tables[none.name()]; ok {
		return have.(T)
	}
	fresh := make()
	b.tables[fresh.name()] = fresh
	b.order = append(b.order, fresh)
	return fresh
}

// free gives back what the block's rows lay in: nobody may look at them any more.
func (b *block) free() {
	for _, t := range b.order {
		if x, ok := t.(interface{ free() }); ok {
			x.free()
		}
	}
}

// record is a decoded record: how many units it has, and how they become rows.
type record struct {
	units uint32
	// add appends units from..to (inclusive) to the block.
	add func(b *block, from, to uint32)
	// isBeat: nothing in it is waited for.
	isBeat bool
	bad    bool
}

// take appends units from..to of the record to the block.
func (b *block) take(r *kgo.Record, decoded record, from, to uint32) {
	if b.units == 0 {
		b.first = position{r.Offset, from}
	}
	b.last = position{r.Offset, to}
	b.units += int(to-from) + 1
	if from == 0 {
		b.records++
		b.bytes += len(r.Value)
	}
	b.events = b.events || !decoded.isBeat
	b.newest = max(b.newest, r.Timestamp.UnixMilli())
	if decoded.bad {
		b.bad++
	}
	decoded.add(b, from, to)
}

// reader decodes the records of a topic. What it read of one it writes over with the
// next: a record is taken into blocks before.
type reader struct {
	topic   string
	decoder wire.Decoder
}

// read never fails: what cannot be decoded becomes a row of its own that says why.
func (d *reader) read(r *kgo.Record) record {
	decoded, err := d.value(r)
	if err == nil {
		return decoded
	}
	return record{units: 1, bad: true, add: func(b *block, _, _ uint32) {
		sum := sha256.Sum256(r.Value)
		rowsOf(b, func() *undecodableRows { return &undecodableRows{} }).
			add(placeOf(r, 0), d.topic, err.Error(), len(r.Value), hex.EncodeToString(sum[:]), r.Timestamp.UnixMilli())
	}}
}

func placeOf(r *kgo.Record, index uint32) place { return place{r.Partition, r.Offset, index} }

// single is a record of one row.
func single(add func(b *block)) record {
	return record{units: 1, add: func(b *block, _, _ uint32) { add(b) }}
}

var errTombstone = errors.New("a record without a value, which this topic never has")

func (d *reader) value(r *kgo.Record) (record, error) {
	if r.Value == nil && d.topic != topics.SiteStates && d.topic != topics.Incidents {
		return record{}, errTombstone
	}
	at, stamp := placeOf(r, 0), r.Timestamp.UnixMilli()
	switch d.topic {
	case topics.Events:
		return d.logRecord(r)
	case topics.SiteStates:
		s, err := stateOf(r)
		return single(func(b *block) {
			rowsOf(b, func() *siteStateRows { return &siteStateRows{} }).add(at, s, r.Value == nil, stamp)
		}), err
	case topics.Detections:
		x := &vigiev1.Detection{}
		return single(func(b *block) { rowsOf(b, func() *detectionRows { return &detectionRows{} }).add(at, x) }), unmarshal(r, x)
	case topics.Incidents:
		i, err := incidentOf(r)
		return single(func(b *block) {
			rowsOf(b, func() *incidentRows { return &incidentRows{} }).add(at, i, r.Value == nil, stamp)
		}), err
	case topics.Outcomes:
		o := &vigiev1.EventOutcome{}
		return single(func(b *block) { rowsOf(b, func() *outcomeRows { return &outcomeRows{} }).add(at, o) }), unmarshal(r, o)
	case topics.Rejected:
		x := &vigiev1.Rejected{}
		return single(func(b *block) { rowsOf(b, func() *rejectedRows { return &rejectedRows{} }).add(at, x) }), unmarshal(r, x)
	default:
		return record{}, fmt.Errorf("the archiver has no table for topic %s", d.topic)
	}
}

func unmarshal(r *kgo.Record, m proto.Message) error {
	if err := proto.Unmarshal(r.Value, m); err != nil {
		return notA(m, err)
	}
	return nil
}

func notA(m proto.Message, err error) error {
	return fmt.Errorf("the value is no %s: %w", m.ProtoReflect().Descriptor().Name(), err)
}

// stateOf reads a site's state; a tombstone's key names the site.
func stateOf(r *kgo.Record) (*vigiev1.SiteState, error) {
	s := &vigiev1.SiteState{}
	if r.Value != nil {
		return s, unmarshal(r, s)
	}
	site, err := strconv.ParseUint(string(r.Key), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the tombstone's key %q is no site: %w", r.Key, err)
	}
	s.Site = site
	return s, nil
}

// incidentOf reads an incident; a tombstone's key is its id.
func incidentOf(r *kgo.Record) (*vigiev1.Incident, error) {
	x := &vigiev1.Incident{}
	if r.Value != nil {
		return x, unmarshal(r, x)
	}
	site, err := ids.IncidentSite(string(r.Key))
	if err != nil {
		return nil, fmt.Errorf("the tombstone's key: %w", err)
	}
	x.Id, x.Site = string(r.Key), site
	return x, nil
}

func (d *reader) logRecord(r *kgo.Record) (record, error) {
	l, err := d.decoder.Decode(r.Value)
	if err != nil {
		return record{}, notA(l, err)
	}
	if l.GetVersion() > envelopeVersion {
		return record{}, fmt.Errorf("the envelope has version %d, newer than the %d that this program knows: upgrade it and rebuild the warehouse", l.GetVersion(), envelopeVersion)
	}
	at, stamp := placeOf(r, 0), r.Timestamp.UnixMilli()
	events := func(add func(rows *eventRows)) record {
		return single(func(b *block) { add(rowsOf(b, newEventRows)) })
	}
	switch x := l.GetRecord().(type) {
	case *vigiev1.LogRecord_Event:
		return record{units: 1, add: func(b *block, _, _ uint32) {
			rowsOf(b, newEventRows).add(at, x.Event, stamp)
		}}, nil
	case *vigiev1.LogRecord_Beat:
		return decodeBeat(r, x.Beat)
	case *vigiev1.LogRecord_Policy:
		return events(func(rows *eventRows) {
			rows.addSystem(at, "policy", x.Policy.GetContentHash()[:min(16, len(x.Policy.GetContentHash()))], x.Policy.GetAtMs(), "")
		}), nil
	case *vigiev1.LogRecord_ReceiverLife:
		return events(func(rows *eventRows) {
			rows.addSystem(at, "receiver_life_"+enum(x.ReceiverLife.GetChange()), x.ReceiverLife.GetId(), x.ReceiverLife.GetAtMs(), x.ReceiverLife.GetReceiver())
		}), nil
	case *vigiev1.LogRecord_Broadcast:
		return events(func(rows *eventRows) {
			rows.addSystem(at, "broadcast", x.Broadcast.GetId(), x.Broadcast.GetAtMs(), "")
		}), nil
	default:
		return events(func(rows *eventRows) { rows.addSystem(at, "unknown", nil, stamp, "") }), nil
	}
}

// decodeBeat makes each poll a unit; a beat without polls is one unit.
func decodeBeat(r *kgo.Record, beat *vigiev1.Beat) (record, error) {
	n := len(beat.GetSite())
	if p := len(beat.GetPath()); p != 0 && p != n {
		return record{}, fmt.Errorf("the beat has %d sites and %d paths", n, p)
	}
	if d := len(beat.GetReceivedDeltaMs()); d != n {
		return record{}, fmt.Errorf("the beat has %d sites and %d times", n, d)
	}
	stamp := r.Timestamp.UnixMilli()
	return record{units: uint32(max(n, 1)), isBeat: true, add: func(b *block, from, to uint32) {
		if from == 0 {
			rowsOf(b, func() *beatRows { return &beatRows{} }).add(placeOf(r, 0), beat, stamp)
		}
		if n == 0 {
			return
		}
		rows := rowsOf(b, newHeartbeatRows)
		received := beat.GetBaseMs()
		for i := range uint32(n) {
			received += beat.GetReceivedDeltaMs()[i]
			if i < from || i > to {
				continue
			}
			path := uint32(1)
			if len(beat.GetPath()) > 0 {
				path = beat.GetPath()[i]
			}
			rows.add(placeOf(r, i), beat.GetSite()[i], path, received, beat.GetWriter())
		}
	}}, nil
}
