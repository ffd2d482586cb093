package alarm

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Names of answer clocks (AnswerPolicy.class_group). The first five are also the
// class groups of incidents; a lost communication has two clocks of its own.
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
)

// DefaultPolicy holds the defaults of the trade's rules, version 1. The class ""
// is every site's; the others say only what differs.
func DefaultPolicy() *vigiev1.Policy {
	storm := func(alarms uint32) *vigiev1.StormPolicy { return &vigiev1.StormPolicy{Alarms: alarms} }
	return Stamped(&vigiev1.Policy{Author: "vigie", Classes: []*vigiev1.ClassPolicy{
		{
			Supervision:        &vigiev1.SupervisionPolicy{DefaultIntervalMs: 24 * hour, GraceMs: hour},
			Storm:              &vigiev1.StormPolicy{Alarms: 6, WindowMs: 10 * minute, EndAlarms: 2, EndWindowMs: 20 * minute},
			Closure:            &vigiev1.ClosurePolicy{ArmedForMs: 24 * hour, MissedOpenings: 1},
			HeardAgainWindowMs: 5 * minute,
			Answers: []*vigiev1.AnswerPolicy{
				{ClassGroup: AnswersLife, AtRiskMs: 30 * second, MissedMs: 60 * second},
				{ClassGroup: AnswersIntrusion, AtRiskMs: 90 * second, MissedMs: 180 * second},
				{ClassGroup: AnswersTechnicalCritical, AtRiskMs: 5 * minute, MissedMs: 10 * minute},
				{ClassGroup: AnswersTechnical, AtRiskMs: 4 * hour, MissedMs: 24 * hour},
				{ClassGroup: AnswersNotConfigured, AtRiskMs: 90 * second, MissedMs: 180 * second},
				{ClassGroup: AnswersCommunicationArmed, AtRiskMs: 90 * second, MissedMs: 180 * second},
				{ClassGroup: AnswersCommunicationOpen, AtRiskMs: 450 * second, MissedMs: 15 * minute},
			},
		},
		{SiteClass: "home", Storm: storm(4), Closure: &vigiev1.ClosurePolicy{MissedOpenings: 2}},
		{SiteClass: "shop", Storm: storm(6)},
		{SiteClass: "large", Storm: storm(15)},
	}}, 1, 0)
}

// DemoPolicy is DefaultPolicy with the class "demo", whose short figures are
// divided by speed (0.1 to 100; 1 as written): supervision 5 s and 2 s of grace,
// storm at 6 in 20 s that ends below 2 in 15 s, closed after 30 s armed and one
// missed opening. Answer clocks are people's and are not scaled.
func DemoPolicy(speed float64) *vigiev1.Policy {
	speed = min(max(speed, 0.1), 100)
	scaled := func(ms int64) int64 { return max(1, int64(float64(ms)/speed)) }
	p := DefaultPolicy()
	p.Classes = append(p.Classes, &vigiev1.ClassPolicy{
		SiteClass:   "demo",
		Supervision: &vigiev1.SupervisionPolicy{DefaultIntervalMs: scaled(5 * second), GraceMs: scaled(2 * second)},
		Storm:       &vigiev1.StormPolicy{Alarms: 6, WindowMs: scaled(20 * second), EndAlarms: 2, EndWindowMs: scaled(15 * second)},
		Closure:     &vigiev1.ClosurePolicy{ArmedForMs: scaled(30 * second), MissedOpenings: 1},
	})
	return Stamped(p, 1, 0)
}

// Stamped returns p with this version, time (Unix ms UTC) and its content hash.
// Two policies of one version must have one content: the fold stops otherwise.
func Stamped(p *vigiev1.Policy, version uint64, atMS int64) *vigiev1.Policy {
	p.Version, p.AtMs, p.ContentHash = version, atMS, PolicyHash(p)
	return p
}

// PolicyHash is SHA-256 over the deterministic encoding of the classes alone.
func PolicyHash(p *vigiev1.Policy) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(&vigiev1.Policy{Classes: p.GetClasses()})
	if err != nil {
		panic(fmt.Sprintf("alarm: encoding a policy: %v", err))
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

type policyInForce struct {
	version uint64
	hash    []byte
	classes []*vigiev1.ClassPolicy
}

// figures is the policy of one class with the defaults filled in. Durations in ms.
type figures struct {
	interval, grace             int64
	stormAlarms, stormEnd       uint32
	stormWindow, stormEndWindow int64
	armedFor                    int64
	missedOpenings              int
	heardAgain                  int64
	answers                     [answerClocks]answerFigures
}

type answerFigures struct{ atRisk, missed int64 }

const answerClocks = 7

var answerNames = [answerClocks]string{
	AnswersLife, AnswersIntrusion, AnswersTechnicalCritical, AnswersTechnical,
	AnswersNotConfigured, AnswersCommunicationArmed, AnswersCommunicationOpen,
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
	f.policy = policyInForce{version: p.GetVersion(), hash: bytes.Clone(p.GetContentHash()), classes: p.GetClasses()}
	if f.policy.hash == nil {
		f.policy.hash = PolicyHash(p)
	}
	f.refigure()
	f.sites.each(func(s *site) { f.rejudge(env, s) })
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
		f.within(env, s, s.last, nil, func(w *work) { w.watchClosure() })
	}
}

// refigure computes the figures of every class known.
func (f *Fold) refigure() {
	f.figures = f.figures[:0]
	for _, class := range f.classes.list {
		f.figures = append(f.figures, f.policy.figuresOf(class))
	}
}

// class gives a class its number and figures.
func (f *Fold) class(name string) uint16 {
	i := f.classes.number(name)
	if int(i) == len(f.figures) {
		f.figures = append(f.figures, f.policy.figuresOf(name))
	}
	return i
}

// figuresOf lays the class over the log's default class over DefaultPolicy, so
// that a zero figure inherits and no figure is ever missing.
func (p *policyInForce) figuresOf(class string) figures {
	var out figures
	out.lay(DefaultPolicy().GetClasses()[0])
	for _, name := range []string{"", class} {
		for _, c := range p.classes {
			if c.GetSiteClass() == name {
				out.lay(c)
			}
		}
	}
	return out
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
	for _, a := range c.GetAnswers() {
		for i, name := range answerNames {
			if a.GetClassGroup() == name {
				over(&f.answers[i].atRisk, a.GetAtRiskMs())
				over(&f.answers[i].missed, a.GetMissedMs())
			}
		}
	}
}

func over[T int | int64 | uint32](figure *T, value T) {
	if value > 0 {
		*figure = value
	}
}
