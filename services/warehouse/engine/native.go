package engine

import (
	"bytes"
	"errors"
	"io"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// transcode turns Native blocks as the library writes them (revision 0) into
// those of the client's revision.
func transcode(in []byte, revision uint64) ([]byte, error) {
	var (
		reader = chproto.NewReader(bytes.NewReader(in))
		out    chproto.Buffer
	)
	for {
		block := proto.NewBlock()
		block.ServerContext = &column.ServerContext{Timezone: time.UTC}
		if err := block.Decode(reader, 0); err != nil {
			if errors.Is(err, io.EOF) && len(block.Columns) == 0 {
				return out.Buf, nil
			}
			return nil, refuse(codeNotImplemented, "NOT_IMPLEMENTED", "This result has a type that cannot be sent in Native at revision %d (%v): ask for it with FORMAT JSON, or convert the column (states of aggregates: -Merge or finalizeAggregation)", revision, err)
		}
		if err := block.Encode(&out, revision); err != nil {
			return nil, refuse(codeNotImplemented, "NOT_IMPLEMENTED", "This result cannot be sent in Native at revision %d: %v", revision, err)
		}
	}
}
