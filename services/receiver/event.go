package receiver

import (
	"cmp"
	"net/netip"

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
func (r *Receiver) describe(d *draft, f dc09.Frame, raw []byte, w whereabouts, o origin, same ids.ID, extended []byte) error {
	reports := reportsOf(f)
	r.source(&d.panel, f, o)
	occurred, _ := f.OccurredAtMS()
	if len(reports) == 0 {
		reports = []report{{}} // data that no format explains, kept verbatim
	}
	for i, rep := range reports {
		fp := same
		if i > 0 { // events of one frame are told apart by their place in it
			fp = ids.Fingerprint(w.site, f.Sequence, f.Token, f.Data, append(append([]byte(nil), extended...), byte(i>>8), byte(i)))
		}
		e := d.next(w.site, fp)
		e.OccurredAtMs, e.DirectoryVersion = occurred, w.version
		if err := r.complete(d, f, rep, raw); err != nil {
			return err
		}
	}
	return nil
}

// complete seals the frame into an event, says what it is, and encodes it.
func (r *Receiver) complete(d *draft, f dc09.Frame, rep report, raw []byte) error {
	var err error
	if d.event.Raw, err = r.seal(d.event.GetSite(), vault.FieldRaw, d.fingerprint, raw); err != nil {
		return err
	}
	if err := r.body(d, f, rep); err != nil {
		return err
	}
	return d.add()
}

// source says where a frame came from.
func (r *Receiver) source(p *vigiev1.PanelSource, f dc09.Frame, o origin) {
	p.Reset()
	p.Receiver, p.Boot, p.ReceiverNumber, p.Line = r.cfg.ID, r.appender.Boot(), f.Receiver, f.Line
	p.Account, p.AccountAsSent, p.Path = ids.Account(f.Account), f.Account, f.Path()
	p.Transport, p.AddressClass, p.Sequence = o.transport, addressClass(o.remote.Addr()), f.Sequence
	p.Token, p.SentAtMs, p.Encrypted = f.Token, f.SentAtMS, f.Encrypted
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

// reportsOf reads the data of a frame; none when its format is not kept to.
func reportsOf(f dc09.Frame) []report {
	switch f.Token {
	case dc09.TokenSIA:
	case dc09.TokenCID:
		_, e, err := dc09.ParseCID(f.Data)
		if err != nil {
			return nil
		}
		return []report{cidReport(e)}
	default:
		return nil // an older dialler's format
	}
	_, events, err := dc09.ParseSIA(f.Data)
	if err != nil {
		return nil
	}
	reports := make([]report, len(events))
	for i, e := range events {
		reports[i] = siaReport(e)
	}
	return reports
}

func siaReport(e dc09.SIAEvent) report {
	m, known := dc09.SIAMeaning(e.Code)
	rep := report{format: "SIA", code: e.Code, area: dc09.Text([]byte(e.Area)), user: dc09.Text([]byte(e.User)), text: e.Text, meaning: m, known: known}
	address := dc09.Text([]byte(e.Address))
	if address == "" {
		return rep
	}
	switch dc09.SIAAddress(e.Code) {
	case dc09.AddressZone:
		rep.zone = address
	case dc09.AddressUser:
		rep.user = address
	case dc09.AddressArea:
		rep.area = address
	}
	return rep
}

func cidReport(e dc09.CIDEvent) report {
	m, known := dc09.CIDMeaning(e)
	rep := report{format: "CID", code: string(e.Qualifier) + e.Code, meaning: m, known: known}
	if e.Area != "00" {
		rep.area = e.Area
	}
	if e.Zone == "000" {
		return rep
	}
	if dc09.CIDAddress(e.Code) == dc09.AddressUser {
		rep.user = e.Zone
	} else {
		rep.zone = e.Zone
	}
	return rep
}

// body says what the event is. A code that no table knows, and one that only
// informs, is kept verbatim.
func (r *Receiver) body(d *draft, f dc09.Frame, rep report) error {
	e, s, m := &d.event, &d.signal, rep.meaning
	if !rep.known || m.Kind == dc09.KindInformation {
		return r.verbatim(e, f, rep, d.fingerprint)
	}
	text, err := r.seal(e.Site, vault.FieldText, d.fingerprint, []byte(dc09.Text(rep.text)))
	if err != nil {
		return err
	}
	s.Reset()
	s.Format, s.Code, s.Class, s.Area, s.Zone, s.User, s.Text = rep.format, rep.code, m.Class, rep.area, rep.zone, rep.user, text
	switch m.Kind {
	case dc09.KindAlarm:
		if m.Restore {
			e.Body = &vigiev1.Event_AlarmRestored{AlarmRestored: &vigiev1.AlarmRestored{Signal: s}}
		} else {
			e.Body = &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: s}}
		}
	case dc09.KindFault:
		if m.Restore {
			e.Body = &vigiev1.Event_FaultRestored{FaultRestored: &vigiev1.FaultRestored{Signal: s}}
		} else {
			e.Body = &vigiev1.Event_FaultRaised{FaultRaised: &vigiev1.FaultRaised{Signal: s}}
		}
	case dc09.KindTamper:
		e.Body = &vigiev1.Event_Tamper{Tamper: &vigiev1.Tamper{Signal: s, Restored: m.Restore}}
	case dc09.KindBypass:
		e.Body = &vigiev1.Event_ZoneInhibited{ZoneInhibited: &vigiev1.ZoneInhibited{Signal: s, Restored: m.Restore}}
	case dc09.KindCancel:
		e.Body = &vigiev1.Event_AlarmCancelled{AlarmCancelled: &vigiev1.AlarmCancelled{Signal: s}}
	default:
		setUserBody(e, s, m.Kind)
	}
	return nil
}

// setUserBody covers arming, disarming and tests.
func setUserBody(e *vigiev1.Event, s *vigiev1.Signal, kind dc09.Kind) {
	armed := func(mode vigiev1.AreaMode, forced bool) {
		e.Body = &vigiev1.Event_Armed{Armed: &vigiev1.Armed{Signal: s, Mode: mode, Forced: forced}}
	}
	switch kind {
	case dc09.KindArm:
		armed(vigiev1.AreaMode_AREA_MODE_ARMED_FULL, false)
	case dc09.KindArmPart:
		armed(vigiev1.AreaMode_AREA_MODE_ARMED_PART, false)
	case dc09.KindArmForced:
		armed(vigiev1.AreaMode_AREA_MODE_ARMED_INHIBITED, true)
	case dc09.KindDisarm, dc09.KindDisarmAfterAlarm:
		e.Body = &vigiev1.Event_Disarmed{Disarmed: &vigiev1.Disarmed{Signal: s, AfterAlarm: kind == dc09.KindDisarmAfterAlarm}}
	case dc09.KindTest, dc09.KindTestPeriodic:
		e.Body = &vigiev1.Event_TestReceived{TestReceived: &vigiev1.TestReceived{Signal: s, Periodic: kind == dc09.KindTestPeriodic}}
	default:
		panic("receiver: a kind of code without a body")
	}
}

func (r *Receiver) verbatim(e *vigiev1.Event, f dc09.Frame, rep report, fp ids.ID) error {
	// The event has one place for a number, whatever it is of.
	d := &vigiev1.DataReceived{Token: f.Token, Format: rep.format, Code: rep.code, Area: rep.area, Zone: cmp.Or(rep.zone, rep.user)}
	var err error
	if d.Data, err = r.seal(e.Site, vault.FieldData, fp, f.Data); err != nil {
		return err
	}
	if d.ExtendedData, err = r.seal(e.Site, vault.FieldExtendedData, fp, f.Extended); err != nil {
		return err
	}
	e.Body = &vigiev1.Event_DataReceived{DataReceived: d}
	return nil
}
