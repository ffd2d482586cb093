package appender

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/open-vigie/vigie/schemas/ids"
)

// The fields of an event that its writer gives it, and those of the envelope, as
// schemas/proto/vigie/v1 numbers them; a test holds them against the schema.
const (
	fieldEventID         = 1
	fieldEventReceivedAt = 4
	fieldRecordEvent     = 1
	fieldRecordVersion   = 15
)

// siteRecord is the record of an event on its way to Kafka, with all that its
// answer needs. It is used again for another event once it was answered: at a
// hundred thousand a second what each leaves behind is what the program does most.
type siteRecord struct {
	record kgo.Record
	p      *partition
	atMS   int64
	done   func(error)
	// answered is the client's promise, made once.
	answered func(*kgo.Record, error)
}

var siteRecords sync.Pool

func newSiteRecord() *siteRecord {
	if x, ok := siteRecords.Get().(*siteRecord); ok {
		return x
	}
	x := new(siteRecord)
	x.answered = x.answer
	return x
}

// maxKeptValue is the largest buffer that is kept for another event.
const maxKeptValue = 8 << 10

// send hands the record over; value is in x.record.Value. p.mu is held. Its context
// never ends: an append whose outcome is unknown could make a later answer a lie.
func (x *siteRecord) send(p *partition, site uint64, atMS int64, done func(error)) {
	x.p, x.atMS, x.done = p, atMS, done
	x.record = kgo.Record{
		Topic: p.a.topic, Partition: p.id, Key: strconv.AppendUint(x.record.Key[:0], site, 10),
		Value: x.record.Value, Timestamp: time.UnixMilli(atMS),
	}
	p.events.Add(1)
	p.eventBytes.Add(int64(len(x.record.Value)))
	p.a.flying.Add(1)
	p.a.client.TryProduce(context.Background(), &x.record, x.answered)
}

func (x *siteRecord) answer(_ *kgo.Record, err error) {
	p, done := x.p, x.done
	defer p.a.flying.Done()
	p.events.Add(-1)
	p.eventBytes.Add(-int64(len(x.record.Value)))
	p.a.metrics.appended(kindEvent, p.a.clock.nowMS()-x.atMS, err)
	if err == nil {
		// Of a failed one the client may still hold something.
		x.free()
	} else {
		err = p.failed(err)
	}
	done(err)
}

func (x *siteRecord) free() {
	x.done = nil
	if cap(x.record.Value) <= maxKeptValue {
		siteRecords.Put(x)
	}
}

func (p *partition) failed(err error) error {
	return fmt.Errorf("appending to partition %d of %s: %w", p.id, p.a.topic, err)
}

// appendRecord encodes the envelope of an event whose other fields are encoded.
func appendRecord(dst []byte, id ids.ID, atMS int64, event []byte) []byte {
	const idSize = 1 + 1 + ids.Size
	size := idSize + protowire.SizeTag(fieldEventReceivedAt) + protowire.SizeVarint(uint64(atMS)) + len(event)
	dst = protowire.AppendTag(dst, fieldRecordEvent, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(size))
	dst = protowire.AppendTag(dst, fieldEventID, protowire.BytesType)
	dst = protowire.AppendBytes(dst, id[:])
	dst = protowire.AppendTag(dst, fieldEventReceivedAt, protowire.VarintType)
	dst = protowire.AppendVarint(dst, uint64(atMS))
	dst = append(dst, event...)
	dst = protowire.AppendTag(dst, fieldRecordVersion, protowire.VarintType)
	return protowire.AppendVarint(dst, logVersion)
}
