package hours

import (
	"testing"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// The nights on which French clocks change, leap days and the turn of the year.
func TestHours(t *testing.T) {
	t.Parallel()
	var zones Zones
	utc := func(s string) int64 {
		at, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMilli()
	}
	daily := func(open, closes uint32) []*vigiev1.OpeningHours {
		var rows []*vigiev1.OpeningHours
		for d := uint32(1); d <= 7; d++ {
			rows = append(rows, &vigiev1.OpeningHours{Weekday: d, OpenMinute: open, CloseMinute: closes})
		}
		return rows
	}
	only := func(weekday, open, closes uint32) Schedule {
		return Schedule{Hours: []*vigiev1.OpeningHours{{Weekday: weekday, OpenMinute: open, CloseMinute: closes}}}
	}
	night := Schedule{Hours: daily(22*60, 6*60)}
	for _, c := range []struct {
		rule, zone    string
		s             Schedule
		at            string
		open          bool
		closing       string // the next after at
		closingIsNone bool
	}{
		{"winter", "Europe/Paris", Schedule{Hours: daily(480, 1080)}, "2026-11-23 07:00", true, "2026-11-23 17:00", false},
		{"the closing minute is closed", "Europe/Paris", Schedule{Hours: daily(480, 1080)}, "2026-11-23 17:00", false, "2026-11-24 17:00", false},
		{"summer", "Europe/Paris", Schedule{Hours: daily(480, 1080)}, "2026-07-01 05:59", false, "2026-07-01 16:00", false},
		{"across midnight", "Europe/Paris", night, "2026-11-23 23:30", true, "2026-11-24 05:00", false},
		{"across the spring night: an hour shorter", "Europe/Paris", night, "2026-03-28 21:00", true, "2026-03-29 04:00", false},
		{"across the autumn night: an hour longer", "Europe/Paris", night, "2026-10-24 20:00", true, "2026-10-25 05:00", false},
		{"closing in the gap is the first instant after it", "Europe/Paris", Schedule{Hours: daily(22*60, 150)}, "2026-03-28 21:30", true, "2026-03-29 01:00", false},
		{"closing at a time that comes twice is the first time", "Europe/Paris", Schedule{Hours: daily(22*60, 150)}, "2026-10-24 21:30", true, "2026-10-25 00:30", false},
		{"opening and closing both in the gap are no hours", "Europe/Paris", only(7, 125, 170), "2026-03-29 00:00", false, "2026-04-05 00:50", false},
		{"leap day", "Europe/Paris", Schedule{Hours: daily(480, 1080)}, "2028-02-29 12:00", true, "2028-02-29 17:00", false},
		{"a holiday on a leap day", "Europe/Paris", Schedule{Hours: daily(480, 1080), Holidays: []*vigiev1.HolidaySet{{Day: "2028-02-29"}}}, "2028-02-29 12:00", false, "2028-03-01 17:00", false},
		{"across the turn of the year", "Europe/Paris", night, "2026-12-31 23:30", true, "2027-01-01 05:00", false},
		{"a night that runs into a holiday goes on", "Europe/Paris", Schedule{Hours: daily(22*60, 6*60), Holidays: []*vigiev1.HolidaySet{{Day: "2027-01-01"}}}, "2027-01-01 03:00", true, "2027-01-01 05:00", false},
		{"a whole day", "Europe/Paris", only(1, 0, 1440), "2026-11-23 12:00", true, "2026-11-23 23:00", false},
		{"open around the clock never closes", "Europe/Paris", Schedule{Hours: daily(0, 1440)}, "2026-11-23 12:00", true, "", true},
		{"hours that touch are one opening", "Europe/Paris", Schedule{Hours: append(daily(480, 720), daily(720, 1080)...)}, "2026-11-23 10:00", true, "2026-11-23 17:00", false},
		{"a lunch break closes", "Europe/Paris", Schedule{Hours: append(daily(480, 720), daily(840, 1080)...)}, "2026-11-23 10:00", true, "2026-11-23 11:00", false},
		{"a temporary closure cuts the day", "Europe/Paris", Schedule{Hours: daily(480, 1080), Temporary: []*vigiev1.ScheduleSet{{FromMs: utc("2026-11-23 12:00"), ToMs: utc("2026-11-24 12:00")}}}, "2026-11-23 10:00", true, "2026-11-23 12:00", false},
		{"and ends in the middle of one", "Europe/Paris", Schedule{Hours: daily(480, 1080), Temporary: []*vigiev1.ScheduleSet{{FromMs: utc("2026-11-23 12:00"), ToMs: utc("2026-11-24 12:00")}}}, "2026-11-24 13:00", true, "2026-11-24 17:00", false},
		{"a temporary opening", "Europe/Paris", Schedule{Temporary: []*vigiev1.ScheduleSet{{Hours: daily(600, 900), FromMs: utc("2026-11-23 00:00"), ToMs: utc("2026-11-24 00:00")}}}, "2026-11-23 10:00", true, "2026-11-23 14:00", false},
		{"Cayenne has no summer time", "America/Cayenne", Schedule{Hours: daily(480, 1080)}, "2026-07-01 11:00", true, "2026-07-01 21:00", false},
		{"Noumea is a day ahead", "Pacific/Noumea", only(1, 480, 1080), "2026-11-22 21:00", true, "2026-11-23 07:00", false},
		{"Saint-Pierre changes its clocks by itself", "America/Miquelon", Schedule{Hours: daily(480, 1080)}, "2026-07-01 10:00", true, "2026-07-01 20:00", false},
		{"a cycle", "", Schedule{Cycle: Cycle{Period: 3_600_000, Open: 600_000, Epoch: utc("2026-11-23 00:00")}}, "2026-11-23 05:09", true, "2026-11-23 05:10", false},
		{"a cycle that never says when it closes", "", Schedule{Cycle: Cycle{Period: 3_600_000}}, "2026-11-23 05:09", false, "", true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			loc := zones.Zone(c.zone)
			if open, _ := c.s.IsOpen(utc(c.at), loc); open != c.open {
				t.Errorf("open at %s: %v", c.at, open)
			}
			at, ok := c.s.NextClosing(utc(c.at), loc)
			if ok == c.closingIsNone {
				t.Fatalf("closing found: %v", ok)
			}
			if got := time.UnixMilli(at).UTC().Format("2006-01-02 15:04"); ok && got != c.closing {
				t.Errorf("closes at %s, want %s", got, c.closing)
			}
		})
	}
}
