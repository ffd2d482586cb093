package main

import (
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// word is a value as the tables of the warehouse have it, what people read, and
// its colour: red and orange are kept for what asks for action.
type word struct {
	value, shown, colour string
}

var classes = []word{
	{"hold_up", "Hold-up", "dark-purple"}, {"duress", "Duress", "purple"}, {"fire", "Fire", "dark-yellow"},
	{"sprinkler", "Sprinkler", "yellow"}, {"medical", "Medical", "light-purple"}, {"lone_worker", "Lone worker", "super-light-purple"},
	{"gas", "Gas", "light-yellow"}, {"tamper", "Tamper", "dark-green"}, {"jamming", "Jamming", "green"},
	{"substitution", "Substitution", "light-green"}, {"intrusion", "Intrusion", "blue"}, {"intrusion_confirmed", "Confirmed intrusion", "dark-blue"},
	{"technical_critical", "Technical, critical", "semi-dark-green"}, {"technical_comfort", "Technical", "super-light-green"},
	{"mains", "Mains", "super-light-yellow"}, {"battery", "Battery", "semi-dark-yellow"}, {"communication", "Communication", "light-blue"},
	{"zone_fault", "Zone fault", "super-light-blue"}, {"test", "Test", "text"}, {"information", "Information", "text"},
	{"not_configured", "Event not configured", "semi-dark-purple"}, {"opening_closing", "Opening or closing", "super-light-purple"},
}

var kinds = []word{
	{"path_late", "Path late", "light-blue"}, {"path_lost", "Path lost", "blue"}, {"communication_lost", "Communication lost", "dark-blue"},
	{"alarm_storm", "Alarm storm", "purple"}, {"closed_around_the_clock", "Closed around the clock", "green"},
	{"unknown_account", "Unknown account", "dark-yellow"}, {"answer_late", "Answer late", "light-purple"},
	{"answer_missed", "Answer missed", "dark-purple"}, {"binding_refused", "Account already bound", "light-yellow"},
	{"late_to_close", "Late to close", "light-yellow"},
	{"late_to_open", "Late to open", "yellow"},
	{"early_opening", "Early opening", "light-yellow"},
	{"opening_outside_hours", "Opening outside hours", "dark-yellow"},
	{"opening_at_closed_site", "Opening at a closed site", "dark-purple"},
	{"closed_not_protected", "Closed, not protected", "purple"},
	{"closed_without_consigne", "Closed without consigne", "light-purple"},
	{"consigne_about_to_expire", "Consigne about to expire", "super-light-purple"},
	{"closed_unreachable", "Closed and unreachable", "semi-dark-purple"},
	{"closure_end_due", "End of closure due", "super-light-green"},
	{"reopening_incomplete", "Reopening incomplete", "light-green"},
	{"consigne_changed", "Consigne changed", "super-light-yellow"},
	{"consignes_conflict", "Consignes in conflict", "semi-dark-yellow"},
	{"runaway_zone", "Runaway zone", "dark-green"},
	{"chattering_zone", "Chattering zone", "semi-dark-green"},
	{"path_flapping", "Path flapping", "super-light-blue"},
	{"path_degraded", "Path degraded", "semi-dark-blue"},
	{"suspected_sabotage", "Suspected sabotage", "dark-purple"},
	{"mains_lost", "Mains lost", "super-light-yellow"},
	{"battery_autonomy", "On battery", "semi-dark-yellow"},
	{"interval_not_agreed", "Interval not agreed", "text"},
	{"confirmed_alarm", "Confirmed alarm", "dark-blue"},
	{"police_call_without_ground", "Police call without ground", "purple"},
	{"claimed_idle", "Claimed, idle", "light-purple"},
	{"protection_not_restored", "Protection not restored", "dark-yellow"},
	{"left_on_test", "Left on test", "light-blue"},
	{"frequent_tests", "Frequent tests", "super-light-blue"},
	{"test_at_closed_or_high_risk", "Test at a closed or high-risk site", "blue"},
	{"test_incomplete", "Test incomplete", "light-green"},
	{"test_missed", "Cyclic test missed", "light-blue"},
	{"guard_late", "Guard late", "yellow"},
	{"onboarding_stuck", "Connection stuck", "green"},
	{"commissioning_incomplete", "Commissioning incomplete", "semi-dark-green"},
	{"mass_communication_loss", "Mass communication loss", "dark-blue"},
	{"mass_mains_loss", "Mass mains loss", "semi-dark-yellow"},
	{"group_alarm_storm", "Alarm storm of a group", "purple"},
	{"closure_wave", "Closure wave", "green"},
	{"onboarding_surge", "Onboarding surge", "light-green"},
	{"call_surge", "Call surge", "yellow"},
	{"alarm_flood", "Alarm flood of an operator", "light-purple"},
	{"overload", "Overload", "dark-purple"},
	{"under_staffed_shift", "Under-staffed shift", "semi-dark-purple"},
	{"staff_needed", "Staff needed", "super-light-purple"},
	{"receivers_silent", "Our outage", "dark-red"},
	{"receiver_lost", "Receiver lost", "semi-dark-orange"},
	{"ingress_blind", "Ingress blind", "semi-dark-red"},
}

var reasons = []word{
	{"communication_lost", "Communication lost", "red"}, {"closed_not_armed", "Closed, not armed", "red"},
	{"degraded", "Handled by minimal rules", "orange"}, {"inhibited", "Armed with zones left out", "orange"},
	{"never_heard", "Declared, never heard", "orange"}, {"path_lost", "One path lost", "orange"},
}

var closures = []word{
	{"detected", "Detected", "blue"}, {"declared", "Declared", "purple"}, {"end_to_confirm", "End to confirm", "dark-yellow"},
}

var lateness = []word{{"in time", "In time", "text"}, {"at risk", "At risk", "orange"}, {"missed", "Missed", "red"}}

// mapped shows words in the place of values, coloured where it is told.
func mapped(words []word, coloured bool) []dashboard.ValueMapping {
	m := dashboard.NewValueMap()
	for i, w := range words {
		index := int32(i)
		result := dashboard.ValueMappingResult{Text: &w.shown, Index: &index}
		if coloured {
			result.Color = &w.colour
		}
		m.Options[w.value] = result
	}
	return []dashboard.ValueMapping{{ValueMap: m}}
}

// seriesOf names and colours the series of each word. A series' name has its
// label as a word of its own: \b keeps intrusion off intrusion_confirmed.
func seriesOf(words []word) []dashboard.DashboardFieldConfigSourceOverrides {
	var out []dashboard.DashboardFieldConfigSourceOverrides
	for _, w := range words {
		out = append(out, dashboard.DashboardFieldConfigSourceOverrides{
			Matcher:    dashboard.MatcherConfig{Id: "byRegexp", Options: `/\b` + w.value + `\b/`},
			Properties: []dashboard.DynamicConfigValue{property("displayName", w.shown), fixed(w.colour)},
		})
	}
	return out
}

// span maps the numbers from one to another, both part of it; nil is endless.
func span(from, to *float64, shown, colour string) dashboard.ValueMapping {
	m := dashboard.NewRangeMap()
	m.Options.From, m.Options.To = from, to
	m.Options.Result = dashboard.ValueMappingResult{Text: &shown, Color: &colour}
	return dashboard.ValueMapping{RangeMap: m}
}

// missing maps a figure that cannot be given.
func missing(shown string) dashboard.ValueMapping {
	colour := "text"
	m := dashboard.NewSpecialValueMap()
	m.Options.Match = dashboard.SpecialValueMatchNullAndNan
	m.Options.Result = dashboard.ValueMappingResult{Text: &shown, Color: &colour}
	return dashboard.ValueMapping{SpecialValueMap: m}
}

// truth maps false and true.
func truth(no, noColour, yes, yesColour string) []dashboard.ValueMapping {
	m := dashboard.NewValueMap()
	m.Options["false"] = dashboard.ValueMappingResult{Text: &no, Color: &noColour}
	m.Options["true"] = dashboard.ValueMappingResult{Text: &yes, Color: &yesColour}
	return []dashboard.ValueMapping{{ValueMap: m}}
}

func joined(parts ...[]dashboard.DashboardFieldConfigSourceOverrides) []dashboard.DashboardFieldConfigSourceOverrides {
	return slices.Concat(parts...)
}
