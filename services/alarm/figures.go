package alarm

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

type policyInForce struct {
	version uint64
	hash    []byte
	classes []*vigiev1.ClassPolicy
	groups  []*vigiev1.GroupPolicy
}

// figures are those of a class, or of some sites (figures_levels.go), with the
// defaults filled in. Durations in ms.
type figures struct {
	// own are the site's own; nil when it has none.
	own *vigiev1.ClassPolicy
	// given are those that are not the default's, in order of name.
	given []given

	interval, grace             int64
	stormAlarms, stormEnd       uint32
	stormWindow, stormEndWindow int64
	agreedByClass               bool
	flapChanges                 uint32
	flapWindow, sabotageWindow  int64
	armedFor                    int64
	missedOpenings              int
	heardAgain                  int64
	answers                     [answerClocks]answerFigures

	notProtected, afterVisit, longestVisit int64
	endDue, endDueLast, unreached          int64
	endsWithoutCallBack                    bool

	lateToClose, lateToOpen, lateToOpenHigh int64
	earlyOpening, outsideHours              int64

	consigneFor, consigneLongest, consigneExpiring int64

	realertAfterAlarm, realertAfterAct, secondHoldUp, lateArrival int64

	runaway, slowRunaway             uint32
	runawayWindow, slowRunawayWindow int64
	longestInhibition                int64
	chatterBucket                    uint32
	chatterRefill                    int64

	mainsOpen, mainsClosed, mainsTrouble int64
	autonomy, autonomyHigh               int64
	autonomyTask                         uint32

	confirmation, entryDelay int64

	idleLife, idleIntrusion, idleTechnical int64
	restoreWithin                          int64
	autoClose                              bool
	autoCloseWithin                        int64

	cyclicTest, cyclicTestGrace int64
	guardLate                   int64
	onboarding                  [4]int64

	testFor, testLongest int64
	frequentTests        uint32
	frequentTestsWindow  int64

	callWithin int64
	callShare  uint32
	fleet      *vigiev1.FleetPolicy
}

// defaultFleet are the figures of trade rules 6 and 12; those of alarms, closures,
// calls and onboarding are defaults, unverified: no source was at hand. So are 180 s
// of handling and 120 s of patience.
func defaultFleet() *vigiev1.FleetPolicy {
	surge := func(least, permille, factor uint32, window int64) *vigiev1.FleetSurge {
		return &vigiev1.FleetSurge{Least: least, SharePermille: permille, Factor: factor, WindowMs: window}
	}
	return &vigiev1.FleetPolicy{
		HoldBackMs: minute, GivenBackMs: 5 * minute, TroubleWindowMs: 30 * minute,
		Communication: surge(20, 30, 5, 5*minute), Mains: surge(20, 0, 5, 10*minute), Alarms: surge(20, 0, 5, 10*minute),
		Closures: surge(20, 30, 5, hour), Onboarding: surge(20, 0, 3, day), Calls: surge(10, 0, 3, 15*minute),
		Operators: 2, OccupancyPercent: 85, OccupancyWindowMs: 15 * minute, FloodAlarms: 10, FloodWindowMs: 10 * minute,
		AlarmHandlingMs: 3 * minute, CallHandlingMs: 3 * minute, PatienceMs: 2 * minute,
		AlarmSharePercent: 80, AlarmWithinMs: 90 * second, CallSharePercent: 80, CallWithinMs: 20 * second,
	}
}

type answerFigures struct{ atRisk, missed int64 }

const answerClocks = 8

var answerNames = [answerClocks]string{
	AnswersLife, AnswersIntrusion, AnswersTechnicalCritical, AnswersTechnical,
	AnswersNotConfigured, AnswersCommunicationArmed, AnswersCommunicationOpen, AnswersSchedule,
}

// applyPolicy takes a policy into force from this record on. An older version or
// a repeat is without effect; one version with two contents stops the partition
// (design decision 56).
func (f *Fold) applyPolicy(env Env, partition int32, offset int64, p *vigiev1.Policy) {
	if p.GetVersion() < f.policy.version {
		return
	}
	if p.GetVersion() == f.policy.version && f.policy.hash != nil {
		if !bytes.Equal(p.GetContentHash(), f.policy.hash) {
			panic(fmt.Sprintf("alarm: policy version %d stands twice in the log with different contents; the second is at partition %d, offset %d", p.GetVersion(), partition, offset))
		}
		return
	}
	f.policy = policyInForce{version: p.GetVersion(), hash: bytes.Clone(p.GetContentHash()), classes: p.GetClasses(), groups: p.GetGroups()}
	if f.policy.hash == nil {
		f.policy.hash = PolicyHash(p)
	}
	f.refigure()
	f.sites.each(func(s *site) {
		f.place(s)
		f.rejudge(env, s)
	})
}

// rejudge moves a site's running deadlines under the policy now in force.
func (f *Fold) rejudge(env Env, s *site) {
	s.eachPath(func(p *path) {
		if due := f.deadline(s, p); due != 0 && (p.due == 0 || due < p.due) {
			p.due = due
			env.Arm(f.pathTimer(s, p))
		}
	})
	if s.cold != nil && s.cold.schedule != nil {
		f.within(env, s, s.last, nil, func(w *work) {
			w.watchClosure()
			w.watchSchedule()
		})
	}
}

// refigure computes the figures of every class known; those of sites follow (place).
func (f *Fold) refigure() {
	f.figures = f.figures[:0]
	clear(f.interned)
	for _, class := range f.classes.list {
		f.figures = append(f.figures, f.policy.figuresFor(class, nil, nil))
	}
}

// class gives a class its number and figures.
func (f *Fold) class(name string) uint16 {
	i := f.classes.number(name)
	if int(i) == len(f.figures) {
		f.figures = append(f.figures, f.policy.figuresFor(name, nil, nil))
	}
	return i
}

func (f *figures) lay(c *vigiev1.ClassPolicy) {
	over(&f.interval, c.GetSupervision().GetDefaultIntervalMs())
	over(&f.grace, c.GetSupervision().GetGraceMs())
	over(&f.stormAlarms, min(c.GetStorm().GetAlarms(), maxStormAlarms))
	over(&f.stormEnd, min(c.GetStorm().GetEndAlarms(), maxStormAlarms))
	over(&f.stormWindow, c.GetStorm().GetWindowMs())
	over(&f.stormEndWindow, c.GetStorm().GetEndWindowMs())
	over(&f.armedFor, c.GetClosure().GetArmedForMs())
	over(&f.missedOpenings, int(min(c.GetClosure().GetMissedOpenings(), maxMissedOpenings)))
	over(&f.heardAgain, c.GetHeardAgainWindowMs())
	f.laySite(c)
	proto.Merge(f.fleet, c.GetFleet())
	f.layIncidents(c)
	for _, a := range c.GetAnswers() {
		for i, name := range answerNames {
			if a.GetClassGroup() == name {
				over(&f.answers[i].atRisk, a.GetAtRiskMs())
				over(&f.answers[i].missed, a.GetMissedMs())
			}
		}
	}
}

// laySite lays what is judged of a site's openings, closures and consignes.
func (f *figures) laySite(c *vigiev1.ClassPolicy) {
	over(&f.flapChanges, min(c.GetSupervision().GetFlapChanges(), maxFlapChanges))
	if v := c.GetSupervision(); v != nil {
		said(&f.agreedByClass, v.AgreedByClass)
	}
	over(&f.flapWindow, c.GetSupervision().GetFlapWindowMs())
	over(&f.sabotageWindow, c.GetSupervision().GetSabotageWindowMs())
	over(&f.cyclicTest, c.GetSupervision().GetCyclicTestMs())
	over(&f.cyclicTestGrace, c.GetSupervision().GetCyclicTestGraceMs())
	over(&f.onboarding[0], c.GetOnboarding().GetRequestedMs())
	over(&f.onboarding[1], c.GetOnboarding().GetScheduledMs())
	over(&f.onboarding[2], c.GetOnboarding().GetInstalledMs())
	over(&f.onboarding[3], c.GetOnboarding().GetTestedMs())
	over(&f.notProtected, c.GetClosure().GetNotProtectedMs())
	over(&f.afterVisit, c.GetClosure().GetAfterVisitMs())
	over(&f.longestVisit, c.GetClosure().GetLongestVisitMs())
	over(&f.endDue, c.GetClosure().GetEndDueMs())
	over(&f.endDueLast, c.GetClosure().GetEndDueLastMs())
	over(&f.unreached, c.GetClosure().GetUnreachedMs())
	if v := c.GetClosure(); v != nil {
		said(&f.endsWithoutCallBack, v.EndsWithoutCallBack)
	}
	over(&f.lateToClose, c.GetSchedule().GetLateToCloseMs())
	over(&f.lateToOpen, c.GetSchedule().GetLateToOpenMs())
	over(&f.lateToOpenHigh, c.GetSchedule().GetLateToOpenHighRiskMs())
	over(&f.earlyOpening, c.GetSchedule().GetEarlyOpeningMs())
	over(&f.outsideHours, c.GetSchedule().GetOutsideHoursMs())
	over(&f.consigneFor, c.GetConsigne().GetDefaultMs())
	over(&f.consigneLongest, c.GetConsigne().GetLongestMs())
	over(&f.consigneExpiring, c.GetConsigne().GetAboutToExpireMs())
	over(&f.mainsOpen, c.GetPower().GetWaitOpenMs())
	over(&f.mainsClosed, c.GetPower().GetWaitClosedMs())
	over(&f.mainsTrouble, c.GetPower().GetTroubleWindowMs())
	over(&f.autonomy, c.GetPower().GetAutonomyMs())
	over(&f.autonomyHigh, c.GetPower().GetAutonomyHighRiskMs())
	over(&f.autonomyTask, min(c.GetPower().GetTaskPercent(), 100))
}

// layIncidents lays what is judged of alarms and of those who handle them.
func (f *figures) layIncidents(c *vigiev1.ClassPolicy) {
	over(&f.realertAfterAlarm, c.GetFolding().GetAfterAlarmMs())
	over(&f.realertAfterAct, c.GetFolding().GetAfterActMs())
	over(&f.secondHoldUp, c.GetFolding().GetSecondHoldUpMs())
	over(&f.lateArrival, c.GetFolding().GetLateArrivalMs())
	over(&f.runaway, min(c.GetZones().GetRunawayAlarms(), maxRunawayAlarms))
	over(&f.runawayWindow, c.GetZones().GetRunawayWindowMs())
	over(&f.slowRunaway, min(c.GetZones().GetSlowAlarms(), maxRunawayAlarms))
	over(&f.slowRunawayWindow, c.GetZones().GetSlowWindowMs())
	over(&f.longestInhibition, c.GetZones().GetLongestInhibitionMs())
	over(&f.chatterBucket, c.GetZones().GetChatterBucket())
	over(&f.chatterRefill, c.GetZones().GetChatterRefillMs())
	over(&f.confirmation, c.GetVerification().GetConfirmationWindowMs())
	over(&f.entryDelay, c.GetVerification().GetEntryDelayMs())
	over(&f.idleLife, c.GetHandling().GetIdleLifeMs())
	over(&f.idleIntrusion, c.GetHandling().GetIdleIntrusionMs())
	over(&f.idleTechnical, c.GetHandling().GetIdleTechnicalMs())
	over(&f.restoreWithin, c.GetHandling().GetRestoreMs())
	if v := c.GetHandling(); v != nil {
		said(&f.autoClose, v.AutoClose)
	}
	over(&f.autoCloseWithin, c.GetHandling().GetAutoCloseWithinMs())
	over(&f.guardLate, c.GetHandling().GetGuardMs())
	over(&f.testFor, c.GetTests().GetDefaultMs())
	over(&f.testLongest, c.GetTests().GetLongestMs())
	over(&f.frequentTests, min(c.GetTests().GetFrequent(), maxTests-1))
	over(&f.frequentTestsWindow, c.GetTests().GetFrequentWindowMs())
	over(&f.callWithin, c.GetContact().GetAnswerWithinMs())
	over(&f.callShare, min(c.GetContact().GetAnswerSharePercent(), 100))
}

func over[T int | int64 | uint32](figure *T, value T) {
	if value > 0 {
		*figure = value
	}
}

func said(figure, value *bool) {
	if value != nil {
		*figure = *value
	}
}
