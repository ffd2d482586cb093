package receiver

import (
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// draft is where the events of one frame are made and encoded, all but what the
// appender gives them. It is used again for another frame: the parts of an event
// are a dozen objects, and only its bytes outlive it.
type draft struct {
	event       vigiev1.Event
	fingerprint ids.ID
	signal      vigiev1.Signal
	source      vigiev1.Source
	panel       vigiev1.PanelSource
	// encoded holds the events one after the other, ends where each ends.
	encoded []byte
	ends    []int
}

var drafts = sync.Pool{New: func() any {
	d := new(draft)
	d.source.Origin = &vigiev1.Source_Panel{Panel: &d.panel}
	return d
}}

// maxKeptDraft is the largest buffer that is kept for another frame.
const maxKeptDraft = 64 << 10

func newDraft() *draft { return drafts.Get().(*draft) }

func (d *draft) free() {
	if cap(d.encoded) > maxKeptDraft {
		return
	}
	d.encoded, d.ends = d.encoded[:0], d.ends[:0]
	drafts.Put(d)
}

// next begins an event of a site; its source is the draft's.
func (d *draft) next(site uint64, fingerprint ids.ID) *vigiev1.Event {
	d.event.Reset()
	d.fingerprint = fingerprint
	d.event.Site, d.event.Source, d.event.Fingerprint = site, &d.source, d.fingerprint[:]
	return &d.event
}

// add encodes the event that next began.
func (d *draft) add() error {
	var err error
	if d.encoded, err = (proto.MarshalOptions{Deterministic: true}).MarshalAppend(d.encoded, &d.event); err != nil {
		return fmt.Errorf("encoding an event of %s: %w", ids.Site(d.event.GetSite()), err)
	}
	d.ends = append(d.ends, len(d.encoded))
	return nil
}

// appendAll hands the events over; the flight ends when the last is answered.
func (r *Receiver) appendAll(d *draft, site uint64, f *flight) {
	f.left.Store(int32(len(d.ends)))
	landed, from := f.landed, 0
	for _, end := range d.ends {
		if err := r.appender.AppendEvent(site, d.encoded[from:end], landed); err != nil {
			landed(err)
		}
		from = end
	}
}
