package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

const (
	hour    = "3600000"
	quarter = "900000"
)

// centreNow answers in its first row: is today normal?
func centreNow() (dashboard.Dashboard, error) {
	d := frame(uidCentreNow, "Centre now", "Is today normal? The first row answers; what follows says why.", "now-1h", "10s").
		Link(leadsTo("Closed around the clock", toClosed)).
		Link(leadsTo("Console", toConsole))
	for _, p := range []built{
		loadAgainstUsual(), waitingNow(), oldestWaiting(), notProtectedNow(), closedNow(), operatorsActive(), freshness(at(21, 0, 3, 4)),
		alarmsByClass(), incidentsFlow(),
		incidentsWaiting(), answeredInTime(), missesAllowed(),
		notProtectedByReason(), openDetections(), detectionsOpened(), pipelineFlow(),
	} {
		d = d.WithPanel(p)
	}
	return numbered(d)
}

// numbered gives each panel an id, in reading order.
func numbered(b *dashboard.DashboardBuilder) (dashboard.Dashboard, error) {
	d, err := b.Build()
	for i := range d.Panels {
		id := uint32(i + 1)
		d.Panels[i].Panel.Id = &id
	}
	for i := range d.Links {
		d.Links[i].Placement = nil // in sight, above the panels
	}
	return d, err
}

func loadAgainstUsual() built {
	quiet, normal, busy := 0.25, 1.5, 3.0
	load := []dashboard.ValueMapping{
		missing("No history yet"), span(nil, &quiet, "Very quiet", "blue"), span(&quiet, &normal, "Normal", "green"),
		span(&normal, &busy, "Busy", "orange"), span(&busy, nil, "Crisis", "red"),
	}
	return about{
		title: "Load against usual",
		description: "Accepted alarms of the last hour against the usual: the median of the same hour of day over up to 28 earlier days, else of the hours just before. " +
			"Normal to 1.5 times the usual, busy to 3 times, crisis beyond; very quiet below a quarter, which may be a fault upstream. These figures are Vigie's own choice.",
		at:         at(0, 0, 6, 4),
		query:      ask("load_against_usual", "window_ms", hour),
		unit:       "locale",
		noValue:    "No history yet",
		thresholds: steps("text"),
		overrides: []dashboard.DashboardFieldConfigSourceOverrides{
			called("ratio", "Load", property("mappings", load), property("decimals", 1)),
			called("alarms", "Alarms, last hour"), called("usual", "Usual"),
		},
	}.stat("lastNotNull", "/^(alarms|usual|ratio)$/")
}

func waitingNow() built {
	return about{
		title:       "Waiting for an operator",
		description: "Incidents that nobody has claimed, of all classes, at the end of the range. Orange from 10: more than a night shift of two to four answers in a minute. Vigie's own choice.",
		at:          at(6, 0, 3, 4),
		query:       ask("queue_now"),
		unit:        "locale",
		noValue:     "0",
		thresholds:  steps("text", 10.0, "orange", 50.0, "red"),
		links:       []dataLink{{Title: "Open the queue", URL: toConsole}},
	}.stat("sum", "/^waiting$/")
}

func oldestWaiting() built {
	return about{
		title:       "Oldest unanswered",
		description: "How long the oldest incident waits for somebody to claim it. Orange from 90 s and red from 180 s: the figures commonly cited from EN 50518 for alarms other than hold-up, fire and the like (default, unverified).",
		at:          at(9, 0, 3, 4),
		query:       ask("queue_now"),
		unit:        "ms",
		noValue:     "Nobody waits",
		thresholds:  steps("text", 90_000.0, "orange", 180_000.0, "red"),
		links:       []dataLink{{Title: "Open the queue", URL: toConsole}},
	}.stat("max", "/^oldest_ms$/")
}

func notProtectedNow() built {
	return about{
		title:       "Sites not protected",
		description: "Declared sites that are not protected now: unreachable, closed but not armed, armed with zones left out, one path lost, never heard. The panel below gives the reasons.",
		at:          at(12, 0, 3, 4),
		query:       ask("sites_not_protected"),
		unit:        "locale",
		noValue:     "0",
		thresholds:  steps("text"), // a large fleet always has some
	}.stat("sum", "/^sites$/")
}

func closedNow() built {
	return about{
		title:       "Closed around the clock",
		description: "Sites closed around the clock at the end of the range, detected or declared.",
		at:          at(15, 0, 3, 4),
		query:       ask("closed_share"),
		unit:        "locale",
		noValue:     "0",
		thresholds:  steps("text"),
		links:       []dataLink{{Title: "Closed around the clock", URL: toClosed}},
	}.stat("lastNotNull", "/^closed_sites$/")
}

func operatorsActive() built {
	return about{
		title:       "Operators active",
		description: "People with at least one act in the last 15 minutes. Somebody who only watches does not count.",
		at:          at(18, 0, 3, 4),
		query:       ask("operators_active", "window_ms", quarter),
		unit:        "locale",
		noValue:     "0",
		thresholds:  steps("text"),
	}.stat("lastNotNull", "/^operators$/")
}

func alarmsByClass() built {
	return about{
		title:       "Alarms by class",
		description: "Accepted alarms by the time of their receipt; what was heard again counts once.",
		at:          at(0, 4, 12, 8),
		query:       over("alarms_by_class", "class", "alarms"),
		unit:        "short",
		noValue:     "No alarm in this time",
		thresholds:  steps("text"),
		overrides:   seriesOf(classes),
	}.bars()
}

func incidentsFlow() built {
	return about{
		title:       "Incidents: opened, claimed, closed, waiting",
		description: "Incidents opened, claimed for the first time and closed in each bucket, and how many nobody held at its end. Opened above claimed for long means that the queue grows.",
		at:          at(12, 4, 12, 8),
		query:       over("incidents_flow", "", "opened", "claimed", "closed", "waiting"),
		unit:        "short",
		noValue:     "No incident in this time",
		thresholds:  steps("text"),
		overrides: []dashboard.DashboardFieldConfigSourceOverrides{
			called("opened", "Opened", fixed("blue")), called("claimed", "Claimed", fixed("green")),
			called("closed", "Closed", fixed("text")),
			called("waiting", "Waiting", fixed("orange"), property("custom.fillOpacity", 25)),
		},
	}.lines()
}

func incidentsWaiting() built {
	return about{
		title:       "Incidents waiting, the oldest first",
		description: "Incidents that nobody has claimed. At risk and missed are past the first and second deadline of the class's answer clock. A row leads to the incident in the console.",
		at:          at(0, 12, 11, 9),
		query:       ask("incidents_waiting", "limit", "50"),
		unit:        "none",
		noValue:     "The queue is empty",
		thresholds:  steps("text"),
		overrides: joined(hidden("incident", "site", "opened_at", "status"), []dashboard.DashboardFieldConfigSourceOverrides{
			called("label", "Site", linked("Open the incident", toIncident)),
			called("class", "Class", property("mappings", mapped(classes, false)), width(140)),
			called("waiting_ms", "Waiting", inUnit("ms"), width(90)),
			called("alarms", "Alarms", inUnit("locale"), width(70)),
			called("late", "Answer", property("mappings", mapped(lateness, true)), colouredText(), width(80)),
		}),
	}.table()
}

func answeredInTime() built {
	return about{
		title: "Answered in time, by class",
		description: "Share of the incidents opened in the range that were answered within the first and the second deadline of their class. " +
			"80 % and 98.5 % are the shares commonly cited from EN 50518 (default, unverified); the deadlines stand in the policy.",
		at:         at(11, 12, 7, 9),
		query:      ask("answer_attainment"),
		unit:       "percentunit",
		decimals:   1,
		noValue:    "No incident to judge in this time",
		thresholds: steps("orange", 0.8, "green"),
		overrides: []dashboard.DashboardFieldConfigSourceOverrides{
			field("class", property("mappings", mapped(classes, false))),
			called("share_first", "First deadline", property("max", 1)),
			called("share_second", "Second deadline", property("max", 1), property("thresholds", dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute, Steps: steps("red", 0.985, "green")})),
		},
	}.bargauge("/^(share_first|share_second)$/")
}

func missesAllowed() built {
	return about{
		title:       "Misses, and misses allowed",
		description: "How many incidents were judged, how many were not answered within the second deadline, and how many misses 98.5 % leaves room for. With few incidents a share says little: look here.",
		at:          at(18, 12, 6, 9),
		query:       ask("answer_attainment"),
		unit:        "locale",
		noValue:     "No incident to judge in this time",
		thresholds:  steps("text"),
		overrides: joined(hidden("answered", "within_first", "within_second", "share_first", "share_second"), []dashboard.DashboardFieldConfigSourceOverrides{
			called("class", "Class", property("mappings", mapped(classes, false))),
			called("incidents", "Incidents", width(76)),
			called("misses", "Misses", width(60)),
			called("misses_allowed", "Allowed", width(66)),
		}),
	}.table()
}

func notProtectedByReason() built {
	return about{
		title:       "Sites not protected, by reason",
		description: "Declared sites, each under its gravest reason, the gravest first. On-test sites and consignes are not known to this figure yet.",
		at:          at(0, 21, 6, 8),
		query:       ask("sites_not_protected"),
		unit:        "locale",
		noValue:     "Every site is protected",
		thresholds:  steps("blue"),
		overrides:   []dashboard.DashboardFieldConfigSourceOverrides{field("reason", property("mappings", mapped(reasons, false))), called("sites", "Sites")},
	}.bargauge("/^sites$/")
}

func openDetections() built {
	return about{
		title:       "Open detections, by kind",
		description: "What Vigie has derived from the log and still holds: paths late or lost, storms, closures, unknown accounts, answers late.",
		at:          at(6, 21, 6, 8),
		query:       ask("open_detections_by_kind"),
		unit:        "locale",
		noValue:     "Nothing is detected",
		thresholds:  steps("blue"),
		overrides: joined(hidden("oldest_ms"), []dashboard.DashboardFieldConfigSourceOverrides{
			field("kind", property("mappings", mapped(kinds, false))), called("open", "Open"),
		}),
	}.bargauge("/^open$/")
}

func detectionsOpened() built {
	return about{
		title:       "Detections opened",
		description: "Detections by the time at which they opened. Many path losses at once point to a carrier.",
		at:          at(12, 21, 6, 8),
		query:       over("detections_over_time", "kind", "opened"),
		unit:        "short",
		noValue:     "Nothing was detected in this time",
		thresholds:  steps("text"),
		overrides:   seriesOf(kinds),
	}.bars()
}

func pipelineFlow() built {
	return about{
		title:       "Through the pipeline",
		description: "Records of panels, people and the system, polls of panels, detections, and what could not become an event, for each bucket. Polls that stop mean that nothing is supervised.",
		at:          at(18, 21, 6, 8),
		query:       over("pipeline_flow", "", "events", "heartbeats", "detections", "rejected"),
		unit:        "short",
		noValue:     "Nothing passed in this time",
		thresholds:  steps("text"),
		overrides: []dashboard.DashboardFieldConfigSourceOverrides{
			called("events", "Events", fixed("blue")), called("heartbeats", "Polls", fixed("text")),
			called("detections", "Detections", fixed("purple")), called("rejected", "Rejected", fixed("orange")),
		},
	}.lines()
}
