package processor

import (
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Fold is a pure computation over one partition of the log. The engine owns
// bytes, transactions, time and the order of timers; the fold owns meaning.
//
// The contract: the outputs of a history depend on its records alone. A fold
// reads no clock, does no I/O, starts no goroutine, draws no random number and
// lets no map's order show. One fold is used by one goroutine at a time.
//
// Its state can be frozen after any record, and a fold restored from the bytes
// goes on as the one that was frozen would have: the same outputs, the same
// timers, the same bytes at the next snapshot. Package foldtest tries all of
// this on any fold.
type Fold interface {
	// Version names the rules, the engine's time rules and the output encoding
	// together: two folds of equal version give equal bytes.
	Version() uint32
	// Apply folds one record. A beat, or an event of a panel, is lent: the engine
	// writes the next one over it. Of its messages, slices and bytes the fold keeps
	// copies; strings it may keep. For a beat the clocks already stand at its T, and
	// due timers fire after it.
	Apply(ctx *Context, r Record)
	// Fire tells the fold that a timer it armed is due. Timers are lazy: the
	// fold looks at its state, re-arms when the deadline has moved, and returns
	// false when nothing came of it. Only effective ones count against the
	// bound of timers fired in one beat.
	Fire(ctx *Context, t Timer) bool
	// Counts goes into the partition's progress record.
	Counts() Counts
	// Snapshot freezes the state as it is now. The partition stands still
	// meanwhile: it should copy little, and copy on writing instead.
	Snapshot() Frozen
	// Restore takes in one piece of a snapshot of equal Version; an empty fold is
	// given all of them, in order. The error says what cannot be; the fold is
	// thrown away then. No bytes may make it panic.
	Restore(piece *packed.Coder) error
}

// Frozen is the state of a fold at one record. One goroutine reads it once, to
// its end, while the fold goes on in another.
type Frozen interface {
	// Next writes the next piece, of 1 MB or less unless one thing is larger, and
	// says whether more follow. Equal states give equal pieces.
	Next(piece *packed.Coder) (more bool)
}

// Timed is a Fold that keeps a time of its own, because what it folds has no beats.
// The time is shown as the partition's watermark, and decides nothing in the engine.
type Timed interface {
	// Time is how far the fold is, Unix ms UTC; 0 before its first record.
	Time() int64
}

// Counts says how much a fold holds.
type Counts struct {
	Sites, OpenDetections, PolicyVersion, BroadcastVersion uint64
	// Degraded counts sites on which the fold failed, kept by a minimal rule since.
	Degraded uint64
}

// Record is one input record of the partition.
type Record struct {
	Partition int32
	Offset    int64
	// TimestampMS is the Kafka record timestamp, Unix ms UTC.
	TimestampMS int64
	Key         []byte
	// Log is lent until Apply returns: see Fold.Apply.
	Log *vigiev1.LogRecord
}

// Output is a record that a fold appends to the input's partition number of
// another topic. Topic is a name of package topics, without prefix.
type Output struct {
	Topic string
	Key   []byte
	// Value nil is a tombstone.
	Value proto.Message
	// Urgent outputs are committed at once, not with the next batch.
	Urgent bool
	// Everywhere is a broadcast: a LogRecord for each partition of vigie.events,
	// appended before the transaction, so that nobody who commits its input can be
	// without it. It may be appended again: its readers know it by its id.
	Everywhere bool
}

// TimerClass says on which clock a deadline stands.
type TimerClass uint8

const (
	// Civil deadlines stand on the watermark W: answer clocks, windows, validity.
	Civil TimerClass = iota
	// Absence deadlines conclude from silence and stand on the supervision
	// clock S of a receiver group, which stops while we were the ones who did
	// not listen.
	Absence
)

// Timer is a deadline as data. Due timers fire in the order (Deadline, Site,
// Kind, What), civil ones before absence ones, at the end of each beat.
type Timer struct {
	Class TimerClass
	// Group is the receiver group of an Absence timer; "" for a Civil one.
	Group string
	// Deadline in ms: Unix time for Civil, S of the group for Absence.
	Deadline int64
	Site     uint64
	// Kind and What are the fold's own: which rule, and of what (a path, a zone).
	Kind uint16
	What uint32
}

// Context is what a fold may see and do while it folds.
type Context struct {
	clock  *clock
	emit   func(Output)
	arm    func(Timer)
	outs   int
	record Record
}

// W is the partition's watermark, Unix ms UTC: every writer has said that all
// it took before stands earlier in the partition. 0 before the first beat.
func (c *Context) W() int64 { return c.clock.w }

// S is the supervision clock of a receiver group, ms: it runs only while beats
// prove a receiver of the group alive. 0 for a group that never beat.
func (c *Context) S(group string) int64 { return c.clock.s(group) }

// SAt is S of the group as it stood at a moment of the receivers' clocks (Unix
// ms UTC). An event stands before the beat of its moment, where S has not come
// yet: then it is what S will be there at the latest, at most 2.5 s above S now.
// It is what a deadline counts from.
func (c *Context) SAt(group string, receivedAtMS int64) int64 {
	return c.clock.sAt(group, receivedAtMS)
}

// Record is the input record being folded; for a timer, the beat that fired it.
func (c *Context) Record() Record { return c.record }

// Emit appends an output. The message is encoded before Emit returns.
func (c *Context) Emit(o Output) {
	c.outs++
	if c.outs > maxOutputsPerRecord {
		panic("processor: a record gave more outputs than maxOutputsPerRecord")
	}
	c.emit(o)
}

// Arm asks for a call of Fire when the deadline is due, once.
func (c *Context) Arm(t Timer) { c.arm(t) }

// maxOutputsPerRecord bounds what one record, or the timers of one beat, may
// put into one transaction.
const maxOutputsPerRecord = 16_384
