package topics

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Cause is the offset, in the same partition of vigie.events, of the record that
// caused an output, as its header says; -1 when it says none, or another topic.
func Cause(output *kgo.Record) int64 {
	at := int64(-1)
	for _, h := range output.Headers {
		switch h.Key {
		case HeaderInTopic:
			return -1
		case HeaderInOffset:
			if n, err := strconv.ParseInt(string(h.Value), 10, 64); err == nil {
				at = n
			}
		}
	}
	return at
}

// OfFleet says that the fold of the fleet said it, not that of sites: it follows from
// no record of its partition.
func OfFleet(output *kgo.Record) bool {
	for _, h := range output.Headers {
		if h.Key == HeaderInTopic && string(h.Value) == Fleet {
			return true
		}
	}
	return false
}
