package alarm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// What a policy may say. It is asked at the door (desk, `vigie replay --policy`), never
// by the fold: what stands in the log stands there.

// limit of a figure, both ends allowed: ms where the name ends in _ms, else a count,
// percent or per mille.
type limit struct{ least, most int64 }

// limits of every figure. Those that bound what a site remembers are bounds of this
// package; the others are ours and keep out what can only be a mistake: a figure in
// seconds where milliseconds are asked for.
var limits = map[string]limit{
	"supervision.default_interval_ms": {20 * second, maxIntervalMS}, "supervision.grace_ms": {second, 7 * day},
	"supervision.flap_changes": {2, maxFlapChanges}, "supervision.flap_window_ms": {minute, 7 * day},
	"supervision.sabotage_window_ms": {minute, day}, "supervision.cyclic_test_ms": {minute, maxIntervalMS},
	"supervision.cyclic_test_grace_ms": {second, 7 * day}, "supervision.agreed_by_class": {0, 1},

	"storm.alarms": {2, maxStormAlarms}, "storm.window_ms": {10 * second, day}, "storm.end_alarms": {1, maxStormAlarms}, "storm.end_window_ms": {10 * second, day},

	"closure.armed_for_ms": {hour, 30 * day}, "closure.missed_openings": {1, maxMissedOpenings}, "closure.not_protected_ms": {minute, day},
	"closure.after_visit_ms": {minute, day}, "closure.longest_visit_ms": {minute, day}, "closure.end_due_ms": {hour, 90 * day},
	"closure.end_due_last_ms": {hour, 90 * day}, "closure.unreached_ms": {day, 400 * day}, "closure.ends_without_call_back": {0, 1},

	"schedule.late_to_close_ms": {minute, day}, "schedule.late_to_open_ms": {minute, day}, "schedule.late_to_open_high_risk_ms": {minute, day},
	"schedule.early_opening_ms": {minute, day}, "schedule.outside_hours_ms": {minute, day},

	"consigne.default_ms": {hour, 400 * day}, "consigne.longest_ms": {hour, 400 * day}, "consigne.about_to_expire_ms": {hour, 90 * day},

	"folding.after_alarm_ms": {second, day}, "folding.after_act_ms": {second, day}, "folding.second_hold_up_ms": {second, hour},
	"folding.late_arrival_ms": {second, day}, "heard_again_window_ms": {second, hour},

	"zones.runaway_alarms": {2, maxRunawayAlarms}, "zones.runaway_window_ms": {minute, 30 * day}, "zones.slow_alarms": {2, maxRunawayAlarms},
	"zones.slow_window_ms": {minute, 30 * day}, "zones.longest_inhibition_ms": {hour, 72 * hour},
	"zones.chatter_bucket": {1, 1_000}, "zones.chatter_refill_ms": {second, day},

	"power.wait_open_ms": {second, day}, "power.wait_closed_ms": {second, day}, "power.trouble_window_ms": {minute, day},
	"power.autonomy_ms": {hour, 30 * day}, "power.autonomy_high_risk_ms": {hour, 30 * day}, "power.task_percent": {1, 100},

	"verification.confirmation_window_ms": {minute, day}, "verification.entry_delay_ms": {second, 10 * minute},

	"handling.idle_life_ms": {10 * second, 10 * minute}, "handling.idle_intrusion_ms": {10 * second, hour}, "handling.idle_technical_ms": {10 * second, day},
	"handling.restore_ms": {minute, 30 * day}, "handling.auto_close": {0, 1}, "handling.auto_close_within_ms": {second, 10 * minute}, "handling.guard_ms": {minute, day},

	"tests.default_ms": {minute, day}, "tests.longest_ms": {minute, 7 * day}, "tests.frequent": {1, maxTests - 1}, "tests.frequent_window_ms": {hour, 90 * day},

	"onboarding.requested_ms": {hour, 400 * day}, "onboarding.scheduled_ms": {hour, 400 * day},
	"onboarding.installed_ms": {hour, 400 * day}, "onboarding.tested_ms": {hour, 400 * day},

	"contact.answer_within_ms": {second, hour}, "contact.answer_share_percent": {1, 100},

	"answers.*.at_risk_ms": {second, 7 * day}, "answers.*.missed_ms": {second, 7 * day},

	"fleet.hold_back_ms": {-1, 10 * minute}, "fleet.given_back_ms": {second, day}, "fleet.trouble_window_ms": {minute, day},
	"fleet.*.least": {2, 1_000_000}, "fleet.*.share_permille": {1, 1_000}, "fleet.*.factor": {1, 100}, "fleet.*.window_ms": {minute, 7 * day},
	"fleet.operators": {1, 1_000}, "fleet.occupancy_percent": {1, 100}, "fleet.occupancy_window_ms": {minute, day},
	"fleet.flood_alarms": {1, 1_000}, "fleet.flood_window_ms": {minute, day},
	"fleet.alarm_handling_ms": {second, hour}, "fleet.call_handling_ms": {second, hour}, "fleet.patience_ms": {second, hour},
	"fleet.alarm_share_percent": {1, 100}, "fleet.alarm_within_ms": {second, hour}, "fleet.call_share_percent": {1, 100}, "fleet.call_within_ms": {second, hour},
}

// limitOf finds the limit of a figure, whatever the clock or the surge is called.
func limitOf(figure string) (limit, bool) {
	if parts := strings.Split(figure, "."); len(parts) == 3 {
		figure = parts[0] + ".*." + parts[2]
	}
	l, known := limits[figure]
	return l, known
}

// ofASite are the figures of fleet that hold for each site.
var ofASite = []string{"fleet.hold_back_ms", "fleet.given_back_ms", "fleet.trouble_window_ms"}

// CheckPolicy says everything that is wrong with a policy: a figure out of its range, a
// clock that nobody has, a row twice, a figure of the whole centre in the row of a part
// of it.
func CheckPolicy(p *vigiev1.Policy) error {
	var wrong []error
	switch {
	case len(p.GetClasses()) > maxPolicyRows || len(p.GetGroups()) > maxPolicyRows:
		return fmt.Errorf("the policy has %d classes and %d groups: %d of each at most", len(p.GetClasses()), len(p.GetGroups()), maxPolicyRows)
	case len(p.GetClasses())+len(p.GetGroups()) == 0:
		return errors.New("the policy has neither classes nor groups")
	}
	seen := map[string]bool{}
	for _, row := range p.GetClasses() {
		if !plainName(row.GetSiteClass()) {
			wrong = append(wrong, fmt.Errorf("class %.80q: up to %d letters, digits and signs are expected", row.GetSiteClass(), maxText))
			continue
		}
		name := fmt.Sprintf("class %q", row.GetSiteClass())
		wrong = append(wrong, checkRow(name, row, row.GetSiteClass() == "")...)
		if seen[name] {
			wrong = append(wrong, fmt.Errorf("%s stands twice", name))
		}
		seen[name] = true
	}
	for _, row := range p.GetGroups() {
		name := fmt.Sprintf("group %q", row.GetGroup())
		wrong = append(wrong, checkRow(name, row.GetFigures(), false)...)
		switch {
		case row.GetGroup() == "" || !plainName(row.GetGroup()):
			wrong = append(wrong, fmt.Errorf("group %.80q: 1 to %d letters, digits and signs are expected", row.GetGroup(), maxText))
		case row.GetFigures().GetSiteClass() != "":
			wrong = append(wrong, fmt.Errorf("%s: its figures name the class %q, a group has none", name, row.GetFigures().GetSiteClass()))
		case seen[name]:
			wrong = append(wrong, fmt.Errorf("%s stands twice", name))
		}
		seen[name] = true
	}
	return errors.Join(wrong...)
}

// maxPolicyRows bounds the classes and the groups that a policy names.
const maxPolicyRows = 10_000

// plainName: a person can read it, and no screen does something else with it.
func plainName(s string) bool {
	return len(s) <= maxText && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == '<' || r == '>' })
}

// CheckFigures says everything that is wrong with the figures of one site.
func CheckFigures(own *vigiev1.ClassPolicy) error {
	wrong := checkRow("the site", own, false)
	if own.GetSiteClass() != "" {
		wrong = append(wrong, fmt.Errorf("the site: its figures name the class %q; the class stands in its declaration", own.GetSiteClass()))
	}
	return errors.Join(wrong...)
}

// checkRow checks the figures of one row, in the order of their names.
func checkRow(name string, row *vigiev1.ClassPolicy, ofAll bool) (wrong []error) {
	if row == nil {
		return nil
	}
	demo := row.GetSiteClass() == "demo" // Its hours last seconds.
	eachFigure(row.ProtoReflect(), "", func(figure string, _ protoreflect.FieldDescriptor, value int64) {
		l, known := limitOf(figure)
		if demo && strings.HasSuffix(figure, "_ms") {
			l.least = min(l.least, 1)
		}
		section, _, _ := strings.Cut(figure, ".")
		switch {
		case !known:
			wrong = append(wrong, fmt.Errorf("%s: %s is no figure", name, figure))
		case value < l.least || value > l.most:
			wrong = append(wrong, fmt.Errorf("%s: %s", name, outOfRange(figure, value, l)))
		case !ofAll && (section == "contact" || section == "fleet" && !slices.Contains(ofASite, figure)):
			wrong = append(wrong, fmt.Errorf("%s: %s is one for all sites: give it in the class \"\"", name, figure))
		}
	})
	for _, a := range row.GetAnswers() {
		switch {
		case !slices.Contains(answerNames[:], a.GetClassGroup()):
			wrong = append(wrong, fmt.Errorf("%s: answers: no clock is called %q; they are %s", name, a.GetClassGroup(), strings.Join(answerNames[:], ", ")))
		case a.GetMissedMs() > 0 && a.GetAtRiskMs() > a.GetMissedMs():
			wrong = append(wrong, fmt.Errorf("%s: answers.%s is missed after %s, before it is at risk (%s)", name, a.GetClassGroup(), spanOr(a.GetMissedMs()), spanOr(a.GetAtRiskMs())))
		}
	}
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return wrong
}

func outOfRange(figure string, value int64, l limit) string {
	if strings.HasSuffix(figure, "_ms") {
		return fmt.Sprintf("%s is %s: %s to %s are expected, in milliseconds", figure, spanOr(value), spanOr(l.least), spanOr(l.most))
	}
	return fmt.Sprintf("%s is %d: %d to %d are expected", figure, value, l.least, l.most)
}
