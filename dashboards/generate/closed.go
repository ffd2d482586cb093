package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// closedAroundTheClock answers: how many sites are closed, do they alarm more
// than the others, and are they protected?
func closedAroundTheClock() (dashboard.Dashboard, error) {
	d := frame(uidClosed, "Closed around the clock", "How many sites are closed day and night, do they alarm more than the others, and are they protected?", "now-24h", "30s").
		Link(leadsTo("Centre now", toNow)).
		Link(leadsTo("Console", toConsole))
	for _, p := range []built{
		closedSitesNow(), shareOfSites(), shareOfAlarms(), alarmsPer100(), closedNotProtected(), openings(), freshness(at(21, 0, 3, 4)),
		closedOverTime(), alarmsAgainstOthers(),
		closedSites(), closedGroups(),
		howToRead(),
	} {
		d = d.WithPanel(p)
	}
	return numbered(d)
}

func closedSitesNow() built {
	return about{
		title:       "Closed sites now",
		description: "Sites closed around the clock at the end of the range, detected or declared.",
		at:          at(0, 0, 3, 4),
		query:       ask("closed_share"),
		unit:        "locale",
		noValue:     "0",
		thresholds:  steps("text"),
	}.stat("lastNotNull", "/^closed_sites$/")
}

func shareOfSites() built {
	return about{
		title:       "Their share of sites",
		description: "Closed sites over all sites, at the end of the range.",
		at:          at(3, 0, 3, 4),
		query:       ask("closed_share"),
		unit:        "percentunit",
		decimals:    1,
		noValue:     "No site is known",
		thresholds:  steps("text"),
	}.stat("lastNotNull", "/^share_of_sites$/")
}

func shareOfAlarms() built {
	return about{
		title:       "Their share of alarms",
		description: "Accepted alarms of the range that came from sites closed when the alarm was received, over all accepted alarms. Well above the share of sites: closed sites are the load.",
		at:          at(6, 0, 3, 4),
		query:       ask("closed_share"),
		unit:        "percentunit",
		decimals:    1,
		noValue:     "No alarm in this time",
		thresholds:  steps("text"),
	}.stat("lastNotNull", "/^share_of_alarms$/")
}

func alarmsPer100() built {
	return about{
		title:       "Alarms a day for each 100 sites",
		description: "Accepted alarms a day for each 100 closed sites, against each 100 other sites: both divide by the time that sites stood closed, or did not.",
		at:          at(9, 0, 6, 4),
		query:       ask("closed_share"),
		unit:        "locale",
		decimals:    1,
		noValue:     "None in this time",
		thresholds:  steps("text"),
		overrides: []dashboard.DashboardFieldConfigSourceOverrides{
			called("alarms_per_100_closed", "Closed sites"), called("alarms_per_100_others", "Other sites"),
		},
	}.stat("lastNotNull", "/^alarms_per_100_(closed|others)$/")
}

func closedNotProtected() built {
	return about{
		title:       "Closed, not protected",
		description: "Closed sites with an area that is not armed, with zones left out, with a path lost, or unreachable: empty and unguarded. The table below begins with them. Counts up to 10,000.",
		at:          at(15, 0, 3, 4),
		query:       ask("sites_closed_around_the_clock"),
		unit:        "locale",
		noValue:     "0",
		thresholds:  steps("text", 1.0, "red"),
		transform:   []dashboard.DataTransformerConfig{onlyWhere("protected", false)},
	}.stat("count", "/^site$/")
}

// onlyWhere keeps the rows with a value.
func onlyWhere(field string, value any) dashboard.DataTransformerConfig {
	return dashboard.DataTransformerConfig{Id: "filterByValue", Options: map[string]any{
		"type": "include", "match": "all",
		"filters": []map[string]any{{"fieldName": field, "config": map[string]any{"id": "equal", "options": map[string]any{"value": value}}}},
	}}
}

func openings() built {
	return about{
		title:       "Openings at closed sites",
		description: "Accepted disarms of sites that were closed around the clock just before, in the range. Each is to be called back: somebody is there who should not be, or the closure has ended.",
		at:          at(18, 0, 3, 4),
		query:       ask("openings_at_closed_sites"),
		unit:        "locale",
		noValue:     "0",
		thresholds:  steps("text", 1.0, "orange"),
	}.stat("lastNotNull", "/^openings$/")
}

func closedOverTime() built {
	return about{
		title:       "Closed sites over time",
		description: "Sites closed around the clock at the end of each bucket, by how that is known: detected by Vigie, declared by people, or with an end to be confirmed.",
		at:          at(0, 4, 12, 8),
		query:       over("closed_sites_over_time", "closure", "sites"),
		unit:        "short",
		noValue:     "No site was closed in this time",
		thresholds:  steps("text"),
		overrides:   seriesOf(closures),
	}.areas()
}

func alarmsAgainstOthers() built {
	return about{
		title:       "Alarms of closed sites against others",
		description: "Accepted alarms for each bucket, of sites that were closed when the alarm was received, and of all others.",
		at:          at(12, 4, 12, 8),
		query:       over("alarms_closed_against_others", "sites_are", "alarms"),
		unit:        "short",
		noValue:     "No alarm in this time",
		thresholds:  steps("text"),
		overrides:   seriesOf([]word{{"closed", "Closed sites", "purple"}, {"other", "Other sites", "light-blue"}}),
	}.bars()
}

func closedSites() built {
	return about{
		title:       "Closed sites: not protected first, then the longest closed",
		description: "Sites closed around the clock at the end of the range, at most 10,000. A row leads to the site in the console.",
		at:          at(0, 12, 16, 12),
		query:       ask("sites_closed_around_the_clock"),
		unit:        "none",
		noValue:     "No site is closed around the clock",
		thresholds:  steps("text"),
		overrides: joined(hidden("account", "communication_lost", "storm", "closed_since"), []dashboard.DashboardFieldConfigSourceOverrides{
			called("site", "Number", width(100)),
			called("label", "Site", linked("Open the site", toSite)),
			called("closure", "Closure", property("mappings", mapped(closures, false)), width(125)),
			called("open_incidents", "Incidents", inUnit("locale"), width(90)),
			called("closed_for_ms", "Closed for", inUnit("ms"), width(110)),
			called("protected", "Protected", property("mappings", truth("No", "red", "Yes", "green")), colouredText(), width(90)),
			called("not_protected", "Why not", property("mappings", mapped(reasons, false)), width(190)),
		}),
	}.table()
}

func closedGroups() built {
	return about{
		title:       "Groups with the most closed sites",
		description: "Groups are carriers, installers, regions, trades. Closed: at the end of the range; alarms: of their sites that were closed when the alarm was received.",
		at:          at(16, 12, 8, 12),
		query:       ask("closed_groups"),
		unit:        "locale",
		noValue:     "No group has a closed site",
		thresholds:  steps("text"),
		overrides: []dashboard.DashboardFieldConfigSourceOverrides{
			called("site_group", "Group"), called("closed_sites", "Closed sites", width(100)), called("sites", "Sites", width(80)), called("alarms", "Alarms", width(80)),
		},
	}.table()
}

func howToRead() built {
	return about{
		title:       "How to read this",
		description: "What the words on this page mean.",
		at:          at(0, 24, 24, 4),
	}.text("A site is closed around the clock when people declared it, or when Vigie detected that it stayed armed beyond the time that the policy gives its class.\n\n" +
		"Protected means armed in full in every area, and heard on every path. A closed site that is not protected, and an opening at a closed site, ask for a call now.")
}
