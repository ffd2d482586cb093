// Package wire reads records of the log by hand: for programs that read all of it.
package wire

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Decoder reads records of the log into messages that it uses again for the next
// record: what panels say and beats, most of every log, cost no allocation. It
// reads only what a writer of today writes, each field once and in order of their
// numbers. Whatever is unusual (another body, an unknown field, another order,
// bytes cut off) is left to package proto, so that both always agree on what a
// record is: TestBothDecodersAgree.
//
// Bytes are those of the record's value itself, strings are kept and shared. The zero
// value is ready; it serves one goroutine.
type Decoder struct {
	log     vigiev1.LogRecord
	strings interned

	asEvent  vigiev1.LogRecord_Event
	event    vigiev1.Event
	source   vigiev1.Source
	asPanel  vigiev1.Source_Panel
	panel    vigiev1.PanelSource
	raw      vigiev1.Sealed
	signal   vigiev1.Signal
	text     vigiev1.Sealed
	bodies   bodies
	asBeat   vigiev1.LogRecord_Beat
	beat     vigiev1.Beat
	facts    []*vigiev1.ListenerFacts
	sites    []uint64
	paths    []uint32
	received []int64
}

// Decode reads one record. What it returns is good until the next call; nil is
// never returned without an error, which is that of package proto.
func (d *Decoder) Decode(value []byte) (*vigiev1.LogRecord, error) {
	c := cursor{rest: value}
	if d.record(&c); c.odd {
		return &d.log, proto.Unmarshal(value, &d.log)
	}
	return &d.log, nil
}

// record reads the envelope: its version comes first or last, as the writer's
// library likes it, and what it holds once.
func (d *Decoder) record(c *cursor) {
	d.log.Reset()
	version := false
	for c.next() {
		switch {
		case c.tag == 1<<3|sized && d.log.Record == nil:
			d.asEvent.Event, d.log.Record = &d.event, &d.asEvent
			d.readEvent(c)
		case c.tag == 2<<3|sized && d.log.Record == nil:
			d.asBeat.Beat, d.log.Record = &d.beat, &d.asBeat
			d.readBeat(c)
		case c.tag == 15<<3|varint && !version:
			d.log.Version, version = uint32(c.varint()), true
		default:
			c.odd = true
		}
		c.tag = 0 // Their order is free.
	}
}

func (d *Decoder) readEvent(outer *cursor) {
	in := outer.inner()
	c := &in
	e := &d.event
	e.Reset()
	for c.next() {
		switch c.tag {
		case 1<<3 | sized:
			e.Id = c.bytes()
		case 2<<3 | varint:
			e.Site = c.varint()
		case 3<<3 | varint:
			e.OccurredAtMs = int64(c.varint())
		case 4<<3 | varint:
			e.ReceivedAtMs = int64(c.varint())
		case 5<<3 | sized:
			e.Source = &d.source
			d.readSource(c)
		case 6<<3 | sized:
			e.Fingerprint = c.bytes()
		case 7<<3 | sized:
			e.Correlation = d.str(c)
		case 8<<3 | sized:
			e.Raw = &d.raw
			d.readSealed(c, &d.raw)
		case 9<<3 | varint:
			e.DirectoryVersion = c.varint()
		default:
			if e.Body != nil {
				c.odd = true // A later body takes the place of an earlier one.
				break
			}
			d.readBody(c)
		}
	}
	outer.odd = outer.odd || c.odd
}

// readSource knows panels alone.
func (d *Decoder) readSource(outer *cursor) {
	in := outer.inner()
	c := &in
	d.source.Reset()
	for c.next() {
		if c.tag != 1<<3|sized {
			c.odd = true
			break
		}
		d.asPanel.Panel, d.source.Origin = &d.panel, &d.asPanel
		d.readPanel(c)
	}
	outer.odd = outer.odd || c.odd
}

func (d *Decoder) readPanel(outer *cursor) {
	in := outer.inner()
	c := &in
	p := &d.panel
	p.Reset()
	for c.next() {
		switch c.tag {
		case 1<<3 | sized:
			p.Receiver = d.str(c)
		case 2<<3 | sized:
			p.Boot = c.bytes()
		case 3<<3 | varint:
			p.ReceiverNumber = uint32(c.varint())
		case 4<<3 | varint:
			p.Line = uint32(c.varint())
		case 5<<3 | sized:
			p.Account = d.str(c)
		case 6<<3 | sized:
			p.AccountAsSent = d.str(c)
		case 7<<3 | varint:
			p.Path = uint32(c.varint())
		case 8<<3 | varint:
			p.Transport = vigiev1.Transport(c.varint())
		case 9<<3 | varint:
			p.AddressClass = vigiev1.AddressClass(c.varint())
		case 10<<3 | varint:
			p.Sequence = uint32(c.varint())
		case 11<<3 | sized:
			p.Token = d.str(c)
		case 12<<3 | varint:
			p.SentAtMs = int64(c.varint())
		case 13<<3 | varint:
			p.Encrypted = c.varint() != 0
		case 14<<3 | sized:
			p.Gateway = d.str(c)
		default:
			c.odd = true
		}
	}
	outer.odd = outer.odd || c.odd
}

func (d *Decoder) readSealed(c *cursor, s *vigiev1.Sealed) {
	s.Reset()
	in := c.inner()
	for in.next() {
		switch in.tag {
		case 1<<3 | sized:
			s.KeyId = d.str(&in)
		case 2<<3 | sized:
			s.Nonce = in.bytes()
		case 3<<3 | sized:
			s.Ciphertext = in.bytes()
		default:
			in.odd = true
		}
	}
	c.odd = c.odd || in.odd
}

func (d *Decoder) readSignal(c *cursor) *vigiev1.Signal {
	s := &d.signal
	s.Reset()
	in := c.inner()
	for in.next() {
		switch in.tag {
		case 1<<3 | sized:
			s.Format = d.str(&in)
		case 2<<3 | sized:
			s.Code = d.str(&in)
		case 3<<3 | varint:
			s.Class = vigiev1.EventClass(in.varint())
		case 4<<3 | sized:
			s.Area = d.str(&in)
		case 5<<3 | sized:
			s.Zone = d.str(&in)
		case 6<<3 | sized:
			s.User = d.str(&in)
		case 7<<3 | sized:
			s.Text = &d.text
			d.readSealed(&in, &d.text)
		default:
			in.odd = true
		}
	}
	c.odd = c.odd || in.odd
	return s
}

func (d *Decoder) readBeat(outer *cursor) {
	in := outer.inner()
	c := &in
	b := &d.beat
	b.Reset()
	d.facts = d.facts[:0]
	for c.nextOrSame(12<<3 | sized) {
		switch c.tag {
		case 1<<3 | sized:
			b.Writer = d.str(c)
		case 2<<3 | sized:
			b.Boot = c.bytes()
		case 3<<3 | varint:
			b.Kind = vigiev1.WriterKind(c.varint())
		case 4<<3 | sized:
			b.Group = d.str(c)
		case 5<<3 | varint:
			b.Sequence = c.varint()
		case 6<<3 | varint:
			b.TMs = int64(c.varint())
		case 7<<3 | sized:
			b.Site = d.readSites(c)
		case 8<<3 | sized:
			b.Path = d.readPaths(c)
		case 9<<3 | sized:
			b.ReceivedDeltaMs = d.readReceived(c)
		case 10<<3 | varint:
			b.BaseMs = int64(c.varint())
		case 11<<3 | varint:
			b.Shed = uint32(c.varint())
		case 12<<3 | sized:
			d.readFacts(c)
			b.Listeners = d.facts
		case 13<<3 | varint:
			b.Last = c.varint() != 0
		default:
			c.odd = true
		}
	}
	outer.odd = outer.odd || c.odd
}

func (d *Decoder) readSites(c *cursor) []uint64 {
	in, to := c.inner(), d.sites[:0]
	for len(in.rest) > 0 {
		to = append(to, in.varint())
	}
	c.odd, d.sites = c.odd || in.odd, to
	return to
}

func (d *Decoder) readPaths(c *cursor) []uint32 {
	in, to := c.inner(), d.paths[:0]
	for len(in.rest) > 0 {
		to = append(to, uint32(in.varint()))
	}
	c.odd, d.paths = c.odd || in.odd, to
	return to
}

func (d *Decoder) readReceived(c *cursor) []int64 {
	in, to := c.inner(), d.received[:0]
	for len(in.rest) > 0 {
		to = append(to, protowire.DecodeZigZag(in.varint()))
	}
	c.odd, d.received = c.odd || in.odd, to
	return to
}

// readFacts adds one listener, in a message used before where there is one.
func (d *Decoder) readFacts(c *cursor) {
	n := len(d.facts)
	if n < cap(d.facts) {
		d.facts = d.facts[:n+1]
	} else {
		d.facts = append(d.facts, nil)
	}
	if d.facts[n] == nil {
		d.facts[n] = &vigiev1.ListenerFacts{}
	}
	f := d.facts[n]
	f.Reset()
	in := c.inner()
	for in.next() {
		switch in.tag {
		case 1<<3 | sized:
			f.Listener = d.str(&in)
		case 2<<3 | varint:
			f.Frames = in.varint()
		case 3<<3 | varint:
			f.CanaryAgeMs = int64(in.varint())
		default:
			in.odd = true
		}
	}
	c.odd = c.odd || in.odd
}

func (d *Decoder) str(c *cursor) string {
	s, ok := d.strings.of(c.bytes())
	c.odd = c.odd || !ok
	return s
}
