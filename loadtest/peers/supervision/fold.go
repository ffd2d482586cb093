// Package supervision is the job that Vigie's engine and its peers do for the
// comparison of loadtest/peers/compare: a part of what package alarm does, small
// enough to be written twice. Its rules are in loadtest/peers/kafka-streams/README.md;
// both sides must give the same bytes.
package supervision

import (
	"encoding/binary"
	"slices"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor"
)

// Figures of the rules, ms.
const (
	defaultInterval = 180_000
	stormAlarms     = 10
	stormWindow     = 600_000
	stormQuiet      = 1_200_000
)

// Kinds of timers.
const (
	silence  = 1
	stormEnd = 2
)

const version = 1

// Fold is the job for one partition.
type Fold struct {
	sites table
	// group is the receiver group whose clock supervises; there is one.
	group string
}

// New makes an empty fold.
func New() processor.Fold { return &Fold{sites: newTable()} }

// Version of the rules.
func (f *Fold) Version() uint32 { return version }

// Counts tells the sites.
func (f *Fold) Counts() processor.Counts {
	return processor.Counts{Sites: uint64(len(f.sites.hot))}
}

// Apply folds one record.
func (f *Fold) Apply(ctx *processor.Context, r processor.Record) {
	switch {
	case r.Log.GetBeat() != nil:
		f.beat(ctx, r.Log.GetBeat())
	case r.Log.GetEvent() != nil:
		f.event(ctx, r.Log.GetEvent())
	}
}

func (f *Fold) beat(ctx *processor.Context, b *vigiev1.Beat) {
	if b.Group != "" {
		f.group = b.Group
	}
	at, deltas := b.BaseMs, b.ReceivedDeltaMs
	for i, number := range b.Site {
		if i < len(deltas) {
			at += deltas[i]
		}
		f.heard(ctx, number, at)
	}
}

func (f *Fold) event(ctx *processor.Context, e *vigiev1.Event) {
	switch body := e.Body.(type) {
	case *vigiev1.Event_Heartbeat:
		f.heard(ctx, e.Site, e.ReceivedAtMs)
	case *vigiev1.Event_AlarmRaised:
		f.alarm(ctx, e.Site, e.ReceivedAtMs)
	case *vigiev1.Event_Armed:
		f.mode(ctx, e, body.Armed.GetMode())
	case *vigiev1.Event_Disarmed:
		f.mode(ctx, e, vigiev1.AreaMode_AREA_MODE_DISARMED)
	case *vigiev1.Event_SiteDeclared:
		interval := int64(0)
		for _, p := range body.SiteDeclared.GetPaths() {
			if p.Path == 1 {
				interval = p.IntervalMs
			}
		}
		slot := f.sites.slot(e.Site)
		f.sites.rareOf(slot).interval = interval
		f.watch(ctx, slot)
	}
}

// heard takes a proof of life. A steady one is three writes.
func (f *Fold) heard(ctx *processor.Context, number uint64, at int64) {
	slot := f.sites.slot(number)
	s := &f.sites.hot[slot]
	if at <= s.heardAt {
		return // It came another way before.
	}
	if r := f.sites.rare[slot]; r != nil && r.lost {
		d := detection(number, vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST, s.heardAt+f.interval(slot))
		d.Status, d.AtMs, d.ClosedAtMs, d.CloseReason = vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED, at, at, "restored"
		d.IntervalMs, d.LastHeardMs = f.interval(slot), s.heardAt
		f.sites.rareOf(slot).lost = false
		say(ctx, d)
	}
	s.heardAt, s.heardS = at, ctx.SAt(f.group, at)
	if s.due == 0 {
		f.watch(ctx, slot)
	}
}

func (f *Fold) interval(slot uint32) int64 {
	if r := f.sites.rare[slot]; r != nil && r.interval != 0 {
		return r.interval
	}
	return defaultInterval
}

// watch arms the deadline of a site that was heard and is not lost.
func (f *Fold) watch(ctx *processor.Context, slot uint32) {
	s, r := &f.sites.hot[slot], f.sites.rare[slot]
	due := s.heardS + f.interval(slot)
	if s.heardAt == 0 || r != nil && r.lost || s.due == due {
		return
	}
	s.due = due
	ctx.Arm(processor.Timer{Class: processor.Absence, Group: f.group, Deadline: due, Site: s.number, Kind: silence})
}

func (f *Fold) mode(ctx *processor.Context, e *vigiev1.Event, mode vigiev1.AreaMode) {
	slot := f.sites.slot(e.Site)
	if r := f.sites.rare[slot]; r != nil && r.mode == int32(mode) {
		return
	}
	r := f.sites.rareOf(slot)
	r.mode = int32(mode)
	r.version++
	ctx.Emit(processor.Output{Topic: topics.SiteStates, Key: topics.SiteKey(e.Site), Value: &vigiev1.SiteState{
		Site: e.Site, Version: r.version, ChangedAtMs: e.ReceivedAtMs, CauseEventId: e.Id,
		Areas: []*vigiev1.AreaState{{Area: "1", Mode: mode, SinceMs: e.ReceivedAtMs}},
	}})
}

func (f *Fold) alarm(ctx *processor.Context, number uint64, at int64) {
	slot := f.sites.slot(number)
	r := f.sites.rareOf(slot)
	r.alarmBefore, r.lastAlarm = r.lastAlarm, at
	if r.stormOpenedAt != 0 {
		r.stormCount++
		return
	}
	if len(r.alarms) == stormAlarms {
		r.alarms = r.alarms[1:]
	}
	r.alarms = append(r.alarms, at)
	if len(r.alarms) < stormAlarms || at-r.alarms[0] > stormWindow {
		return
	}
	r.stormOpenedAt, r.stormCount, r.alarms = at, stormAlarms, nil
	f.watchStorm(ctx, number, r)
	d := storm(number, r)
	d.Status, d.AtMs = vigiev1.DetectionStatus_DETECTION_STATUS_OPENED, at
	say(ctx, d)
}

// watchStorm sets the timer to when fewer than two alarms will have come in
// stormQuiet, if none comes.
func (f *Fold) watchStorm(ctx *processor.Context, number uint64, r *rare) {
	r.stormDue = r.alarmBefore + stormQuiet
	ctx.Arm(processor.Timer{Deadline: r.stormDue, Site: number, Kind: stormEnd})
}

// Fire concludes, or arms again when the deadline has moved.
func (f *Fold) Fire(ctx *processor.Context, t processor.Timer) bool {
	slot := f.sites.slot(t.Site)
	if t.Kind == stormEnd {
		return f.fireStorm(ctx, slot, t)
	}
	s := &f.sites.hot[slot]
	if s.due != t.Deadline {
		return false
	}
	if s.heardS+f.interval(slot) > t.Deadline {
		f.watch(ctx, slot)
		return false
	}
	s.due = 0
	f.sites.rareOf(slot).lost = true
	deadline := s.heardAt + f.interval(slot)
	d := detection(t.Site, vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST, deadline)
	d.Status, d.AtMs = vigiev1.DetectionStatus_DETECTION_STATUS_OPENED, deadline
	d.IntervalMs, d.LastHeardMs = f.interval(slot), s.heardAt
	say(ctx, d)
	return true
}

func (f *Fold) fireStorm(ctx *processor.Context, slot uint32, t processor.Timer) bool {
	r := f.sites.rare[slot]
	if r == nil || r.stormOpenedAt == 0 || r.stormDue != t.Deadline {
		return false
	}
	r = f.sites.rareOf(slot)
	if end := r.alarmBefore + stormQuiet; end > t.Deadline {
		f.watchStorm(ctx, t.Site, r)
		return false
	}
	d := storm(t.Site, r)
	d.Status, d.AtMs, d.ClosedAtMs, d.CloseReason = vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED, t.Deadline, t.Deadline, "rate fell"
	r.stormOpenedAt, r.stormCount = 0, 0
	say(ctx, d)
	return true
}

func storm(number uint64, r *rare) *vigiev1.Detection {
	d := detection(number, vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM, r.stormOpenedAt)
	d.EvidenceCount, d.Threshold, d.WindowMs = r.stormCount, stormAlarms, stormWindow
	return d
}

// detection has an id that says what it is: the site, and when it opened.
func detection(number uint64, kind vigiev1.DetectionKind, openedAt int64) *vigiev1.Detection {
	id := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, number), uint64(openedAt))
	return &vigiev1.Detection{Id: id, Site: number, Kind: kind, OpenedAtMs: openedAt}
}

func say(ctx *processor.Context, d *vigiev1.Detection) {
	ctx.Emit(processor.Output{Topic: topics.Detections, Key: topics.SiteKey(d.Site), Value: d})
}

// Snapshot copies what heartbeats write, a few dozen bytes a site; the rarer part
// is copied when it is next written.
func (f *Fold) Snapshot() processor.Frozen {
	f.sites.generation++
	return &frozen{group: f.group, hot: slices.Clone(f.sites.hot), rare: slices.Clone(f.sites.rare)}
}
