// Package fleet is the fold over many sites: from what each partition counted in a
// tick (vigie.v1.FleetTick) to detections that no site alone can show. It is pure:
// it reads no clock, does no I/O, starts no goroutine and draws no random number;
// it computes in whole numbers, so that every machine finds the same.
//
// A tick is applied when all partitions have reported it, in the order of their
// numbers: in which order their records came never matters (ticks.go). Then each
// rule looks once (judge below): one file a rule, headed by what it says. The
// figures are those of the policy's FleetPolicy, which the ticks carry.
package fleet

import (
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// FoldVersion names the rules of this package and its output encoding together.
const FoldVersion uint32 = 4

// TickMS is the step of the fleet's time, ms.
const TickMS = 5 * second

const (
	second int64 = 1000
	minute       = 60 * second
	hour         = 60 * minute
	day          = 24 * hour
)

// Env is what the fold may do while it folds one record.
type Env interface {
	// Emit appends an output to a topic of package topics.
	Emit(topic string, key []byte, value proto.Message)
	// Broadcast says something to every partition of vigie.events; said twice it
	// must be without effect.
	Broadcast(*vigiev1.Broadcast)
}

// Fold is the state of the fleet. One goroutine at a time uses it.
type Fold struct {
	parts []part
	// first is the first tick seen, applied the last one applied, Unix ms UTC.
	first, applied int64
	// newest is the newest tick told; lived is how much time has passed until then, a
	// jump counting as one tick.
	newest, lived int64

	figures *vigiev1.FleetPolicy
	policy  uint64

	groups     []*group
	groupIndex map[groupKey]int
	queues     []*queue
	people     []*person
	// staffed: somebody was present once, so that shifts are told at all.
	staffed bool

	calls, alarms, requests, completions series
	backlog                              int64
	handled                              handling
	occupancy                            []occupied
	hours                                [hoursOfDay]hourly
	hourAt                               int64

	open []*detection
	// said counts broadcasts: their versions.
	said uint64
	// headed: the head of a snapshot was read.
	headed bool
}

// New is the fold over a log of so many partitions.
func New(partitions int32) *Fold {
	return &Fold{parts: make([]part, partitions), figures: &vigiev1.FleetPolicy{}, groupIndex: map[groupKey]int{}}
}

// Counts says how much the fold holds: groups, open detections, the policy that it
// judges by, and how many broadcasts it has said.
func (f *Fold) Counts() (groups, openDetections, policy, said uint64) {
	return uint64(len(f.groups)), uint64(len(f.open)), f.policy, f.said
}

// Applied is the last tick judged, Unix ms UTC; 0 before the first.
func (f *Fold) Applied() int64 { return f.applied }

// Apply folds one record of vigie.fleet; what is not a tick is passed over.
func (f *Fold) Apply(env Env, rec *vigiev1.LogRecord) {
	if t := rec.GetFleetTick(); t != nil {
		f.report(env, t)
	}
}

// judge looks at every rule once, all partitions having told the tick.
func (f *Fold) judge(env Env, tick int64) {
	j := &judging{Fold: f, env: env, tick: tick}
	j.listening()
	if f.policy == 0 {
		return // No partition has told its figures yet.
	}
	for _, g := range f.groups {
		g.forget(tick, f.figures)
	}
	j.massCommunicationLoss()
	j.massMainsLoss()
	j.groupAlarmStorm()
	j.closureWave()
	j.onboardingSurge()
	j.callSurge()
	j.alarmFlood()
	j.overload()
	j.underStaffedShift()
	j.staffNeeded()
	f.learn(tick)
}

// judging is one tick being judged.
type judging struct {
	*Fold
	env  Env
	tick int64
}
