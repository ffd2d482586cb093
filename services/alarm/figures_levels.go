package alarm

import (
	"encoding/binary"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Whose figures a site is judged by: those of the site itself (FiguresSet) stand over
// those of its groups (of several the row that stands later in the policy), these over
// those of its class, these over those of the class "", and these over DefaultPolicy.
//
// Figures are computed when the policy, the declaration or the site's own figures
// change, never by an event that is judged. A site of which only the class says
// something has its class's; the others share one computation among all that have the
// same class, groups and figures.

// maxInterned bounds the computations that are found again. Past it finding begins
// anew: who has figures keeps them, only sharing is lost.
const maxInterned = 4_096

// maxOwnFigures bounds the figures of one site, in encoded bytes; more are refused.
const maxOwnFigures = 4 << 10

// given is a figure that is not the default's, and who gave it.
type given struct {
	figure string
	value  int64
	level  vigiev1.GivenFigure_Level
	of     string
}

func (f *Fold) figuresOf(s *site) *figures {
	if s.cold != nil && s.cold.figures != nil {
		return s.cold.figures
	}
	return &f.figures[s.class]
}

// place finds the figures of a site anew.
func (f *Fold) place(s *site) {
	if s.cold == nil {
		return
	}
	rows := f.policy.groupsOf(s.cold)
	if s.cold.figures == nil && s.cold.own == nil && len(rows) == 0 {
		return
	}
	f.own(s)
	c := s.cold
	c.figures = nil
	if len(rows) > 0 || c.own != nil {
		c.figures = f.intern(f.classes.name(s.class), rows, c.own)
		c.own = c.figures.own // One copy for all that have the same.
	}
}

// groupsOf are the rows of a site's groups, in the order of the policy.
func (p *policyInForce) groupsOf(c *cold) (rows []*vigiev1.GroupPolicy) {
	if len(p.groups) == 0 || c.declaration == nil {
		return nil
	}
	in := declarationOf(c).GetGroups()
	for _, row := range p.groups {
		if slices.Contains(in, row.GetGroup()) {
			rows = append(rows, row)
		}
	}
	return rows
}

func (f *Fold) intern(class string, rows []*vigiev1.GroupPolicy, own *vigiev1.ClassPolicy) *figures {
	key := binary.AppendUvarint(nil, uint64(len(class)))
	key = append(key, class...)
	for _, row := range rows {
		key = append(binary.AppendUvarint(key, uint64(len(row.GetGroup())+1)), row.GetGroup()...)
	}
	key = append(key, 0)
	if own != nil {
		key = append(key, encode(own)...)
	}
	if found := f.interned[string(key)]; found != nil {
		return found
	}
	if len(f.interned) >= maxInterned {
		clear(f.interned)
	}
	computed := f.policy.figuresFor(class, rows, own)
	f.interned[string(key)] = &computed
	return &computed
}

// figuresFor lays the levels over each other, so that a zero figure inherits and no
// figure is ever missing.
func (p *policyInForce) figuresFor(class string, rows []*vigiev1.GroupPolicy, own *vigiev1.ClassPolicy) figures {
	out := figures{fleet: &vigiev1.FleetPolicy{}, own: own}
	out.lay(DefaultPolicy().GetClasses()[0])
	for _, name := range []string{"", class} {
		for _, c := range p.classes {
			if c.GetSiteClass() == name {
				out.lay(c)
				out.note(c, vigiev1.GivenFigure_LEVEL_CLASS, name)
			}
		}
	}
	for _, row := range rows {
		out.lay(row.GetFigures())
		out.note(row.GetFigures(), vigiev1.GivenFigure_LEVEL_GROUP, row.GetGroup())
	}
	out.lay(own)
	out.note(own, vigiev1.GivenFigure_LEVEL_SITE, "")
	out.sorted()
	return out
}

// sorted are the figures given, in the order of their names.
func (f *figures) sorted() []given {
	slices.SortFunc(f.given, func(a, b given) int { return strings.Compare(a.figure, b.figure) })
	return f.given
}

// note remembers who gave what; the class "" is the default.
func (f *figures) note(row *vigiev1.ClassPolicy, level vigiev1.GivenFigure_Level, of string) {
	if row == nil || level == vigiev1.GivenFigure_LEVEL_CLASS && of == "" {
		return
	}
	eachFigure(row.ProtoReflect(), "", func(figure string, _ protoreflect.FieldDescriptor, value int64) {
		f.given = slices.DeleteFunc(f.given, func(g given) bool { return g.figure == figure })
		f.given = append(f.given, given{figure, value, level, of})
	})
}

// eachFigure walks over the figures that a row gives, by their names: storm.alarms,
// answers.life.missed_ms. Booleans are 0 and 1.
func eachFigure(row protoreflect.Message, under string, do func(figure string, field protoreflect.FieldDescriptor, value int64)) {
	row.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := under + string(field.Name())
		switch {
		case field.IsList():
			for i := range v.List().Len() {
				answer := v.List().Get(i).Message()
				clock := answer.Get(answer.Descriptor().Fields().ByName("class_group")).String()
				eachFigure(answer, name+"."+clock+".", do)
			}
		case field.Message() != nil:
			eachFigure(v.Message(), name+".", do)
		case field.Kind() == protoreflect.BoolKind:
			n := int64(0)
			if v.Bool() {
				n = 1
			}
			do(name, field, n)
		case field.Kind() == protoreflect.Uint32Kind:
			do(name, field, int64(v.Uint()))
		case field.Kind() == protoreflect.Int64Kind:
			do(name, field, v.Int())
		}
		return true
	})
}

// setFigures takes a site's own figures, or takes them away.
func (w *work) setFigures(b *vigiev1.FiguresSet) decided {
	own := b.GetFigures()
	switch {
	case w.s.number == 0 || w.s.number >= siteNumbers:
		return refused("not-a-site-number")
	case proto.Size(own) > maxOwnFigures:
		return refused("figures-too-large")
	}
	c := w.cold()
	c.own = nil
	if proto.Size(own) > 0 {
		c.own = proto.CloneOf(own)
	}
	w.f.place(w.s)
	w.s.eachPath(w.rearm)
	w.watchClosure()
	w.watchSchedule()
	w.changed()
	return accepted("")
}

// sectionOf is the part of ClassPolicy that the rule of a detection is judged by; ""
// for those without figures, or with those of the fleet alone.
func sectionOf(k vigiev1.DetectionKind) string {
	switch k {
	case vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE, vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST,
		vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST, vigiev1.DetectionKind_DETECTION_KIND_PATH_FLAPPING,
		vigiev1.DetectionKind_DETECTION_KIND_PATH_DEGRADED, vigiev1.DetectionKind_DETECTION_KIND_SUSPECTED_SABOTAGE,
		vigiev1.DetectionKind_DETECTION_KIND_INTERVAL_NOT_AGREED, vigiev1.DetectionKind_DETECTION_KIND_TEST_MISSED:
		return "supervision."
	case vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM:
		return "storm."
	case vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK, vigiev1.DetectionKind_DETECTION_KIND_CLOSED_NOT_PROTECTED,
		vigiev1.DetectionKind_DETECTION_KIND_CLOSED_UNREACHABLE, vigiev1.DetectionKind_DETECTION_KIND_CLOSURE_END_DUE:
		return "closure."
	case vigiev1.DetectionKind_DETECTION_KIND_ANSWER_LATE, vigiev1.DetectionKind_DETECTION_KIND_ANSWER_MISSED:
		return "answers."
	case vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_CLOSE, vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_OPEN,
		vigiev1.DetectionKind_DETECTION_KIND_EARLY_OPENING, vigiev1.DetectionKind_DETECTION_KIND_OPENING_OUTSIDE_HOURS:
		return "schedule."
	case vigiev1.DetectionKind_DETECTION_KIND_CONSIGNE_ABOUT_TO_EXPIRE:
		return "consigne."
	case vigiev1.DetectionKind_DETECTION_KIND_RUNAWAY_ZONE, vigiev1.DetectionKind_DETECTION_KIND_CHATTERING_ZONE:
		return "zones."
	case vigiev1.DetectionKind_DETECTION_KIND_MAINS_LOST, vigiev1.DetectionKind_DETECTION_KIND_BATTERY_AUTONOMY:
		return "power."
	case vigiev1.DetectionKind_DETECTION_KIND_CONFIRMED_ALARM:
		return "verification."
	case vigiev1.DetectionKind_DETECTION_KIND_CLAIMED_IDLE, vigiev1.DetectionKind_DETECTION_KIND_PROTECTION_NOT_RESTORED,
		vigiev1.DetectionKind_DETECTION_KIND_GUARD_LATE:
		return "handling."
	case vigiev1.DetectionKind_DETECTION_KIND_LEFT_ON_TEST, vigiev1.DetectionKind_DETECTION_KIND_FREQUENT_TESTS:
		return "tests."
	case vigiev1.DetectionKind_DETECTION_KIND_ONBOARDING_STUCK:
		return "onboarding."
	default:
		return ""
	}
}

// givenTo are the figures of a detection's rule that are not the default's.
func (f *figures) givenTo(k vigiev1.DetectionKind) (out []*vigiev1.GivenFigure) {
	section := sectionOf(k)
	if section == "" {
		return nil
	}
	for _, g := range f.given {
		if strings.HasPrefix(g.figure, section) {
			out = append(out, &vigiev1.GivenFigure{Figure: g.figure, Value: g.value, Level: g.level, Of: g.of})
		}
	}
	return out
}
