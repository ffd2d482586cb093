package receiver

import (
	"strings"
	"sync"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/vault"
)

// draft is where the events of one frame are encoded, one after the other, all but
// what the appender gives them. It is used again for another frame.
//
// Events are written by hand, not by the schema's encoder: that takes a dozen objects
// and a tenth of a receiver's time for each. The numbers of the fields below are held
// against the schema by a test, and so is what comes out.
type draft struct {
	encoded wire
	ends    []int
	// source is the Source that the events share; the others are scratch.
	source, body, signal wire
	reports              []report
	sealing              vault.Sealing
}

// Numbers of fields: those of messages with one field more than their signal are in
// bodies.
const (
	eventSite, eventOccurredAt, eventSource, eventFingerprint, eventRaw, eventVersion = 2, 3, 5, 6, 8, 9

	sourcePanel = 1

	panelReceiver, panelBoot, panelReceiverNumber, panelLine, panelAccount, panelAccountAsSent, panelPath = 1, 2, 3, 4, 5, 6, 7
	panelTransport, panelAddressClass, panelSequence, panelToken, panelSentAt, panelEncrypted             = 8, 9, 10, 11, 12, 13
	panelGateway                                                                                          = 14

	sealedKey, sealedNonce, sealedCiphertext = 1, 2, 3

	signalFormat, signalCode, signalClass, signalArea, signalZone, signalUser, signalText = 1, 2, 3, 4, 5, 6, 7

	dataToken, dataData, dataExtended, dataFormat, dataCode, dataArea, dataZone = 1, 2, 3, 4, 5, 6, 7

	bodyDataReceived, bodyTransmissionSuspect = 112, 113

	suspectSuspicion, suspectRepeated = 1, 2
)

var drafts = sync.Pool{New: func() any { return new(draft) }}

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

// begin begins an event of a site; occurredMS by the sender's clock, 0 for unknown.
func (d *draft) begin(w whereabouts, fingerprint ids.ID, occurredMS int64, raw *vigiev1.Sealed) {
	d.encoded = d.encoded.number(eventSite, w.site).number(eventOccurredAt, uint64(occurredMS)).
		bytes(eventSource, d.source).bytes(eventFingerprint, fingerprint[:]).
		sealed(eventRaw, raw).number(eventVersion, w.version)
}

// end ends the event with its body, a field of the event.
func (d *draft) end(field protowire.Number, body wire) {
	d.encoded = d.encoded.message(field, body)
	d.ends = append(d.ends, len(d.encoded))
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

// wire is an encoded message, or a part of one. Fields with their zero value are left
// out, as proto3 has it.
type wire []byte

func (w wire) number(field protowire.Number, v uint64) wire {
	if v == 0 {
		return w
	}
	return protowire.AppendVarint(protowire.AppendTag(w, field, protowire.VarintType), v)
}

func (w wire) flag(field protowire.Number, v bool) wire {
	if !v {
		return w
	}
	return w.number(field, 1)
}

func (w wire) bytes(field protowire.Number, b []byte) wire {
	if len(b) == 0 {
		return w
	}
	return w.message(field, b)
}

// text makes what is no UTF-8 readable: no reader would take the record otherwise.
func (w wire) text(field protowire.Number, s string) wire {
	if s == "" {
		return w
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return protowire.AppendString(protowire.AppendTag(w, field, protowire.BytesType), s)
}

// message is there even when it is empty.
func (w wire) message(field protowire.Number, m []byte) wire {
	return protowire.AppendBytes(protowire.AppendTag(w, field, protowire.BytesType), m)
}

func (w wire) sealed(field protowire.Number, s *vigiev1.Sealed) wire {
	if s == nil {
		return w
	}
	key, nonce, cipher := s.GetKeyId(), s.GetNonce(), s.GetCiphertext()
	size := 0
	for _, n := range [...]int{len(key), len(nonce), len(cipher)} {
		if n > 0 {
			size += 1 + protowire.SizeBytes(n) // each tag is one byte
		}
	}
	w = protowire.AppendVarint(protowire.AppendTag(w, field, protowire.BytesType), uint64(size))
	return w.text(sealedKey, key).bytes(sealedNonce, nonce).bytes(sealedCiphertext, cipher)
}
