package archiver

import (
	"sync"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/warehouse"
)

// beatRows are rows of the table beats: one a beat.
type beatRows struct {
	places
	received            []int64
	writer, kind, group []string
	boot                []uuid.UUID
	sequence            []uint64
	ticked              []int64
	heartbeats, shed    []uint32
	frames              []uint64
	last                []bool
}

func (*beatRows) name() string { return "beats" }

func (r *beatRows) add(p place, b *vigiev1.Beat, timestampMS int64) {
	r.places.add(p)
	r.received = append(r.received, ms(timestampMS))
	r.writer = append(r.writer, b.GetWriter())
	r.kind = append(r.kind, enum(b.GetKind()))
	r.group = append(r.group, b.GetGroup())
	r.boot = append(r.boot, id(b.GetBoot()))
	r.sequence = append(r.sequence, b.GetSequence())
	r.ticked = append(r.ticked, ms(b.GetTMs()))
	r.heartbeats = append(r.heartbeats, uint32(len(b.GetSite())))
	r.shed = append(r.shed, b.GetShed())
	var frames uint64
	for _, l := range b.GetListeners() {
		frames += l.GetFrames()
	}
	r.frames = append(r.frames, frames)
	r.last = append(r.last, b.GetLast())
}

func (r *beatRows) columns() []warehouse.Column {
	return append(r.places.columns(),
		at("received_at", r.received), word("writer", r.writer), warehouse.Column{Name: "boot", Type: "UUID", Values: r.boot},
		word("writer_kind", r.kind), word("receiver_group", r.group),
		warehouse.Column{Name: "sequence", Type: "UInt64", Values: r.sequence}, at("ticked_at", r.ticked),
		warehouse.Column{Name: "heartbeats", Type: "UInt32", Values: r.heartbeats},
		warehouse.Column{Name: "shed", Type: "UInt32", Values: r.shed},
		warehouse.Column{Name: "frames", Type: "UInt64", Values: r.frames}, truth("last", r.last))
}

// heartbeatRows are rows of the table heartbeats: one a poll.
type heartbeatRows struct {
	places
	site     []uint64
	path     []uint8
	received []int64
	receiver []string
}

// spareHeartbeats are rows whose block is archived.
var spareHeartbeats = sync.Pool{New: func() any { return &heartbeatRows{} }}

func newHeartbeatRows() *heartbeatRows { return spareHeartbeats.Get().(*heartbeatRows) }

func (r *heartbeatRows) free() {
	*r = heartbeatRows{r.places.emptied(), r.site[:0], r.path[:0], r.received[:0], r.receiver[:0]}
	spareHeartbeats.Put(r)
}

func (*heartbeatRows) name() string { return "heartbeats" }

func (r *heartbeatRows) add(p place, site uint64, path uint32, receivedMS int64, receiver string) {
	r.places.add(p)
	r.site = append(r.site, site)
	r.path = append(r.path, u8(path))
	r.received = append(r.received, ms(receivedMS))
	r.receiver = append(r.receiver, receiver)
}

func (r *heartbeatRows) columns() []warehouse.Column {
	return append(r.places.columns(),
		warehouse.Column{Name: "site", Type: "UInt64", Values: r.site},
		warehouse.Column{Name: "path", Type: "UInt8", Values: r.path},
		at("received_at", r.received), word("receiver", r.receiver))
}
