package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// classGroup is one of the groups of which a site has at most one open incident.
// Its number is also its answer clock and the What of its timers.
type classGroup uint8

const (
	groupLife classGroup = iota
	groupIntrusion
	groupTechnicalCritical
	groupTechnical
	groupNotConfigured
)

// More answer clocks than groups: of a lost communication, of a schedule.
const (
	clockCommunicationArmed uint8 = 5
	clockCommunicationOpen  uint8 = 6
	clockSchedule           uint8 = 7
)

func (g classGroup) String() string { return answerNames[g] }

// groupOf puts every class into a group; what nobody knows is "not configured".
func groupOf(c vigiev1.EventClass) classGroup {
	switch c {
	case vigiev1.EventClass_EVENT_CLASS_HOLD_UP, vigiev1.EventClass_EVENT_CLASS_DURESS,
		vigiev1.EventClass_EVENT_CLASS_FIRE, vigiev1.EventClass_EVENT_CLASS_SPRINKLER,
		vigiev1.EventClass_EVENT_CLASS_MEDICAL, vigiev1.EventClass_EVENT_CLASS_LONE_WORKER,
		vigiev1.EventClass_EVENT_CLASS_GAS:
		return groupLife
	case vigiev1.EventClass_EVENT_CLASS_TAMPER, vigiev1.EventClass_EVENT_CLASS_JAMMING,
		vigiev1.EventClass_EVENT_CLASS_SUBSTITUTION, vigiev1.EventClass_EVENT_CLASS_INTRUSION,
		vigiev1.EventClass_EVENT_CLASS_INTRUSION_CONFIRMED:
		return groupIntrusion
	case vigiev1.EventClass_EVENT_CLASS_TECHNICAL_CRITICAL:
		return groupTechnicalCritical
	case vigiev1.EventClass_EVENT_CLASS_TECHNICAL_COMFORT, vigiev1.EventClass_EVENT_CLASS_MAINS,
		vigiev1.EventClass_EVENT_CLASS_BATTERY, vigiev1.EventClass_EVENT_CLASS_COMMUNICATION,
		vigiev1.EventClass_EVENT_CLASS_ZONE_FAULT, vigiev1.EventClass_EVENT_CLASS_TEST,
		vigiev1.EventClass_EVENT_CLASS_INFORMATION, vigiev1.EventClass_EVENT_CLASS_OPENING_CLOSING:
		return groupTechnical
	default:
		return groupNotConfigured
	}
}

// neverSuppressed are the classes of trade rule 1: a repeat joins the open
// incident, with sound, whatever the state of the site.
func neverSuppressed(c vigiev1.EventClass) bool {
	switch c {
	case vigiev1.EventClass_EVENT_CLASS_TAMPER, vigiev1.EventClass_EVENT_CLASS_JAMMING,
		vigiev1.EventClass_EVENT_CLASS_SUBSTITUTION:
		return true
	default:
		return groupOf(c) == groupLife
	}
}

// rank orders classes; a higher one in an open incident re-alerts.
func rank(c vigiev1.EventClass) int {
	switch c {
	case vigiev1.EventClass_EVENT_CLASS_HOLD_UP, vigiev1.EventClass_EVENT_CLASS_DURESS:
		return 7
	case vigiev1.EventClass_EVENT_CLASS_INTRUSION_CONFIRMED:
		return 5
	case vigiev1.EventClass_EVENT_CLASS_OPENING_CLOSING:
		return 2
	default:
		return [...]int{groupLife: 6, groupIntrusion: 4, groupTechnicalCritical: 3, groupTechnical: 1, groupNotConfigured: 2}[groupOf(c)]
	}
}

// priorityOf is 1 for the most urgent, 5 for the least.
func priorityOf(c vigiev1.EventClass, g classGroup) uint32 {
	switch {
	case g == groupLife:
		return 1
	case c == vigiev1.EventClass_EVENT_CLASS_INTRUSION_CONFIRMED:
		return 1
	case g == groupIntrusion:
		return 2
	case g == groupTechnicalCritical, g == groupNotConfigured, c == vigiev1.EventClass_EVENT_CLASS_OPENING_CLOSING:
		return 3
	case c == vigiev1.EventClass_EVENT_CLASS_TECHNICAL_COMFORT:
		return 5
	}
	return 4
}

// family tells which classes a restore of one of them restores: intrusion and
// its confirmation are one, every other class is its own.
func family(c vigiev1.EventClass) vigiev1.EventClass {
	if c == vigiev1.EventClass_EVENT_CLASS_INTRUSION_CONFIRMED {
		return vigiev1.EventClass_EVENT_CLASS_INTRUSION
	}
	return c
}
