package alarm

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// figureNames are all that ClassPolicy can say.
func figureNames(m protoreflect.MessageDescriptor, under string) (names []string) {
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		name := under + string(field.Name())
		switch {
		case field.IsList():
			names = append(names, figureNames(field.Message(), name+".*.")...)
		case field.Message() != nil:
			names = append(names, figureNames(field.Message(), name+".")...)
		case field.Kind() != protoreflect.StringKind:
			names = append(names, name)
		}
	}
	return names
}

// Whoever adds a figure says what it may be.
func TestEveryFigureHasALimit(t *testing.T) {
	t.Parallel()
	names := figureNames((&vigiev1.ClassPolicy{}).ProtoReflect().Descriptor(), "")
	for _, name := range names {
		if _, known := limitOf(name); !known {
			t.Errorf("%s has no limit", name)
		}
	}
	if len(names) < len(limits) {
		t.Errorf("%d figures have %d limits", len(names), len(limits))
	}
}

func TestOurOwnPoliciesAreValid(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*vigiev1.Policy{"default": DefaultPolicy(), "demo": DemoPolicy(1), "quick": DemoPolicy(100), "slow": DemoPolicy(0.1)} {
		if err := CheckPolicy(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatAPolicyMayNotSay(t *testing.T) {
	t.Parallel()
	class := func(c *vigiev1.ClassPolicy) *vigiev1.Policy {
		return &vigiev1.Policy{Classes: []*vigiev1.ClassPolicy{c}}
	}
	group := func(name string, c *vigiev1.ClassPolicy) *vigiev1.Policy {
		return &vigiev1.Policy{Groups: []*vigiev1.GroupPolicy{{Group: name, Figures: c}}}
	}
	storm := &vigiev1.ClassPolicy{Storm: &vigiev1.StormPolicy{Alarms: 5}}
	for want, p := range map[string]*vigiev1.Policy{
		"neither classes nor groups": {},
		`class "shop": supervision.grace_ms is 180 ms: 1 s to 7 d are expected, in milliseconds`: class(&vigiev1.ClassPolicy{SiteClass: "shop", Supervision: &vigiev1.SupervisionPolicy{GraceMs: 180}}),
		`class "": storm.alarms is 65: 2 to 64 are expected`:                                     class(&vigiev1.ClassPolicy{Storm: &vigiev1.StormPolicy{Alarms: 65}}),
		`class "": storm.alarms is 1: 2 to 64`:                                                   class(&vigiev1.ClassPolicy{Storm: &vigiev1.StormPolicy{Alarms: 1}}),
		`class "": schedule.late_to_open_ms is -1 ms`:                                            class(&vigiev1.ClassPolicy{Schedule: &vigiev1.SchedulePolicy{LateToOpenMs: -1}}),
		`fleet.alarms.least is 1: 2 to 1000000`:                                                  class(&vigiev1.ClassPolicy{Fleet: &vigiev1.FleetPolicy{Alarms: &vigiev1.FleetSurge{Least: 1}}}),
		`no clock is called "burglary"; they are life, intrusion`:                                class(&vigiev1.ClassPolicy{Answers: []*vigiev1.AnswerPolicy{{ClassGroup: "burglary", MissedMs: minute}}}),
		`answers.life is missed after 10 s, before it is at risk (30 s)`:                         class(&vigiev1.ClassPolicy{Answers: []*vigiev1.AnswerPolicy{{ClassGroup: "life", AtRiskMs: 30 * second, MissedMs: 10 * second}}}),
		`class "shop" stands twice`:                                                              {Classes: []*vigiev1.ClassPolicy{{SiteClass: "shop"}, {SiteClass: "shop"}}},
		`class "shop": contact.answer_within_ms is one for all sites`:                            class(&vigiev1.ClassPolicy{SiteClass: "shop", Contact: &vigiev1.ContactPolicy{AnswerWithinMs: minute}}),
		`group "a": fleet.operators is one for all sites`:                                        group("a", &vigiev1.ClassPolicy{Fleet: &vigiev1.FleetPolicy{Operators: 3}}),
		`class "<b>": up to 64 letters, digits and signs are expected`:                           class(&vigiev1.ClassPolicy{SiteClass: "<b>"}),
		`group "": 1 to 64 letters, digits and signs are expected`:                               group("", storm),
		`group "a": its figures name the class "shop"`:                                           group("a", &vigiev1.ClassPolicy{SiteClass: "shop"}),
		`group "a" stands twice`:                                                                 {Groups: []*vigiev1.GroupPolicy{{Group: "a", Figures: storm}, {Group: "a", Figures: storm}}},
		"group \"a\": storm.alarms is 65: 2 to 64 are expected\ngroup":                           group("a", &vigiev1.ClassPolicy{Storm: &vigiev1.StormPolicy{Alarms: 65, WindowMs: 600}}),
	} {
		if err := CheckPolicy(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nis not %q", err, want)
		}
	}
	if err := CheckFigures(&vigiev1.ClassPolicy{SiteClass: "shop"}); err == nil {
		t.Error("a site took a class with its figures")
	}
	own := &vigiev1.ClassPolicy{Fleet: &vigiev1.FleetPolicy{HoldBackMs: -1}, Handling: &vigiev1.HandlingPolicy{AutoClose: proto.Bool(false)}}
	if err := CheckFigures(own); err != nil {
		t.Errorf("what a site may say was refused: %v", err)
	}
}
