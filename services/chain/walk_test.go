package chain

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// logOf makes n records, and the claims after every stride-th of them.
func logOf(n, stride int) (records []*kgo.Record, claims []Anchor) {
	var c Chain
	claims = []Anchor{{Source: Beginning}}
	for i := range n {
		r := &kgo.Record{Offset: int64(i), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)), Key: []byte("7"), Value: fmt.Append(nil, "record ", i)}
		c.Add(r)
		records = append(records, r)
		if (i+1)%stride == 0 {
			claims = append(claims, Anchor{Source: Signed, Offset: int64(i + 1), Ordinal: c.Ordinal, Hash: c.Hash})
		}
	}
	return records, claims
}

// renumbered is the log as somebody would write it anew: without holes.
func renumbered(records []*kgo.Record) []*kgo.Record {
	out := make([]*kgo.Record, len(records))
	for i, r := range records {
		c := *r
		c.Offset = int64(i)
		out[i] = &c
	}
	return out
}

func altered(records []*kgo.Record, at int, how func(r *kgo.Record)) []*kgo.Record {
	out := slices.Clone(records)
	c := *out[at]
	how(&c)
	out[at] = &c
	return out
}

func another(records []*kgo.Record) []*kgo.Record {
	for i := range records {
		records = altered(records, i, func(r *kgo.Record) { r.Value = append([]byte("no "), r.Value...) })
	}
	return records
}

func walked(records []*kgo.Record, claims, marks []Anchor) []Fault {
	w := newWalk(3, claims, marks)
	for _, r := range records {
		w.add(r)
	}
	return w.end(records[len(records)-1].Offset + 1)
}

func TestWhatWasDoneToALogShowsAndWhere(t *testing.T) {
	const n, stride = 100, 10
	honest, claims := logOf(n, stride)
	added := &kgo.Record{Timestamp: time.UnixMilli(5), Value: []byte("never said")}
	swapped := slices.Clone(honest)
	swapped[33], swapped[34] = swapped[34], swapped[33]
	cases := []struct {
		name        string
		log         []*kgo.Record
		kind        Kind
		records     int64
		first, last int64
	}{
		{"a value changed", altered(honest, 37, func(r *kgo.Record) { r.Value = []byte("something else") }), Altered, 0, 30, 39},
		{"a time changed", altered(honest, 37, func(r *kgo.Record) { r.Timestamp = r.Timestamp.Add(time.Millisecond) }), Altered, 0, 30, 39},
		{"a null key made empty", altered(honest, 37, func(r *kgo.Record) { r.Key = []byte{} }), Altered, 0, 30, 39},
		{"a header added", altered(honest, 37, func(r *kgo.Record) { r.Headers = []kgo.RecordHeader{{Key: "a"}} }), Altered, 0, 30, 39},
		{"the first record changed", altered(honest, 0, func(r *kgo.Record) { r.Value = nil }), Altered, 0, 0, 9},
		{"two records exchanged", renumbered(swapped), Altered, 0, 30, 39},
		{"a record cut out, a hole left", slices.Delete(slices.Clone(honest), 37, 38), Missing, 1, 30, 39},
		{"a record left out of a log written anew", renumbered(slices.Delete(slices.Clone(honest), 37, 38)), Missing, 1, 30, 39},
		{"five records left out of it", renumbered(slices.Delete(slices.Clone(honest), 32, 37)), Missing, 5, 30, 39},
		{"a record put in", renumbered(slices.Insert(slices.Clone(honest), 37, added)), Added, 1, 30, 39},
		{"the end cut off", honest[:94], Truncated, 6, 94, 99},
		{"a last record missing from a log written anew", renumbered(slices.Delete(slices.Clone(honest), 95, 96)), Truncated, 1, 99, 99},
		{"another log altogether", another(honest), Altered, 0, 0, 99},
	}
	if faults := walked(honest, claims, nil); len(faults) > 0 {
		t.Fatalf("an honest log has faults: %v", faults)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			faults := walked(c.log, claims, nil)
			if len(faults) != 1 {
				t.Fatalf("one fault was expected: %v", faults)
			}
			if f := faults[0]; f.Kind != c.kind || f.Records != c.records || f.First != c.first || f.Last != c.last || f.Partition != 3 {
				t.Errorf("got %+v (%s), want %s of %d records from %d to %d", f, f, c.kind, c.records, c.first, c.last)
			}
		})
	}
}

// Two faults are two, each in its place, though the first one moved all offsets.
func TestAFaultHidesNoOther(t *testing.T) {
	honest, claims := logOf(100, 10)
	log := renumbered(slices.Delete(altered(honest, 77, func(r *kgo.Record) { r.Value = nil }), 12, 14))
	faults := walked(log, claims, nil)
	if len(faults) != 2 || faults[0].Kind != Missing || faults[0].Records != 2 || faults[0].First != 10 ||
		faults[1].Kind != Altered || faults[1].First != 68 || faults[1].Last != 77 {
		t.Errorf("2 records missing from 10 on and one changed from 68 on were expected: %v", faults)
	}
}

// What nobody signed narrows a fault down, and is never taken for the truth.
func TestUnsignedClaimsNarrowAFaultDown(t *testing.T) {
	honest, claims := logOf(100, 50)
	_, fine := logOf(100, 5)
	marks := make([]Anchor, 0, len(fine))
	for _, m := range fine[1:] {
		m.Source = Progress
		marks = append(marks, m)
	}
	log := altered(honest, 37, func(r *kgo.Record) { r.Value = nil })
	if f := walked(log, claims, marks); len(f) != 1 || f[0].Kind != Altered || f[0].First != 35 || f[0].Last != 39 {
		t.Errorf("a change from 35 to 39 was expected: %v", f)
	}
	if f := walked(honest, claims, marks); len(f) > 0 {
		t.Errorf("an honest log has faults: %v", f)
	}
	lying := slices.Clone(marks)
	lying[3].Hash[0]++
	if f := walked(honest, claims, lying); len(f) != 1 || f[0].Kind != FalseClaim || f[0].To.Offset != 20 {
		t.Errorf("a false claim at 20 was expected: %v", f)
	}
}

// Two signed claims on one offset: the key was in two hands.
func TestContradictingCheckpoints(t *testing.T) {
	honest, claims := logOf(30, 10)
	other := claims[1]
	other.Hash[0]++
	f := walked(honest, slices.Insert(claims, 2, other), nil)
	if len(f) == 0 || f[0].Kind != Contradiction {
		t.Errorf("a contradiction was expected: %v", f)
	}
}

// A walk may begin at a checkpoint: what came before is not asked for.
func TestAWalkBeginsAtAClaim(t *testing.T) {
	honest, claims := logOf(100, 10)
	if f := walked(honest[35:], claims[4:], nil); len(f) > 0 {
		t.Errorf("an honest rest of a log has faults: %v", f)
	}
}

// A log that began with a baseline is proven from there; one that says so of a later
// place has its empty beginning all the same, and contradicts it.
func TestALogMayBeginWithABaseline(t *testing.T) {
	c := Checkpoint{Partition: 3, TopicID: []byte("0123456789abcdef"), Ordinal: 500, Baseline: "abc"}
	c.Hash[3] = 9
	read, err := parseCheckpoint(c.text())
	if err != nil || read.Baseline != "abc" {
		t.Fatalf("%+v, %v", read, err)
	}
	if a := read.anchor(Signed); a.Source != Based || a.Baseline != "abc" || !a.certain() {
		t.Errorf("it is a claim of %v", a)
	}
	if a := (Checkpoint{}).anchor(Signed); a.Source != Signed {
		t.Errorf("a checkpoint without a baseline is a claim of %v", a)
	}
}
