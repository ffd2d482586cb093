package chain

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Source says who claims what the chain is at an offset.
type Source string

// Sources of anchors. The first four are beyond doubt.
const (
	// Beginning is the empty log.
	Beginning Source = "the beginning"
	// Based is the signed checkpoint at which a log began that is the rest of another:
	// its states came from a baseline.
	Based Source = "baseline"
	// Signed is a checkpoint whose signature was checked.
	Signed Source = "checkpoint"
	// Kept is what a person kept outside of Kafka: a digest, a baseline.
	Kept Source = "kept"
	// Progress is a processor's progress record: fenced, but not signed.
	Progress Source = "progress record"
	// Snapshot is the chain inside a snapshot: not signed either.
	Snapshot Source = "snapshot"
)

// Anchor claims that the chain of a partition has this hash before an offset.
type Anchor struct {
	Source  Source
	Offset  int64
	Ordinal uint64
	Hash    [Size]byte
	// At is when it was signed; zero where nobody said.
	At time.Time
	// Baseline is that of a log that began with one; "" else.
	Baseline string
}

func (a Anchor) String() string {
	s := fmt.Sprintf("%s at offset %d", a.Source, a.Offset)
	if !a.At.IsZero() {
		s += " of " + a.At.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return s
}

func (a Anchor) certain() bool { return a.Source != Progress && a.Source != Snapshot }

// Kind is what is wrong with a stretch of the log.
type Kind string

// Kinds of faults.
const (
	// Altered: as many records as there should be, and not the same: one was
	// changed, or two stand in another order. The hashes cannot tell which.
	Altered Kind = "changed or reordered"
	Missing Kind = "missing"
	Added   Kind = "added"
	// Truncated: the log ends before what was signed.
	Truncated Kind = "truncated"
	// Contradiction: two claims on one offset.
	Contradiction Kind = "contradiction"
	// FalseClaim: the log agrees with the signed claims on both sides, but not with
	// this one, which nobody signed.
	FalseClaim Kind = "false claim"
	// BadCheckpoint: a record of vigie.checkpoints that is not to be believed.
	BadCheckpoint Kind = "bad checkpoint"
	// NoBeginning: the first records are gone, and nothing says what the chain was.
	NoBeginning Kind = "no beginning"
)

// Fault is one thing that is wrong with a partition.
type Fault struct {
	Partition int32
	Kind      Kind
	// From and To are the claims between which it lies; the log agrees with From.
	From, To Anchor
	// First and Last bound the offsets in question, both included; -1 where it is
	// about no record of the log.
	First, Last int64
	// Records is how many are missing or too many; 0 where that is unknown.
	Records int64
	// Detail in words, empty when the figures say it all.
	Detail string
}

func (f Fault) String() string {
	where := fmt.Sprintf("partition %d: ", f.Partition)
	switch f.Kind {
	case BadCheckpoint, NoBeginning, FalseClaim:
		return where + f.Detail
	case Contradiction:
		return where + fmt.Sprintf("%s and %s contradict each other", f.From, f.To)
	case Truncated:
		return where + fmt.Sprintf("the log was truncated: it ends after offset %d, %s covers %d records more (or as many are missing before its end)", f.First-1, f.To, f.Records)
	case Missing, Added:
		s := where + fmt.Sprintf("%d records %s between offsets %d and %d (between %s and %s)", f.Records, f.Kind, f.First, f.Last, f.From, f.To)
		return s + f.Detail
	case Altered:
	}
	return where + fmt.Sprintf("records %s between offsets %d and %d (between %s and %s)%s", f.Kind, f.First, f.Last, f.From, f.To, f.Detail)
}

const (
	// maxShift is by how many records a log that was written anew may have slipped
	// for what follows a fault to be recognised again.
	maxShift = 8
	// maxLost is after how many stretches in which nothing fits the search for the
	// slip is given up: this is another log.
	maxLost = 3
	// maxHoles bounds the missing offsets that a fault names.
	maxHoles = 10
)

// walk goes through the records of a partition from claim to claim. It is pure:
// records in, faults out.
type walk struct {
	partition int32
	// certain are the claims to go by, marks those that only narrow a fault down;
	// both by offset.
	certain, marks []Anchor
	// next is the claim that ends the present stretch.
	next int
	// tries are what may be: normally one, after a fault one for each slip.
	tries []try
	// recent are the last records, for tries that begin before where we are.
	recent []*kgo.Record
	lost   int
	faults []Fault
	// good and bad are the last mark of this stretch that fitted, the first that did not.
	good, bad *Anchor
	holes     []int64
	expect    int64
	records   int64
	// doubted says that the next stretch may explain the last fault.
	doubted bool
}

// try is the chain of a stretch if its records slipped by shift offsets.
type try struct {
	shift int64
	chain Chain
	count int64
}

// newWalk starts at the first of the claims; there must be one.
func newWalk(partition int32, certain, marks []Anchor) *walk {
	w := &walk{partition: partition, certain: certain, marks: marks, expect: certain[0].Offset}
	w.begin(0)
	return w
}

func (w *walk) from() Anchor { return w.certain[w.next-1] }

// begin starts the stretch after the claim that was reached, with the slips given.
func (w *walk) begin(shifts ...int64) {
	a := w.certain[w.next]
	w.next++
	w.tries = w.tries[:0]
	for _, shift := range shifts {
		t := try{shift: shift, chain: Chain{Hash: a.Hash, Ordinal: a.Ordinal}}
		for _, r := range w.recent {
			w.take(&t, r)
		}
		w.tries = append(w.tries, t)
	}
	w.good, w.bad, w.holes = nil, nil, nil
}

// take adds a record to a try whose stretch it is in.
func (w *walk) take(t *try, r *kgo.Record) {
	if r.Offset < w.from().Offset+t.shift || w.next < len(w.certain) && r.Offset >= w.certain[w.next].Offset+t.shift {
		return
	}
	t.chain.Add(r)
	t.count++
}

// add takes the next record of the log. Those before the first claim are passed over.
func (w *walk) add(r *kgo.Record) {
	if r.Offset < w.certain[0].Offset {
		return
	}
	for w.next < len(w.certain) && r.Offset >= w.certain[w.next].Offset+w.tries[len(w.tries)-1].shift {
		w.reached()
	}
	w.look(r.Offset)
	for at := w.expect; at < r.Offset && len(w.holes) < maxHoles; at++ {
		w.holes = append(w.holes, at)
	}
	w.expect = r.Offset + 1
	w.records++
	if len(w.recent) == 2*maxShift+1 {
		w.recent = append(w.recent[:0], w.recent[1:]...)
	}
	w.recent = append(w.recent, r)
	for i := range w.tries {
		w.take(&w.tries[i], r)
	}
}

// look compares the marks that stand before an offset.
func (w *walk) look(offset int64) {
	t := &w.tries[0]
	for len(w.marks) > 0 && w.marks[0].Offset+t.shift <= offset {
		m := w.marks[0]
		w.marks = w.marks[1:]
		switch {
		case len(w.tries) > 1 || m.Offset < w.from().Offset:
		case m.Hash == t.chain.Hash && m.Ordinal == t.chain.Ordinal:
			w.good = &m
		case w.bad == nil:
			w.bad = &m
		}
	}
}

// reached compares the chain with the claim that the stretch ends at.
func (w *walk) reached() {
	to := w.certain[w.next]
	w.look(to.Offset + w.tries[0].shift)
	fits := slices.IndexFunc(w.tries, func(t try) bool { return t.chain.Hash == to.Hash && t.chain.Ordinal == to.Ordinal })
	searching := len(w.tries) > 1
	if fits >= 0 {
		shift := w.tries[fits].shift
		w.explain(shift)
		w.doubted = false
		if !searching && w.bad != nil {
			w.fault(Fault{Kind: FalseClaim, From: w.from(), To: *w.bad, First: -1, Last: -1,
				Detail: fmt.Sprintf("the %s is not of this log, whose signed claims on both sides agree with it", *w.bad)})
		}
		w.lost = 0
		w.begin(shift)
		return
	}
	w.misfit(to)
	if w.lost++; w.lost > maxLost {
		w.begin(w.middle())
		return
	}
	shifts := make([]int64, 0, 2*maxShift+1)
	for d := int64(-maxShift); d <= maxShift; d++ {
		shifts = append(shifts, w.middle()+d)
	}
	w.begin(shifts...)
}

// middle is the slip that held last.
func (w *walk) middle() int64 { return w.tries[len(w.tries)/2].shift }

// explain says of the last fault what the stretch after it has shown.
func (w *walk) explain(shift int64) {
	if !w.doubted || len(w.tries) == 1 {
		return
	}
	w.doubted = false
	f := &w.faults[len(w.faults)-1]
	switch slipped := shift - w.middle(); {
	case slipped < 0:
		f.Kind, f.Records = Missing, -slipped
	case slipped > 0:
		f.Kind, f.Records = Added, slipped
	}
}

// misfit notes that the stretch up to a claim is not what was signed.
func (w *walk) misfit(to Anchor) {
	t, from := w.tries[len(w.tries)/2], w.from()
	if w.lost > 0 && w.doubted {
		// Nothing fits in the stretch after it either: one fault, which goes on.
		f := &w.faults[len(w.faults)-1]
		f.To, f.Last, f.Kind, f.Records = to, to.Offset+t.shift-1, Altered, 0
		f.Detail = "; nothing fits from there on"
		return
	}
	f := Fault{Kind: Altered, From: from, To: to, First: from.Offset + t.shift, Last: to.Offset + t.shift - 1}
	if to.Offset == from.Offset {
		f.Kind, f.First, f.Last = Contradiction, -1, -1
		w.fault(f)
		return
	}
	if w.good != nil {
		f.First = w.good.Offset + t.shift
	}
	if w.bad != nil {
		f.Last = w.bad.Offset + t.shift - 1
	}
	want := int64(to.Ordinal - from.Ordinal)
	switch {
	case t.count < want:
		f.Kind, f.Records = Missing, want-t.count
		if len(w.holes) > 0 {
			f.Detail = fmt.Sprintf("; offsets that are not there: %v", w.holes)
		}
	case t.count > want:
		f.Kind, f.Records = Added, t.count-want
	}
	if !to.certain() {
		f.Detail += "; nothing after it is signed: it may be this claim that is false"
	}
	w.fault(f)
	w.doubted = true
}

func (w *walk) fault(f Fault) {
	f.Partition = w.partition
	w.faults = append(w.faults, f)
}

// end says that the log has no more records; next is the offset after its last one.
func (w *walk) end(next int64) []Fault {
	for w.next < len(w.certain) {
		to := w.certain[w.next]
		shift := w.middle()
		if to.Offset+shift > next && len(w.tries) == 1 {
			w.fault(Fault{Kind: Truncated, From: w.from(), To: to, First: next, Last: to.Offset + shift - 1, Records: to.Offset + shift - next})
			return w.faults
		}
		w.reached()
	}
	w.look(next)
	if w.bad != nil {
		w.fault(Fault{Kind: FalseClaim, From: w.from(), To: *w.bad, First: -1, Last: -1,
			Detail: fmt.Sprintf("the %s is not of this log: what follows %s differs, or it does", *w.bad, w.from())})
	}
	return w.faults
}
