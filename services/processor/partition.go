package processor

import (
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/schemas/wire"
	"github.com/open-vigie/vigie/services/chain"
)

// envelopeVersion is the newest LogRecord.version that this program reads.
const envelopeVersion = 1

// partition is one partition of the log being folded: a pure state machine.
// Given the same records it holds the same state and has given the same outputs.
type partition struct {
	number int32
	// input is the topic that is folded, a name of package topics.
	input  string
	fold   Fold
	clock  clock
	timers timerQueue
	chain  chain.Chain
	// next is F: the offset of the first record not yet folded.
	next int64
	// pending are the outputs that no confirmed transaction holds yet.
	pending []pendingOutput
	urgent  bool
	// kept is about how many bytes they are; full says that no input is read for it.
	kept int
	full bool
	// quiet discards outputs: what is replayed was committed before.
	quiet bool
	ctx   Context
	// in is the record being folded, fire hands a timer to the fold.
	in      *kgo.Record
	fire    func(Timer) bool
	decoder wire.Decoder
	// restoring is there while a state is being read.
	restoring *restoring
	saved     saved
	// reads is the newest envelope that this program reads.
	reads uint32
	// stop is the record before which it stops; stands says that it came there.
	stop   *stopError
	stands bool
	// spoiled: the fold failed inside a record, and nothing of it is true any more.
	spoiled bool
	// signedAt is when a checkpoint of it was last begun.
	signedAt time.Time
}

// pendingOutput is an encoded output and the input offset that caused it.
type pendingOutput struct {
	at     int64
	record *kgo.Record
	// everywhere: for each partition of vigie.events, beside the transaction.
	everywhere bool
	// said: it stands there.
	said bool
	// aside is why its input was set aside; "" for what the fold says.
	aside string
}

func newPartition(number int32, fold Fold) *partition {
	p := &partition{number: number, input: topics.Events, fold: fold, reads: envelopeVersion}
	p.ctx.clock = &p.clock
	p.ctx.emit = func(o Output) { p.output(p.in, o) }
	p.fire = func(t Timer) bool { return p.fold.Fire(&p.ctx, t) }
	p.ctx.arm = p.timers.arm
	return p
}

// apply folds one record. The record must be the one at next or after it: the
// log of events has no holes that carry meaning. The error is a *stopError: the
// record was not folded, and next stands before it.
func (p *partition) apply(r *kgo.Record) (err error) {
	if r.Offset < p.next {
		return nil
	}
	if p.stop != nil && r.Offset >= p.stop.offset {
		return p.stop
	}
	log, undecodable := p.decoder.Decode(r.Value)
	if undecodable == nil && log.Version > p.reads {
		return newerEnvelope(r, log.Version, p.reads)
	}
	defer func() {
		if failure := recover(); failure != nil {
			p.spoiled = true
			err = foldFailed(r, log.GetEvent().GetSite(), failure)
		}
	}()
	p.chain.Add(r)
	p.next = r.Offset + 1
	p.ctx.outs = 0
	p.in = r
	rec := Record{Partition: p.number, Offset: r.Offset, TimestampMS: r.Timestamp.UnixMilli(), Key: r.Key, Log: log}
	p.ctx.record = rec
	switch {
	case undecodable != nil:
		p.setAside(r, asideUndecodable, "the value is not a vigie.v1.LogRecord")
	case log.Record == nil && len(log.ProtoReflect().GetUnknown()) == 0:
		p.setAside(r, asideEmpty, "the record holds nothing")
	case log.Record == nil:
		// A kind of record that a newer program writes: kept in the log, passed over.
	default:
		p.step(rec)
	}
	return nil
}

// step moves the clocks, folds, and fires what became due.
func (p *partition) step(rec Record) {
	beat := rec.Log.GetBeat()
	if beat != nil {
		p.clock.beat(beat)
	}
	if adjusted := rec.Log.GetBroadcast().GetClockAdjusted(); adjusted != nil {
		p.clock.adjust(rec.Log.GetBroadcast().GetId(), adjusted.NewWatermarkMs)
	}
	p.fold.Apply(&p.ctx, rec)
	if beat != nil && beat.TMs != 0 {
		p.timers.fire(&p.clock, p.fire)
	}
}

// Why a record is set aside, as vigie.rejected and the metric say it.
const (
	asideUndecodable = "undecodable"
	asideEmpty       = "empty"
)

// setAside says on vigie.rejected what could not be folded, and goes on. It is
// part of the fold version: no word of a library's, which may change, is in it.
func (p *partition) setAside(r *kgo.Record, reason, detail string) {
	if p.quiet {
		return
	}
	p.output(r, Output{
		Topic: topics.Rejected,
		Key:   []byte(p.input),
		Value: &vigiev1.Rejected{
			AtMs: r.Timestamp.UnixMilli(), Stage: "processor", Source: p.input, Reason: reason, Detail: detail,
			RawLength: uint64(len(r.Value)), Topic: p.input, Partition: r.Partition, Offset: r.Offset,
		},
	})
	p.pending[len(p.pending)-1].aside = reason
}

var encoding = proto.MarshalOptions{Deterministic: true}

// output encodes an output and keeps it until its transaction is confirmed.
func (p *partition) output(in *kgo.Record, o Output) {
	if p.quiet {
		return
	}
	out := &kgo.Record{
		Topic:     o.Topic,
		Partition: p.number,
		Key:       o.Key,
		Timestamp: in.Timestamp,
	}
	if o.Value != nil {
		value, err := encoding.Marshal(o.Value)
		if err != nil {
			panic(fmt.Sprintf("processor: an output on %s cannot be encoded: %v", o.Topic, err))
		}
		out.Value = value
	}
	if out.Headers = headers(p.input, o, out, in); o.Everywhere {
		out.Topic, out.Headers = topics.Events, []kgo.RecordHeader{{Key: topics.HeaderKind, Value: []byte("broadcast")}}
	}
	p.pending = append(p.pending, pendingOutput{at: in.Offset, record: out, everywhere: o.Everywhere})
	p.kept += sizeOf(out)
	p.urgent = p.urgent || o.Urgent
}

// headers are CloudEvents in binary mode and the input position. The id is a
// hash of what is said, so that equal outputs have equal ids on any cluster.
func headers(input string, o Output, out, in *kgo.Record) []kgo.RecordHeader {
	hs := []kgo.RecordHeader{
		{Key: topics.HeaderInPartition, Value: strconv.AppendInt(nil, int64(in.Partition), 10)},
		{Key: topics.HeaderInOffset, Value: strconv.AppendInt(nil, in.Offset, 10)},
	}
	source := "/vigie/processor"
	if input != topics.Events {
		source = "/vigie/" + input
		hs = append(hs, kgo.RecordHeader{Key: topics.HeaderInTopic, Value: []byte(input)})
	}
	if o.Value == nil {
		return hs
	}
	id := ids.Hash(o.Topic, string(o.Key), string(out.Value))
	name := string(o.Value.ProtoReflect().Descriptor().FullName())
	return append(hs,
		kgo.RecordHeader{Key: "ce_specversion", Value: []byte("1.0")},
		kgo.RecordHeader{Key: "ce_id", Value: []byte(id.String())},
		kgo.RecordHeader{Key: "ce_source", Value: []byte(source)},
		kgo.RecordHeader{Key: "ce_type", Value: []byte(name)},
		kgo.RecordHeader{Key: "content-type", Value: []byte("application/protobuf")},
	)
}

// sizeOf is about what an output takes in memory.
func sizeOf(r *kgo.Record) int {
	const around = 512 // the record itself, its headers and their values
	return len(r.Key) + len(r.Value) + around
}

// drop forgets the outputs that a confirmed transaction holds: those caused
// before the committed offset.
func (p *partition) drop(committed int64) {
	n := 0
	for n < len(p.pending) && p.pending[n].at < committed {
		p.kept -= sizeOf(p.pending[n].record)
		n++
	}
	clear(p.pending[:n])
	p.pending = p.pending[n:]
	if len(p.pending) == 0 {
		p.pending, p.urgent = nil, false
	}
}

// progress is the partition's record for vigie.progress at offset next.
func (p *partition) progress(owner string) *vigiev1.Progress {
	n := p.fold.Counts()
	return &vigiev1.Progress{
		Partition: uint32(p.number), Offset: p.next, WatermarkMs: p.watermark(), Clocks: p.clock.clocks(),
		ChainHash: p.chain.Hash[:], ChainOrdinal: p.chain.Ordinal,
		FoldVersion: p.fold.Version(), PolicyVersion: n.PolicyVersion, BroadcastVersion: n.BroadcastVersion,
		Owner: owner, Sites: n.Sites, OpenDetections: n.OpenDetections, Snapshots: p.saved.named,
		Stopped: p.stopped(), Baseline: p.saved.baseline,
	}
}

// watermark is how far the partition's time is, Unix ms UTC: that of the beats, or
// of a fold that keeps its own.
func (p *partition) watermark() int64 {
	if f, ok := p.fold.(Timed); ok {
		return f.Time()
	}
	return p.clock.w
}
