package alarm

import (
	"crypto/sha256"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Names of answer clocks (AnswerPolicy.class_group). The first five are also the
// class groups of incidents; the others are clocks of their own.
const (
	AnswersLife              = "life"
	AnswersIntrusion         = "intrusion"
	AnswersTechnicalCritical = "technical-critical"
	AnswersTechnical         = "technical"
	AnswersNotConfigured     = "not-configured"
	// AnswersCommunicationArmed: armed or high risk, 180 s (trade rule 6).
	AnswersCommunicationArmed = "communication-armed"
	// AnswersCommunicationOpen: an open site, 15 min (trade rule 6).
	AnswersCommunicationOpen = "communication-open"
	// AnswersSchedule: a site that opened or closed at another time than planned.
	// Default, unverified: that of an open site whose communication is lost.
	AnswersSchedule = "schedule"
)

// DefaultPolicy holds the defaults of the trade's rules, version 1. The class ""
// is every site's; the others say only what differs.
func DefaultPolicy() *vigiev1.Policy {
	storm := func(alarms uint32) *vigiev1.StormPolicy { return &vigiev1.StormPolicy{Alarms: alarms} }
	return Stamped(&vigiev1.Policy{Author: "vigie", Classes: []*vigiev1.ClassPolicy{
		{
			Supervision:        &vigiev1.SupervisionPolicy{DefaultIntervalMs: 24 * hour, GraceMs: hour, FlapChanges: 4, FlapWindowMs: hour, SabotageWindowMs: 30 * minute, CyclicTestMs: 24 * hour, CyclicTestGraceMs: hour},
			Storm:              &vigiev1.StormPolicy{Alarms: 6, WindowMs: 10 * minute, EndAlarms: 2, EndWindowMs: 20 * minute},
			Closure:            defaultClosure(),
			Schedule:           &vigiev1.SchedulePolicy{LateToCloseMs: 30 * minute, LateToOpenMs: 15 * minute, LateToOpenHighRiskMs: 5 * minute, EarlyOpeningMs: 30 * minute, OutsideHoursMs: 2 * hour},
			Consigne:           &vigiev1.ConsignePolicy{DefaultMs: 30 * day, LongestMs: 90 * day, AboutToExpireMs: 48 * hour},
			Folding:            &vigiev1.FoldingPolicy{AfterAlarmMs: 15 * minute, AfterActMs: 5 * minute, SecondHoldUpMs: 2 * minute, LateArrivalMs: 5 * minute},
			Zones:              defaultZones(),
			Power:              defaultPower(),
			Verification:       &vigiev1.VerificationPolicy{ConfirmationWindowMs: 30 * minute, EntryDelayMs: minute},
			Handling:           &vigiev1.HandlingPolicy{IdleLifeMs: minute, IdleIntrusionMs: 2 * minute, IdleTechnicalMs: 10 * minute, RestoreMs: 24 * hour, AutoCloseWithinMs: 90 * second, GuardMs: 30 * minute},
			Tests:              &vigiev1.TestPolicy{DefaultMs: 2 * hour, LongestMs: 8 * hour, Frequent: 3, FrequentWindowMs: 7 * day},
			Onboarding:         &vigiev1.OnboardingPolicy{RequestedMs: 5 * day, ScheduledMs: 2 * day, InstalledMs: 2 * day, TestedMs: 2 * day},
			Contact:            &vigiev1.ContactPolicy{AnswerWithinMs: 20 * second, AnswerSharePercent: 80},
			Fleet:              defaultFleet(),
			HeardAgainWindowMs: 5 * minute,
			Answers: []*vigiev1.AnswerPolicy{
				{ClassGroup: AnswersLife, AtRiskMs: 30 * second, MissedMs: 60 * second},
				{ClassGroup: AnswersIntrusion, AtRiskMs: 90 * second, MissedMs: 180 * second},
				{ClassGroup: AnswersTechnicalCritical, AtRiskMs: 5 * minute, MissedMs: 10 * minute},
				{ClassGroup: AnswersTechnical, AtRiskMs: 4 * hour, MissedMs: 24 * hour},
				{ClassGroup: AnswersNotConfigured, AtRiskMs: 90 * second, MissedMs: 180 * second},
				{ClassGroup: AnswersCommunicationArmed, AtRiskMs: 90 * second, MissedMs: 180 * second},
				{ClassGroup: AnswersCommunicationOpen, AtRiskMs: 450 * second, MissedMs: 15 * minute},
				{ClassGroup: AnswersSchedule, AtRiskMs: 450 * second, MissedMs: 15 * minute},
			},
		},
		{SiteClass: "home", Storm: storm(4), Closure: &vigiev1.ClosurePolicy{MissedOpenings: 2}},
		{SiteClass: "shop", Storm: storm(6)},
		{SiteClass: "large", Storm: storm(15)},
		{SiteClass: "fire", Supervision: &vigiev1.SupervisionPolicy{CyclicTestMs: 10 * minute, CyclicTestGraceMs: minute}},
	}}, 1, 0)
}

func defaultClosure() *vigiev1.ClosurePolicy {
	return &vigiev1.ClosurePolicy{
		ArmedForMs: 24 * hour, MissedOpenings: 1, NotProtectedMs: 30 * minute, AfterVisitMs: 15 * minute,
		LongestVisitMs: 4 * hour, EndDueMs: 3 * day, EndDueLastMs: day, UnreachedMs: 30 * day,
	}
}

// The figures of chatter are defaults, unverified: no source was at hand.
func defaultZones() *vigiev1.ZonePolicy {
	return &vigiev1.ZonePolicy{
		RunawayAlarms: 3, RunawayWindowMs: hour, SlowAlarms: 5, SlowWindowMs: 24 * hour,
		LongestInhibitionMs: 72 * hour, ChatterBucket: 5, ChatterRefillMs: 2 * minute,
	}
}

func defaultPower() *vigiev1.PowerPolicy {
	return &vigiev1.PowerPolicy{
		WaitOpenMs: hour, WaitClosedMs: 15 * minute, TroubleWindowMs: 30 * minute,
		AutonomyMs: 12 * hour, AutonomyHighRiskMs: 36 * hour, TaskPercent: 50,
	}
}

// DemoPolicy is DefaultPolicy with the class "demo", whose short figures are
// divided by speed (0.1 to 100; 1 as written): supervision 5 s and 2 s of grace,
// storm at 6 in 20 s that ends below 2 in 15 s, closed after 30 s armed and one
// missed opening until the next disarm; late to close after 25 s, since people of a
// demonstration come back 34 s after closing time at the soonest. Answer clocks are
// people's and are not scaled.
func DemoPolicy(speed float64) *vigiev1.Policy {
	speed = min(max(speed, 0.1), 100)
	scaled := func(ms int64) int64 { return max(1, int64(float64(ms)/speed)) }
	p := DefaultPolicy()
	p.Classes = append(p.Classes, &vigiev1.ClassPolicy{
		SiteClass:   "demo",
		Supervision: &vigiev1.SupervisionPolicy{DefaultIntervalMs: scaled(5 * second), GraceMs: scaled(2 * second), FlapWindowMs: scaled(20 * second), AgreedByClass: proto.Bool(true)},
		Storm:       &vigiev1.StormPolicy{Alarms: 6, WindowMs: scaled(20 * second), EndAlarms: 2, EndWindowMs: scaled(15 * second)},
		Fleet:       &vigiev1.FleetPolicy{HoldBackMs: scaled(10 * second), GivenBackMs: scaled(10 * second)},
		Closure:     &vigiev1.ClosurePolicy{ArmedForMs: scaled(30 * second), MissedOpenings: 1, EndsWithoutCallBack: proto.Bool(true)},
		Schedule: &vigiev1.SchedulePolicy{
			LateToCloseMs: scaled(25 * second), LateToOpenMs: scaled(20 * second), EarlyOpeningMs: scaled(20 * second), OutsideHoursMs: scaled(40 * second),
		},
	})
	return Stamped(p, 1, 0)
}

// Stamped returns p with this version, time (Unix ms UTC) and its content hash.
// Two policies of one version must have one content: the fold stops otherwise.
func Stamped(p *vigiev1.Policy, version uint64, atMS int64) *vigiev1.Policy {
	p.Version, p.AtMs, p.ContentHash = version, atMS, PolicyHash(p)
	return p
}

// PolicyHash is SHA-256 over the deterministic encoding of classes and groups alone.
func PolicyHash(p *vigiev1.Policy) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(&vigiev1.Policy{Classes: p.GetClasses(), Groups: p.GetGroups()})
	if err != nil {
		panic(fmt.Sprintf("alarm: encoding a policy: %v", err))
	}
	sum := sha256.Sum256(b)
	return sum[:]
}
