package hours

import (
	"testing"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// weekdays opens from Monday to Friday at a minute.
func weekdays(m uint32) []*vigiev1.OpeningHours {
	var rows []*vigiev1.OpeningHours
	for d := uint32(1); d <= 5; d++ {
		rows = append(rows, &vigiev1.OpeningHours{Weekday: d, OpenMinute: m, CloseMinute: 1080})
	}
	return rows
}

func TestScheduleOpenings(t *testing.T) {
	t.Parallel()
	var zones Zones
	paris := zones.Zone("Europe/Paris")
	utc := func(s string) int64 {
		at, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMilli()
	}
	daily := func(m uint32) []*vigiev1.OpeningHours {
		var rows []*vigiev1.OpeningHours
		for d := uint32(1); d <= 7; d++ {
			rows = append(rows, &vigiev1.OpeningHours{Weekday: d, OpenMinute: m})
		}
		return rows
	}
	christmas := &vigiev1.HolidaySet{Day: "2026-12-25"}
	for _, c := range []struct {
		rule        string
		s           Schedule
		after, want string
	}{
		{"winter", Schedule{Hours: daily(480)}, "2026-11-23 07:00", "2026-11-24 07:00"},
		{"just before", Schedule{Hours: daily(480)}, "2026-11-23 06:59", "2026-11-23 07:00"},
		{"summer", Schedule{Hours: daily(480)}, "2026-07-01 05:00", "2026-07-01 06:00"},
		{"week-end skipped", Schedule{Hours: weekdays(480)}, "2026-11-27 12:00", "2026-11-30 07:00"},
		{"2:30 in the gap of 29 March 2026 opens at 3:00 local", Schedule{Hours: daily(150)}, "2026-03-28 12:00", "2026-03-29 01:00"},
		{"2:30 of 25 October 2026 opens the first time it occurs", Schedule{Hours: daily(150)}, "2026-10-24 12:00", "2026-10-25 00:30"},
		{"and not the second time", Schedule{Hours: daily(150)}, "2026-10-25 00:30", "2026-10-26 01:30"},
		{"a holiday without hours has no opening", Schedule{Hours: daily(480), Holidays: []*vigiev1.HolidaySet{christmas}}, "2026-12-24 12:00", "2026-12-26 07:00"},
		{"a holiday with hours has its own", Schedule{Hours: daily(480), Holidays: []*vigiev1.HolidaySet{{Day: "2026-12-25", Hours: []*vigiev1.OpeningHours{{OpenMinute: 600}}}}}, "2026-12-24 12:00", "2026-12-25 09:00"},
		{"a temporary schedule stands over a holiday", Schedule{Hours: daily(480), Holidays: []*vigiev1.HolidaySet{christmas}, Temporary: []*vigiev1.ScheduleSet{{Hours: daily(660), FromMs: utc("2026-12-25 00:00"), ToMs: utc("2026-12-26 00:00")}}}, "2026-12-24 12:00", "2026-12-25 10:00"},
		{"a temporary closure skips its window", Schedule{Hours: daily(480), Temporary: []*vigiev1.ScheduleSet{{FromMs: utc("2026-12-01 00:00"), ToMs: utc("2026-12-03 00:00")}}}, "2026-11-30 12:00", "2026-12-03 07:00"},
		{"minute 1440 is the next midnight", Schedule{Hours: daily(1440)}, "2026-11-23 00:00", "2026-11-23 23:00"},
		{"nothing within the horizon", Schedule{}, "2026-11-23 00:00", ""},
		{"a cycle", Schedule{Cycle: Cycle{Period: 60_000, Epoch: utc("2026-01-01 00:00")}}, "2026-11-23 00:00", "2026-11-23 00:01"},
		{"a cycle before its epoch", Schedule{Cycle: Cycle{Period: 3_600_000, Epoch: utc("2027-01-01 00:00")}}, "2026-12-31 22:30", "2026-12-31 23:00"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			at, ok := c.s.NextOpening(utc(c.after), paris)
			if c.want == "" && !ok {
				return
			}
			if got := time.UnixMilli(at).UTC().Format("2006-01-02 15:04"); !ok || got != c.want {
				t.Errorf("after %s: %s (%v), want %s", c.after, got, ok, c.want)
			}
		})
	}
	if _, ok := (&Schedule{Hours: daily(480)}).NextOpening(0, nil); ok {
		t.Error("hours without a zone were read in some zone")
	}
}

func TestZonesThatIANADoesNotKnow(t *testing.T) {
	t.Parallel()
	if loadZone("Mars/Olympus") != nil || loadZone("../etc/passwd") != nil || loadZone("") != nil {
		t.Error("one was found")
	}
}

// What is refused changes nothing; what has passed is forgotten.
func TestChanges(t *testing.T) {
	t.Parallel()
	temporary := func(from, to int64) *vigiev1.ScheduleSet { return &vigiev1.ScheduleSet{FromMs: from, ToMs: to} }
	s := Schedule{Hours: weekdays(480)}
	for want, b := range map[string]*vigiev1.ScheduleSet{
		"bad-hours":  {Hours: []*vigiev1.OpeningHours{{Weekday: 8}}},
		"bad-window": {FromMs: 2, ToMs: 1},
	} {
		if next, refused := s.With(b, 0); refused != want || len(next.Hours) != 5 {
			t.Errorf("%v is refused as %q, and gives %v", b, refused, next)
		}
	}
	for i := range int64(MaxTemporary) {
		s, _ = s.With(temporary(i, day), 0)
	}
	if _, refused := s.With(temporary(99, day), 0); refused != "too-many-temporary-schedules" {
		t.Errorf("one more is refused as %q", refused)
	}
	next, refused := s.With(temporary(99, 3*day), 2*day)
	if refused != "" || len(next.Temporary) != 1 || len(s.Temporary) != MaxTemporary {
		t.Errorf("two days later %q, %d of %d are left", refused, len(next.Temporary), len(s.Temporary))
	}
	if _, refused := s.WithHoliday(&vigiev1.HolidaySet{Day: "25.12."}, 0); refused != "bad-day" {
		t.Errorf("a day that is none is refused as %q", refused)
	}
	with, _ := s.WithHoliday(&vigiev1.HolidaySet{Day: "2026-12-25"}, 0)
	without, _ := with.WithHoliday(&vigiev1.HolidaySet{Day: "2026-12-25", Removed: true}, 0)
	if len(with.Holidays) != 1 || len(without.Holidays) != 0 {
		t.Errorf("a holiday: %v, removed: %v", with.Holidays, without.Holidays)
	}
}
