package supervision

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Lines are outputs in a form in which two engines can be compared: those of a
// topic and key stay in order, keys are sorted. Headers, which only Vigie writes,
// offsets and partitions are left out.
type Lines []Line

// Line is one output.
type Line struct {
	Topic, Key string
	// TimestampMS of the record, Unix ms UTC.
	TimestampMS int64
	Value       []byte
}

// Canonical sorts outputs, which stand in the order of their partitions. Topics
// count by what follows their last dash or dot: "vigie.site-states" and
// "vigie.peer-site-states" are one.
func Canonical(outputs []*kgo.Record) Lines {
	lines := make(Lines, len(outputs))
	for i, r := range outputs {
		lines[i] = Line{r.Topic[strings.LastIndexAny(r.Topic, "-.")+1:], string(r.Key), r.Timestamp.UnixMilli(), r.Value}
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		if c := strings.Compare(a.Topic, b.Topic); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	return lines
}

// Sum is a hash over all of them.
func (l Lines) Sum() []byte {
	h := sha256.New()
	for _, one := range l {
		fmt.Fprintf(h, "%s\x00%s\x00%d\x00%d\x00", one.Topic, one.Key, one.TimestampMS, len(one.Value))
		h.Write(one.Value)
	}
	return h.Sum(nil)
}

// Diff says where they first differ; "" when they do not.
func (l Lines) Diff(other Lines) string {
	for i := range max(len(l), len(other)) {
		switch {
		case i >= len(l):
			return fmt.Sprintf("line %d is only in the second: %v", i, other[i])
		case i >= len(other):
			return fmt.Sprintf("line %d is only in the first: %v", i, l[i])
		}
		a, b := l[i], other[i]
		if a.Topic != b.Topic || a.Key != b.Key || a.TimestampMS != b.TimestampMS || !bytes.Equal(a.Value, b.Value) {
			return fmt.Sprintf("line %d: %v and %v", i, a, b)
		}
	}
	return ""
}

// String shows a line.
func (l Line) String() string {
	return fmt.Sprintf("%s site %s at %d: %x", l.Topic, l.Key, l.TimestampMS, l.Value)
}
