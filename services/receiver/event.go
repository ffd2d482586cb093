package receiver

import (
	"cmp"
	"net/netip"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// report is one event of a frame, in the terms of either format.
type report struct {
	format, code     string
	area, zone, user string
	text             []byte
	meaning          dc09.Meaning
	known            bool
}

// describe makes the events of a frame; all but id and received_at, which are known
// only inside the partition. same is the fingerprint of the frame.
func (r *Receiver) describe(d *draft, f *dc09.Frame, raw []byte, w whereabouts, o origin, same ids.ID, extended []byte) error {
	d.reports = appendReports(d.reports[:0], f)
	r.source(d, f, o)
	occurred, _ := f.OccurredAtMS()
	if len(d.reports) == 0 {
		d.reports = append(d.reports, report{}) // data that no format explains, kept verbatim
	}
	for i := range d.reports {
		fp := same
		if i > 0 { // events of one frame are told apart by their place in it
			fp = ids.Fingerprint(w.site, f.Sequence, f.Token, f.Data, append(append([]byte(nil), extended...), byte(i>>8), byte(i)))
		}
		if err := r.add(d, f, &d.reports[i], raw, w, fp, occurred); err != nil {
			return err
		}
	}
	return nil
}

// add seals what was sent, says what it reports, and encodes it as an event.
func (r *Receiver) add(d *draft, f *dc09.Frame, rep *report, raw []byte, w whereabouts, fp ids.ID, occurredMS int64) error {
	sealed, err := r.seal(d, w.site, vault.FieldRaw, fp, raw)
	if err != nil {
		return err
	}
	d.begin(w, fp, occurredMS, sealed)
	return r.body(d, f, rep, w.site, fp)
}

// source says where a frame came from.
func (r *Receiver) source(d *draft, f *dc09.Frame, o origin) {
	r.panelSource(d, &vigiev1.PanelSource{
		ReceiverNumber: f.Receiver, Line: f.Line, AccountAsSent: f.Account, Path: f.Path(),
		Transport: o.transport, AddressClass: addressClass(o.remote.Addr()), Sequence: f.Sequence,
		Token: f.Token, SentAtMs: f.SentAtMS, Encrypted: f.Encrypted,
	})
}

// panelSource encodes a source, with this receiver and the account's normal form.
func (r *Receiver) panelSource(d *draft, p *vigiev1.PanelSource) {
	d.body = d.body[:0].text(panelReceiver, r.cfg.ID).bytes(panelBoot, r.appender.Boot()).
		number(panelReceiverNumber, uint64(p.ReceiverNumber)).number(panelLine, uint64(p.Line)).
		text(panelAccount, ids.Account(p.AccountAsSent)).text(panelAccountAsSent, p.AccountAsSent).
		number(panelPath, uint64(p.Path)).number(panelTransport, uint64(p.Transport)).
		number(panelAddressClass, uint64(p.AddressClass)).number(panelSequence, uint64(p.Sequence)).
		text(panelToken, p.Token).number(panelSentAt, uint64(p.SentAtMs)).flag(panelEncrypted, p.Encrypted).
		text(panelGateway, p.Gateway)
	d.source = d.source[:0].message(sourcePanel, d.body)
}

func addressClass(a netip.Addr) vigiev1.AddressClass {
	switch a = a.Unmap(); {
	case !a.IsValid():
		return vigiev1.AddressClass_ADDRESS_CLASS_UNSPECIFIED
	case a.IsLoopback():
		return vigiev1.AddressClass_ADDRESS_CLASS_LOOPBACK
	case a.IsPrivate(), a.IsLinkLocalUnicast():
		return vigiev1.AddressClass_ADDRESS_CLASS_PRIVATE
	}
	return vigiev1.AddressClass_ADDRESS_CLASS_PUBLIC
}

// appendReports reads the data of a frame; none when its format is not kept to.
func appendReports(dst []report, f *dc09.Frame) []report {
	switch f.Token {
	case dc09.TokenSIA:
	case dc09.TokenCID:
		_, e, err := dc09.ParseCID(f.Data)
		if err != nil {
			return dst
		}
		return append(dst, cidReport(e))
	default:
		return dst // an older dialler's format
	}
	_, events, err := dc09.ParseSIA(f.Data)
	if err != nil {
		return dst
	}
	for i := range events {
		dst = append(dst, siaReport(events[i]))
	}
	return dst
}

func siaReport(e dc09.SIAEvent) report {
	m, known := dc09.SIAMeaning(e.Code)
	area, zone, user := e.Places()
	return report{
		format: "SIA", code: e.Code, area: dc09.Text([]byte(area)), zone: dc09.Text([]byte(zone)), user: dc09.Text([]byte(user)),
		text: e.Text, meaning: m, known: known,
	}
}

func cidReport(e dc09.CIDEvent) report {
	m, known := dc09.CIDMeaning(e)
	rep := report{format: "CID", code: string(e.Qualifier) + e.Code, meaning: m, known: known}
	rep.area, rep.zone, rep.user = e.Places()
	return rep
}

// bodies are what an event is by the kind of its code, a field of the event each:
// what begins, and what ends where that is another. Every one has its signal in field
// 1; more is a field of its own that tells two kinds apart.
var bodies = map[dc09.Kind]struct {
	field, restored protowire.Number
	more            []flagged
}{
	dc09.KindAlarm:            {field: 100, restored: 101},
	dc09.KindCancel:           {field: 102, restored: 102},
	dc09.KindArm:              {field: 103, restored: 103, more: []flagged{{2, uint64(vigiev1.AreaMode_AREA_MODE_ARMED_FULL)}}},
	dc09.KindArmPart:          {field: 103, restored: 103, more: []flagged{{2, uint64(vigiev1.AreaMode_AREA_MODE_ARMED_PART)}}},
	dc09.KindArmForced:        {field: 103, restored: 103, more: []flagged{{2, uint64(vigiev1.AreaMode_AREA_MODE_ARMED_INHIBITED)}, {3, 1}}},
	dc09.KindDisarm:           {field: 104, restored: 104},
	dc09.KindDisarmAfterAlarm: {field: 104, restored: 104, more: []flagged{{2, 1}}},
	dc09.KindBypass:           {field: 105, restored: 105},
	dc09.KindFault:            {field: 106, restored: 107},
	dc09.KindTamper:           {field: 108, restored: 108},
	dc09.KindTest:             {field: 110, restored: 110},
	dc09.KindTestPeriodic:     {field: 110, restored: 110, more: []flagged{{2, 1}}},
}

type flagged struct {
	field protowire.Number
	value uint64
}

// bodyRestored is the field of zone inhibitions and tampers that says that they end.
const bodyRestored = 2

// body says what the event is. A code that no table knows, and one that only
// informs, is kept verbatim.
func (r *Receiver) body(d *draft, f *dc09.Frame, rep *report, site uint64, fp ids.ID) error {
	m := rep.meaning
	if !rep.known || m.Kind == dc09.KindInformation {
		return r.verbatim(d, f, rep, site, fp)
	}
	text, err := r.seal(d, site, vault.FieldText, fp, []byte(dc09.Text(rep.text)))
	if err != nil {
		return err
	}
	d.signal = d.signal[:0].text(signalFormat, rep.format).text(signalCode, rep.code).number(signalClass, uint64(m.Class)).
		text(signalArea, rep.area).text(signalZone, rep.zone).text(signalUser, rep.user).sealed(signalText, text)
	kind, ok := bodies[m.Kind]
	if !ok {
		panic("receiver: a kind of code without a body")
	}
	d.body = d.body[:0].message(1, d.signal)
	for _, m := range kind.more {
		d.body = d.body.number(m.field, m.value)
	}
	field := kind.field
	if m.Restore {
		field = kind.restored
		d.body = d.body.flag(bodyRestored, m.Kind == dc09.KindBypass || m.Kind == dc09.KindTamper)
	}
	d.end(field, d.body)
	return nil
}

func (r *Receiver) verbatim(d *draft, f *dc09.Frame, rep *report, site uint64, fp ids.ID) error {
	data, err := r.seal(d, site, vault.FieldData, fp, f.Data)
	if err != nil {
		return err
	}
	d.body = d.body[:0].text(dataToken, f.Token).sealed(dataData, data)
	extended, err := r.seal(d, site, vault.FieldExtendedData, fp, f.Extended)
	if err != nil {
		return err
	}
	// The event has one place for a number, whatever it is of.
	d.body = d.body.sealed(dataExtended, extended).
		text(dataFormat, rep.format).text(dataCode, rep.code).text(dataArea, rep.area).text(dataZone, cmp.Or(rep.zone, rep.user))
	d.end(bodyDataReceived, d.body)
	return nil
}
