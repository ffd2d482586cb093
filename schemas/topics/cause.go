package topics

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Cause is the offset, in the same partition of vigie.events, of the record that
// caused an output, as its header says; -1 when it says none.
func Cause(output *kgo.Record) int64 {
	for _, h := range output.Headers {
		if h.Key != HeaderInOffset {
			continue
		}
		if n, err := strconv.ParseInt(string(h.Value), 10, 64); err == nil {
			return n
		}
	}
	return -1
}
