package wire

import "github.com/open-vigie/vigie/schemas/vigiev1"

// bodies are what panels say most, to be used again: a message for each, and the
// member of the oneof that holds it.
type bodies struct {
	alarmRaised    vigiev1.AlarmRaised
	alarmRestored  vigiev1.AlarmRestored
	alarmCancelled vigiev1.AlarmCancelled
	armed          vigiev1.Armed
	disarmed       vigiev1.Disarmed
	zoneInhibited  vigiev1.ZoneInhibited
	faultRaised    vigiev1.FaultRaised
	faultRestored  vigiev1.FaultRestored
	tamper         vigiev1.Tamper
	heartbeat      vigiev1.Heartbeat
	testReceived   vigiev1.TestReceived

	asAlarmRaised    vigiev1.Event_AlarmRaised
	asAlarmRestored  vigiev1.Event_AlarmRestored
	asAlarmCancelled vigiev1.Event_AlarmCancelled
	asArmed          vigiev1.Event_Armed
	asDisarmed       vigiev1.Event_Disarmed
	asZoneInhibited  vigiev1.Event_ZoneInhibited
	asFaultRaised    vigiev1.Event_FaultRaised
	asFaultRestored  vigiev1.Event_FaultRestored
	asTamper         vigiev1.Event_Tamper
	asHeartbeat      vigiev1.Event_Heartbeat
	asTestReceived   vigiev1.Event_TestReceived
}

// signalBody is what nearly every body of a panel is: a signal in field 1, and one
// or two small figures.
type signalBody struct {
	signal        *vigiev1.Signal
	second, third uint64
}

// readSignalBody reads such a body; the highest field that it knows is last.
func (d *Decoder) readSignalBody(c *cursor, last uint64) (b signalBody) {
	in := c.inner()
	for in.next() {
		switch {
		case in.tag == 1<<3|sized:
			b.signal = d.readSignal(&in)
		case in.tag == 2<<3|varint && last >= 2:
			b.second = in.varint()
		case in.tag == 3<<3|varint && last >= 3:
			b.third = in.varint()
		default:
			in.odd = true
		}
	}
	c.odd = c.odd || in.odd
	return b
}

// readBody reads the bodies of panels that carry a signal alone, and heartbeats.
func (d *Decoder) readBody(c *cursor) {
	b, e := &d.bodies, &d.event
	switch c.tag {
	case 100<<3 | sized:
		b.alarmRaised.Reset()
		b.alarmRaised.Signal = d.readSignalBody(c, 1).signal
		b.asAlarmRaised.AlarmRaised, e.Body = &b.alarmRaised, &b.asAlarmRaised
	case 101<<3 | sized:
		b.alarmRestored.Reset()
		b.alarmRestored.Signal = d.readSignalBody(c, 1).signal
		b.asAlarmRestored.AlarmRestored, e.Body = &b.alarmRestored, &b.asAlarmRestored
	case 102<<3 | sized:
		b.alarmCancelled.Reset()
		b.alarmCancelled.Signal = d.readSignalBody(c, 1).signal
		b.asAlarmCancelled.AlarmCancelled, e.Body = &b.alarmCancelled, &b.asAlarmCancelled
	case 106<<3 | sized:
		b.faultRaised.Reset()
		b.faultRaised.Signal = d.readSignalBody(c, 1).signal
		b.asFaultRaised.FaultRaised, e.Body = &b.faultRaised, &b.asFaultRaised
	case 107<<3 | sized:
		b.faultRestored.Reset()
		b.faultRestored.Signal = d.readSignalBody(c, 1).signal
		b.asFaultRestored.FaultRestored, e.Body = &b.faultRestored, &b.asFaultRestored
	case 109<<3 | sized:
		d.readHeartbeat(c)
		b.asHeartbeat.Heartbeat, e.Body = &b.heartbeat, &b.asHeartbeat
	default:
		d.readBodyWithMore(c)
	}
}

// readBodyWithMore reads the bodies of panels that carry more than a signal.
func (d *Decoder) readBodyWithMore(c *cursor) {
	b, e := &d.bodies, &d.event
	switch c.tag {
	case 103<<3 | sized:
		in := d.readSignalBody(c, 3)
		b.armed.Reset()
		b.armed.Signal, b.armed.Mode, b.armed.Forced = in.signal, vigiev1.AreaMode(in.second), in.third != 0
		b.asArmed.Armed, e.Body = &b.armed, &b.asArmed
	case 104<<3 | sized:
		in := d.readSignalBody(c, 2)
		b.disarmed.Reset()
		b.disarmed.Signal, b.disarmed.AfterAlarm = in.signal, in.second != 0
		b.asDisarmed.Disarmed, e.Body = &b.disarmed, &b.asDisarmed
	case 105<<3 | sized:
		in := d.readSignalBody(c, 2)
		b.zoneInhibited.Reset()
		b.zoneInhibited.Signal, b.zoneInhibited.Restored = in.signal, in.second != 0
		b.asZoneInhibited.ZoneInhibited, e.Body = &b.zoneInhibited, &b.asZoneInhibited
	case 108<<3 | sized:
		in := d.readSignalBody(c, 2)
		b.tamper.Reset()
		b.tamper.Signal, b.tamper.Restored = in.signal, in.second != 0
		b.asTamper.Tamper, e.Body = &b.tamper, &b.asTamper
	case 110<<3 | sized:
		in := d.readSignalBody(c, 2)
		b.testReceived.Reset()
		b.testReceived.Signal, b.testReceived.Periodic = in.signal, in.second != 0
		b.asTestReceived.TestReceived, e.Body = &b.testReceived, &b.asTestReceived
	default:
		c.odd = true
	}
}

func (d *Decoder) readHeartbeat(c *cursor) {
	h := &d.bodies.heartbeat
	h.Reset()
	in := c.inner()
	for in.next() {
		switch in.tag {
		case 1<<3 | varint:
			h.Path = uint32(in.varint())
		case 2<<3 | varint:
			h.IntervalMs = int64(in.varint())
		default:
			in.odd = true
		}
	}
	c.odd = c.odd || in.odd
}
