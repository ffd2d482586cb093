package alarm

import (
	"fmt"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// english has a sentence for each kind.
var english = map[vigiev1.DetectionKind]sentence{
	vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Path %d of %s is late: nothing heard for its interval of %s", d.GetPath(), site, span(d.GetIntervalMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Path %d of %s is lost: nothing heard for its interval of %s and a further %s", d.GetPath(), site, span(d.GetIntervalMs()), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Communication with %s is lost: every path is silent%s", site, after(", ", factsIn(d, englishFacts)))
	},
	vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Alarm storm at %s: %d alarms, at least %d within %s", site, d.GetEvidenceCount(), d.GetThreshold(), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK: closedEnglish,
	vigiev1.DetectionKind_DETECTION_KIND_UNKNOWN_ACCOUNT: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("An account that nobody declared is sending (%d events); it stands as %s until it is bound to a site", d.GetEvidenceCount(), site)
	},
	vigiev1.DetectionKind_DETECTION_KIND_ANSWER_LATE: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("Incident %s is at risk: not answered within %s", d.GetIncident(), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_ANSWER_MISSED: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("Incident %s was not answered within %s", d.GetIncident(), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_BINDING_REFUSED: func(_ *vigiev1.Detection, site string) string {
		return fmt.Sprintf("The account of %s already belongs to another site; a second binding was refused", site)
	},
	vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_CLOSE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s is not armed %s after its closing time", site, span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_OPEN: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s is still armed %s after its opening time", site, span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_EARLY_OPENING: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s was disarmed more than %s before its opening time", site, span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_OPENING_OUTSIDE_HOURS: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s was disarmed outside its hours, more than %s before any opening time", site, span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_OPENING_AT_CLOSED_SITE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s is closed around the clock and was disarmed, though nobody had announced a visit (%d times)", site, d.GetEvidenceCount())
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLOSED_NOT_PROTECTED: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s is closed around the clock and not protected: %s not fully armed", site, factsIn(d, englishFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLOSED_WITHOUT_CONSIGNE: func(_ *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s is closed around the clock and no consigne is in force", site)
	},
	vigiev1.DetectionKind_DETECTION_KIND_CONSIGNE_ABOUT_TO_EXPIRE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s stays closed, and its consigne %s ends on %s", site, factsIn(d, nil), stamp(d.GetUntilMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLOSED_UNREACHABLE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s is closed around the clock and cannot be reached: %s", site, factsIn(d, englishFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLOSURE_END_DUE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("The closure of %s ends on %s: %s", site, stamp(d.GetUntilMs()), factsIn(d, englishFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_REOPENING_INCOMPLETE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s has reopened, and this is not done: %s", site, factsIn(d, englishFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CONSIGNE_CHANGED: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("The consigne of incident %s has changed since it opened", d.GetIncident())
	},
	vigiev1.DetectionKind_DETECTION_KIND_CONSIGNES_CONFLICT: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Two consignes of %s have equal precedence: %s", site, factsIn(d, nil))
	},
	vigiev1.DetectionKind_DETECTION_KIND_RUNAWAY_ZONE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Zone %s of %s alarmed %d times within %s, each time verified negative: %s", placed(d), site, d.GetThreshold(), span(d.GetWindowMs()), factsIn(d, englishFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CHATTERING_ZONE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Zone %s of %s alarms over and over: more than %d at once and one every %s", placed(d), site, d.GetThreshold(), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_PATH_FLAPPING: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Path %d of %s comes and goes: at least %d changes within %s", d.GetPath(), site, d.GetThreshold(), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_PATH_DEGRADED: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("The transmission of %s is degraded: %s, another path carries", site, factsIn(d, englishFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_SUSPECTED_SABOTAGE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Suspected sabotage of %s: %s, within %s", site, factsIn(d, englishFacts), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_MAINS_LOST: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s has had no mains for %s", site, span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_BATTERY_AUTONOMY: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s runs on its battery of %s: %s", site, span(d.GetWindowMs()), factsIn(d, englishFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_INTERVAL_NOT_AGREED: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("No supervision interval is agreed for %s: %s", site, factsIn(d, englishFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CONFIRMED_ALARM: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Confirmed alarm at %s: %s within %s", site, factsIn(d, englishFacts), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_POLICE_CALL_WITHOUT_GROUND: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("The police was called for incident %s: %s", d.GetIncident(), factsIn(d, englishFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLAIMED_IDLE: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("Incident %s is %s, without an act for %s", d.GetIncident(), factsIn(d, englishFacts), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_PROTECTION_NOT_RESTORED: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s is not protected though its incident is closed: %s; due by %s", site, factsIn(d, englishFacts), stamp(d.GetUntilMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_LEFT_ON_TEST: func(_ *vigiev1.Detection, site string) string {
		return fmt.Sprintf("The test of %s ended by its date, nobody ended it", site)
	},
	vigiev1.DetectionKind_DETECTION_KIND_FREQUENT_TESTS: func(_ *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s is put on test too often", site)
	},
	vigiev1.DetectionKind_DETECTION_KIND_TEST_AT_CLOSED_OR_HIGH_RISK: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s is on test until %s: %s", site, stamp(d.GetUntilMs()), factsIn(d, englishFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_TEST_INCOMPLETE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("The test of %s ended and these zones sent nothing: %s", site, factsIn(d, nil))
	},
	vigiev1.DetectionKind_DETECTION_KIND_TEST_MISSED: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("No cyclic test came from %s for %s and a further %s", site, span(d.GetIntervalMs()), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_GUARD_LATE: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("The guard requested for incident %s has not arrived within %s", d.GetIncident(), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_ONBOARDING_STUCK: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("The connection of %s has been %s for %s", site, factsIn(d, englishFacts), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_COMMISSIONING_INCOMPLETE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s was connected before its commissioning test had shown all; missing: %s", site, factsIn(d, englishFacts))
	},
}

func closedEnglish(d *vigiev1.Detection, site string) string {
	if d.GetWindowMs() == 0 {
		return site + " is closed around the clock, as declared"
	}
	return fmt.Sprintf("%s is closed around the clock: armed for at least %s and %d scheduled opening(s) missed", site, span(d.GetWindowMs()), d.GetThreshold())
}

// englishFacts are the words of Detection.facts.
var englishFacts = map[string]string{
	"requested": "requested", "scheduled": "scheduled", "installed": "installed", "tested": "tested",
	"area":                "area",
	"zone":                "zone",
	"path":                "path",
	"lost":                "path lost:",
	"tamper":              "tamper",
	"arming":              "arming",
	"disarming":           "disarming",
	"held-by":             "held by",
	"owner":               "owner",
	"no-usable-contact":   "no usable contact",
	"only-on-site":        "only contacts on the site itself",
	"nobody-reached":      "nobody reached for too long",
	"first-notice":        "to be prepared",
	"last-notice":         "tomorrow at the latest",
	"end-to-confirm":      "the end must be confirmed by a person",
	"schedule":            "restore the schedule",
	"temporary-consigne":  "end the temporary consigne",
	"inhibitions":         "remove the inhibitions",
	"paths":               "prove every path",
	"propose-inhibition":  "propose an inhibition to the customer",
	"last-of-area":        "the last detector of its area, not to be inhibited",
	"maintenance-request": "request maintenance",
	"tamper-then-silence": "tamper, then silence",
	"mains-then-silence":  "mains lost, then silence",
	"intrusion-then-loss": "intrusion, then a path lost",
	"jamming-then-loss":   "jamming, then a path lost",
	"loss-then-intrusion": "a path lost, then an intrusion on another",
	"half":                "half of it has gone",
	"exhausted":           "all of it has gone",
	"no-ground":           "no ground was given",
	"no-element":          "no concrete element was recorded",
	"not-verified":        "no positive verification before it",
	"not-armed":           "not armed",
	"zone-in-alarm":       "a zone is in alarm",
	"zone-inhibited":      "a zone is inhibited",
	"communication-lost":  "communication lost",
	"closed":              "the site is closed around the clock",
	"high-risk":           "the site is of high risk",
	"under-mass":          "under the mass loss of",
	"given-back":          "still lost after a mass loss",
}
