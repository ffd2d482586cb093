package appender

import (
	"context"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	// maxPollBytes is the longest that one poll can be in a beat: site, path, delta.
	maxPollBytes = 10 + 5 + 10
	// beatFrameBytes is left in each piece for what is not polls.
	beatFrameBytes = 4 << 10
	// maxLife records (started, stopped) of one run.
	maxLife = 2
	// logVersion of the envelope that this writer makes.
	logVersion = 1
)

// Kinds of records with a null key, as the header vigie-kind names them.
const (
	kindBeat = "beat"
	kindLife = "receiver-life"
)

var deterministic = proto.MarshalOptions{Deterministic: true}

// partition is the single appender of one partition of vigie.events.
type partition struct {
	a  *Appender
	id int32

	mu sync.Mutex
	// open between the start and the last beat.
	open bool
	// lastMS is the last time stamped here; time never goes back in a partition.
	lastMS   int64
	counter  uint64
	sequence uint64
	polls    []poll
	shed     uint32
	// stalled: a beat was due and maxBeats were in flight.
	stalled    bool
	lastBeatMS int64
	beaten     bool
	frames     []uint64

	// What Kafka's answers give back; atomic, because answers take no lock.
	events     atomic.Int64
	eventBytes atomic.Int64
	beats      atomic.Int32
}

type poll struct {
	site       uint64
	path       uint32
	receivedMS int64
	done       func(error)
}

func newPartition(a *Appender, id int32) *partition { return &partition{a: a, id: id} }

func (p *partition) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = true
}

// stamp reads the clock; the caller holds mu.
func (p *partition) stamp() int64 {
	p.lastMS = max(p.lastMS, p.a.clock.nowMS())
	return p.lastMS
}

// build appends the record that build makes.
func (p *partition) build(site uint64, build func(ids.ID, int64) *vigiev1.LogRecord, done func(error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.room(); err != nil {
		return err
	}
	p.counter++
	at := p.stamp()
	record := build(ids.Event(p.a.boot, p.id, p.counter), at)
	record.Version = logVersion
	x := newSiteRecord()
	value, err := deterministic.MarshalAppend(x.record.Value[:0], record)
	x.record.Value = value
	if err != nil {
		return fmt.Errorf("encoding a record of %s: %w", ids.Site(site), err)
	}
	if err := fits(site, len(value)); err != nil {
		return err
	}
	x.send(p, site, at, done)
	return nil
}

// event appends an event that is encoded but for its id and received_at.
func (p *partition) event(site uint64, event []byte, done func(error)) error {
	if err := fits(site, len(event)+recordFrame); err != nil {
		return err
	}
	x := newSiteRecord()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.room(); err != nil {
		x.free()
		return err
	}
	p.counter++
	at := p.stamp()
	x.record.Value = appendRecord(x.record.Value[:0], ids.Event(p.a.boot, p.id, p.counter), at, event)
	x.send(p, site, at, done)
	return nil
}

// recordFrame covers what appendRecord puts around an event.
const recordFrame = 64

// room tells whether an event may be taken; the caller holds mu.
func (p *partition) room() error {
	switch {
	case !p.open:
		return ErrNotRunning
	case p.events.Load() >= maxEvents, p.eventBytes.Load() >= p.a.eventBytesBudget():
		return ErrBusy
	}
	return nil
}

func fits(site uint64, size int) error {
	if size > MaxRecordBytes {
		return fmt.Errorf("%w: %d bytes of %s, at most %d", ErrTooLarge, size, ids.Site(site), MaxRecordBytes)
	}
	return nil
}

func (a *Appender) eventBytesBudget() int64 {
	return max(minEventBytes, allEventBytes/int64(a.cfg.Partitions))
}

func (p *partition) poll(site uint64, path uint32, done func(error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.open {
		return ErrNotRunning
	}
	// While a due beat had to wait, one more buffer of polls would only be
	// older when it is answered: the panel sends again or takes its other path.
	if p.stalled && p.beats.Load() >= maxBeats || len(p.polls) >= maxPolls {
		p.shed++
		return ErrBusy
	}
	p.polls = append(p.polls, poll{site: site, path: path, receivedMS: p.stamp(), done: done})
	return nil
}

// beat appends the polls and T when it is time to, and always when last.
func (p *partition) beat(listeners []*Listener, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.open {
		return
	}
	now := p.stamp()
	if !last && p.beaten && len(p.polls) == 0 && now-p.lastBeatMS < p.a.cfg.IdleBeatEvery.Milliseconds() {
		return
	}
	if p.beats.Load() >= maxBeats && !last {
		p.stalled = true
		p.a.metrics.stalledBeats.Inc()
		return
	}
	p.stalled, p.beaten, p.lastBeatMS = false, true, now
	facts := p.facts(listeners)
	shed := p.shed
	p.shed = 0
	p.a.metrics.polls.Add(float64(len(p.polls)))
	p.beats.Add(1)
	pieces := cut(p.polls)
	p.polls = make([]poll, 0, min(len(p.polls), maxPolls))
	p.open = !last
	unanswered := new(atomic.Int32)
	unanswered.Store(int32(len(pieces)))
	for i, piece := range pieces {
		p.sequence++
		b := p.piece(piece)
		if i == len(pieces)-1 {
			b.TMs, b.Shed, b.Listeners, b.Last = now, shed, facts, last
		}
		p.produceBeat(now, b, piece, unanswered)
	}
}

// produceBeat hands one piece over; the beat is landed when all its pieces are.
func (p *partition) produceBeat(now int64, b *vigiev1.Beat, piece []poll, unanswered *atomic.Int32) {
	answer := func(err error) {
		if unanswered.Add(-1) == 0 {
			p.beats.Add(-1)
		}
		p.a.metrics.appended(kindBeat, p.a.clock.nowMS()-now, err)
		for i := range piece {
			piece[i].done(err)
		}
	}
	value, err := deterministic.Marshal(&vigiev1.LogRecord{Version: logVersion, Record: &vigiev1.LogRecord_Beat{Beat: b}})
	if err != nil {
		panic(fmt.Sprintf("appender: a beat does not encode: %v", err)) // names are checked valid UTF-8 by New
	}
	p.produce(now, value, kindBeat, answer)
}

func (p *partition) piece(polls []poll) *vigiev1.Beat {
	b := &vigiev1.Beat{
		Writer: p.a.cfg.Writer, Boot: p.a.boot, Kind: p.a.cfg.Kind, Group: p.a.cfg.Group, Sequence: p.sequence,
	}
	if len(polls) == 0 {
		return b
	}
	b.BaseMs = polls[0].receivedMS
	b.Site = make([]uint64, len(polls))
	b.ReceivedDeltaMs = make([]int64, len(polls))
	before, onePath := b.BaseMs, true
	for i, q := range polls {
		b.Site[i] = q.site
		b.ReceivedDeltaMs[i] = q.receivedMS - before
		before = q.receivedMS
		onePath = onePath && q.path == 1
	}
	if !onePath {
		b.Path = make([]uint32, len(polls))
		for i, q := range polls {
			b.Path[i] = q.path
		}
	}
	return b
}

// cut splits polls so that each piece encodes to at most maxBeatBytes. There is
// always at least one piece.
func cut(polls []poll) [][]poll {
	var pieces [][]poll
	from, size := 0, beatFrameBytes
	for i, q := range polls {
		// A delta is non-negative and zigzag doubles it; counted from the base
		// of a beat it stays below three bytes.
		n := varintLen(q.site) + varintLen(uint64(q.path)) + deltaBytes
		if size+n > maxBeatBytes {
			pieces = append(pieces, polls[from:i])
			from, size = i, beatFrameBytes
		}
		size += n
	}
	return append(pieces, polls[from:])
}

// deltaBytes covers deltas up to 2^27 ms, 37 hours, between two polls of a beat.
const deltaBytes = 4

func varintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// facts tells the frames of each listener since this partition's last beat.
func (p *partition) facts(listeners []*Listener) []*vigiev1.ListenerFacts {
	facts := make([]*vigiev1.ListenerFacts, len(listeners))
	for i, l := range listeners {
		if i == len(p.frames) {
			p.frames = append(p.frames, 0)
		}
		total := l.frames.Load()
		facts[i] = &vigiev1.ListenerFacts{Listener: l.name, Frames: total - p.frames[i], CanaryAgeMs: -1}
		p.frames[i] = total
	}
	return facts
}

// life appends that the writer started or stopped.
func (p *partition) life(r *vigiev1.ReceiverLife) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.stamp()
	own := proto.CloneOf(r)
	own.AtMs = now
	value, err := deterministic.Marshal(&vigiev1.LogRecord{Version: logVersion, Record: &vigiev1.LogRecord_ReceiverLife{ReceiverLife: own}})
	if err != nil {
		panic(fmt.Sprintf("appender: receiver life does not encode: %v", err))
	}
	p.produce(now, value, kindLife, func(err error) {
		p.a.metrics.appended(kindLife, p.a.clock.nowMS()-now, err)
	})
}

// produce hands a record of no site to the client inside the critical section, as
// siteRecord.send does those of sites.
func (p *partition) produce(atMS int64, value []byte, kind string, answer func(error)) {
	r := &kgo.Record{
		Topic: p.a.topic, Partition: p.id, Value: value, Timestamp: time.UnixMilli(atMS),
		Headers: []kgo.RecordHeader{{Key: topics.HeaderKind, Value: []byte(kind)}},
	}
	p.a.flying.Add(1)
	p.a.client.TryProduce(context.Background(), r, func(_ *kgo.Record, err error) {
		defer p.a.flying.Done()
		if err != nil {
			err = p.failed(err)
		}
		answer(err)
	})
}
