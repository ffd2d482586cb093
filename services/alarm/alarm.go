// Package alarm is the fold of a site: from the events of the log to states,
// detections, incidents and timers. It is pure: it reads no clock, does no I/O,
// starts no goroutine and draws no random number; equal histories give equal
// bytes. Time comes with the records (Env.W, Env.S), effects go out through
// Env.Emit and Env.Arm.
//
// The order of reading: Apply below, then beat.go (heartbeats), panel.go (what
// panels say), acts.go (what people do), incident.go (what folds into what), and
// one file for each rule, named after its detection. Three kinds of deadlines:
// those of paths (supervision.go), those that conclude from another silence
// (absence.go) and civil ones (timers.go). docs/rules.md lists rules and figures.
//
// A site is addressed by its number. The area "" stands for the whole site; see
// areas.go.
package alarm

import (
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm/hours"
)

// FoldVersion names the rules of this package, its time-zone data and its output
// encoding together. It rises when any of them changes what a history gives.
const FoldVersion uint32 = 13

// Env is what the fold may see and do while it folds one record.
type Env interface {
	// W is the partition's watermark, Unix ms UTC; 0 before the first beat.
	W() int64
	// S is the supervision clock of a receiver group, ms.
	S(group string) int64
	// SAt is S as it stood at a moment of the receivers' clocks, Unix ms UTC; of
	// one that S has not come to yet, as it will stand at the latest.
	SAt(group string, receivedAtMS int64) int64
	// Listening tells of each receiver group how it listens.
	Listening() []Listening
	// Emit appends an output to a topic of package topics (name without prefix).
	// A nil value is a tombstone. The value is encoded before Emit returns: its memory
	// is used again.
	Emit(topic string, key []byte, value proto.Message, urgent bool)
	// Arm asks for one call of Fire when the deadline is due.
	Arm(Timer)
}

// Listening is how one receiver group listens, as the engine's clock has it: when it
// fell silent and when it was back, since when it is blind (Unix ms UTC; 0 when not),
// how many receivers it has, and which of them are lost.
type Listening struct {
	Group                               string
	SilentSinceMS, BackMS, BlindSinceMS int64
	Receivers                           int
	Lost                                []string
}

// Timer is a deadline as data.
type Timer struct {
	// Absence deadlines stand on the supervision clock of Group, the others
	// (civil) on the watermark.
	Absence bool
	Group   string
	// Deadline in ms: S of Group when Absence, else Unix time.
	Deadline int64
	Site     uint64
	// Kind is the rule, What tells its timers apart within the site.
	Kind uint16
	What uint32
}

// Counts says how much a fold holds.
type Counts struct {
	Sites, OpenDetections, PolicyVersion, BroadcastVersion uint64
	// Degraded counts the failures of the fold on sites, since kept by a minimal rule.
	Degraded uint64
}

// Fold is the state of one partition. One goroutine at a time uses it.
type Fold struct {
	sites siteTable

	groups    names
	classes   names
	carriers  names
	receivers map[string]uint16

	// figures of each class, by its number; interned are those of sites with more.
	figures  []figures
	interned map[string]*figures
	policy   policyInForce

	openDetections uint64
	broadcast      uint64
	degraded       uint64
	failure        string
	zones          hours.Zones
	work           work
	before         before
	messages       messages
	tally          tally
	masses         []mass
	// was and is are memberships being compared.
	was, is []membership
	// restoring is the format of the snapshot being read.
	restoring uint32
}

// NewFold returns an empty fold that judges by DefaultPolicy until the log
// brings another.
func NewFold() *Fold {
	f := &Fold{
		sites:     newSiteTable(),
		groups:    newNames(maxGroups),
		classes:   newNames(maxClasses),
		carriers:  newNames(maxCarriers),
		tally:     newTally(),
		receivers: map[string]uint16{},
		interned:  map[string]*figures{},
	}
	f.policy.classes = DefaultPolicy().GetClasses()
	f.refigure()
	return f
}

// Version is FoldVersion.
func (f *Fold) Version() uint32 { return FoldVersion }

// Counts of what the fold holds now.
func (f *Fold) Counts() Counts {
	return Counts{
		Sites:            f.realSites(),
		OpenDetections:   f.openDetections,
		PolicyVersion:    f.policy.version,
		BroadcastVersion: f.broadcast,
		Degraded:         f.degraded,
	}
}

// realSites leaves out site 0, under which stands what is no site's: calls, policies.
func (f *Fold) realSites() uint64 {
	n := uint64(f.sites.count())
	if f.sites.index[f.sites.slot(0)] != 0 {
		n--
	}
	return n
}

// Failure is what the last failure on a site said, for the log; "" when there was
// none. It is no output: nothing derived depends on it.
func (f *Fold) Failure() string { return f.failure }

// Apply folds one record of the log. partition and offset say where it stands,
// for the message of a panic only: no output depends on them.
//
// It panics when the history itself is contradictory (a policy version with two
// contents) or past maxDegraded failures: the partition must stop.
func (f *Fold) Apply(env Env, partition int32, offset int64, rec *vigiev1.LogRecord) {
	switch r := rec.GetRecord().(type) {
	case *vigiev1.LogRecord_Beat:
		f.applyBeat(env, r.Beat)
		f.tick(env, partition)
	case *vigiev1.LogRecord_Event:
		if r.Event != nil {
			f.applyEvent(env, r.Event)
		}
	case *vigiev1.LogRecord_Policy:
		f.applyPolicy(env, partition, offset, r.Policy)
	case *vigiev1.LogRecord_ReceiverLife:
		f.learnReceiver(env, r.ReceiverLife.GetReceiver(), r.ReceiverLife.GetGroup())
	case *vigiev1.LogRecord_Broadcast:
		f.hear(env, partition, r.Broadcast)
	}
}

// Fire tells the fold that a timer is due. It returns false when nothing came of
// it: the deadline had moved (then it is armed again) or has no object any more.
func (f *Fold) Fire(env Env, t Timer) bool {
	s := f.sites.find(t.Site)
	if s == nil {
		return false
	}
	if t.Absence {
		return f.fireAbsence(env, s, t)
	}
	if s.cold == nil || !s.cold.armed(t) {
		return false
	}
	at := max(s.last, t.Deadline)
	if !f.within(env, s, at, nil, func(w *work) { w.advance(t.Deadline) }) {
		f.degrade(env, s, at, nil, func(w *work) { w.dropTimer(t) })
	}
	return true
}

// applyEvent folds an event at time t = max(the site's last time, received_at),
// after the site's civil timers that are due by then.
func (f *Fold) applyEvent(env Env, ev *vigiev1.Event) {
	s := f.sites.findOrAdd(ev.GetSite())
	t := max(s.last, ev.GetReceivedAtMs())
	if !f.within(env, s, t, ev.GetId(), func(w *work) { w.take(ev, t) }) {
		f.degrade(env, s, t, ev.GetId(), func(w *work) { w.minimal(ev) })
	}
}

// take applies an event at t.
func (w *work) take(ev *vigiev1.Event, t int64) {
	w.advance(t)
	w.at, w.s.last = t, t
	w.cold()
	if isPanelEvent(ev) {
		w.panelEvent(ev)
		return
	}
	w.act(ev)
}
