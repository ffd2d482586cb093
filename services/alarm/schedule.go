package alarm

import (
	"slices"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Schedules (trade rule 7): temporary > holiday > standard, in the site's IANA
// zone. An opening at a local time that a change of the clocks skips takes place
// at the first instant after the gap; at one that occurs twice, the first time.
// A value is never changed once it stands in a site: with… returns another.
type schedule struct {
	hours     []*vigiev1.OpeningHours
	none      bool
	cycle     cycle
	temporary []*vigiev1.ScheduleSet
	holidays  []*vigiev1.HolidaySet
}

// cycle is a demonstration's schedule: an opening every period, from an epoch, for
// as long as open says (0: nobody knows when it closes). ms.
type cycle struct{ period, epoch, open int64 }

// nthOpening is the n-th opening after an instant, Unix ms UTC; false when the
// schedule has none within maxScheduleDays, or no zone to read it in.
func (s *schedule) nthOpening(after int64, n int, loc *time.Location) (int64, bool) {
	at := after
	for range n {
		next, ok := s.nextOpening(at, loc)
		if !ok {
			return 0, false
		}
		at = next
	}
	return at, true
}

func (s *schedule) nextOpening(after int64, loc *time.Location) (int64, bool) {
	if s.cycle.period > 0 {
		return s.cycle.next(after), true
	}
	if loc == nil || s.empty() {
		return 0, false
	}
	local := time.UnixMilli(after).In(loc)
	for d := -1; d <= maxScheduleDays; d++ {
		first := int64(0)
		date := time.Date(local.Year(), local.Month(), local.Day()+d, 0, 0, 0, 0, time.UTC)
		for _, at := range s.openingsOf(date, loc) {
			if at > after && (first == 0 || at < first) {
				first = at
			}
		}
		if first != 0 {
			return first, true
		}
	}
	return 0, false
}

func (c cycle) next(after int64) int64 {
	k := (after - c.epoch) / c.period
	if after < c.epoch {
		k = -((c.epoch - after + c.period - 1) / c.period)
	}
	return c.epoch + (k+1)*c.period
}

func (s *schedule) empty() bool {
	return len(s.hours) == 0 && len(s.temporary) == 0 && len(s.holidays) == 0
}

// openingsOf are the openings of one local day, given as its midnight "in UTC".
func (s *schedule) openingsOf(date time.Time, loc *time.Location) []int64 {
	var out []int64
	for _, row := range s.regularRows(date) {
		if at := localInstant(date, row.GetOpenMinute(), loc); !s.inTemporary(at) {
			out = append(out, at)
		}
	}
	for _, t := range s.temporary {
		for _, row := range rowsOn(t.GetHours(), date) {
			if at := localInstant(date, row.GetOpenMinute(), loc); at >= t.GetFromMs() && at < t.GetToMs() {
				out = append(out, at)
			}
		}
	}
	return out
}

// regularRows are the hours of a day by holiday, else the standard ones.
func (s *schedule) regularRows(date time.Time) []*vigiev1.OpeningHours {
	name := date.Format(time.DateOnly)
	for _, h := range s.holidays {
		if h.GetDay() == name {
			return h.GetHours()
		}
	}
	return rowsOn(s.hours, date)
}

func rowsOn(hours []*vigiev1.OpeningHours, date time.Time) []*vigiev1.OpeningHours {
	weekday := uint32((date.Weekday()+6)%7 + 1) // ISO 8601: Monday is 1
	var rows []*vigiev1.OpeningHours
	for _, row := range hours {
		if row.GetWeekday() == weekday {
			rows = append(rows, row)
		}
	}
	return rows
}

func (s *schedule) inTemporary(at int64) bool {
	return slices.ContainsFunc(s.temporary, func(t *vigiev1.ScheduleSet) bool { return at >= t.GetFromMs() && at < t.GetToMs() })
}

// localInstant is the instant of a local minute of a day, Unix ms UTC.
func localInstant(date time.Time, minuteOfDay uint32, loc *time.Location) int64 {
	naive := date.Unix() + int64(minuteOfDay)*60
	candidates := [2]int64{}
	for i, probe := range [2]int64{naive - 86400, naive + 86400} {
		_, offset := time.Unix(probe, 0).In(loc).Zone()
		candidates[i] = naive - int64(offset)
	}
	valid := func(u int64) bool {
		_, offset := time.Unix(u, 0).In(loc).Zone()
		return u+int64(offset) == naive
	}
	before, after := candidates[0], candidates[1]
	switch {
	case valid(before) && valid(after):
		return min(before, after) * 1000
	case valid(before):
		return before * 1000
	case valid(after):
		return after * 1000
	}
	// In a gap: the offset before it points past the change of the clocks.
	change, _ := time.Unix(before, 0).In(loc).ZoneBounds()
	return change.UnixMilli()
}

// setSchedule takes a standard or a temporary schedule.
func (w *work) setSchedule(b *vigiev1.ScheduleSet) decided {
	if !validHours(b.GetHours()) {
		return refused("bad-hours")
	}
	if b.GetCycleMs() < 0 || b.GetCycleOpenMs() < 0 || b.GetCycleOpenMs() > b.GetCycleMs() || b.GetFromMs() > b.GetToMs() {
		return refused("bad-window")
	}
	next := w.schedule()
	if b.GetToMs() == 0 {
		next.hours, next.none = b.GetHours(), b.GetNone()
		next.cycle = cycle{period: b.GetCycleMs(), epoch: b.GetCycleEpochMs(), open: b.GetCycleOpenMs()}
		if next.none {
			next.hours, next.cycle = nil, cycle{}
		}
	} else {
		next.temporary = slices.DeleteFunc(slices.Clone(next.temporary), func(t *vigiev1.ScheduleSet) bool {
			return t.GetToMs() <= w.at || t.GetFromMs() == b.GetFromMs() && t.GetToMs() == b.GetToMs()
		})
		if len(next.temporary) == maxTemporary {
			return refused("too-many-temporary-schedules")
		}
		next.temporary = append(next.temporary, b)
	}
	w.cold().schedule = &next
	w.scheduleChanged()
	return accepted("")
}

func (w *work) setHoliday(b *vigiev1.HolidaySet) decided {
	if _, err := time.Parse(time.DateOnly, b.GetDay()); err != nil {
		return refused("bad-day")
	}
	for _, row := range b.GetHours() {
		if row.GetOpenMinute() > 1440 || row.GetCloseMinute() > 1440 {
			return refused("bad-hours")
		}
	}
	next := w.schedule()
	today := time.UnixMilli(w.at - 2*day).UTC().Format(time.DateOnly)
	next.holidays = slices.DeleteFunc(slices.Clone(next.holidays), func(h *vigiev1.HolidaySet) bool {
		return h.GetDay() == b.GetDay() || h.GetDay() < today
	})
	if !b.GetRemoved() {
		if len(next.holidays) == maxHolidays || len(b.GetHours()) > maxHours {
			return refused("too-many-holidays")
		}
		next.holidays = append(next.holidays, b)
	}
	w.cold().schedule = &next
	w.scheduleChanged()
	return accepted("")
}

// schedule is a copy of the site's schedule to change.
func (w *work) schedule() schedule {
	if s := w.cold().schedule; s != nil {
		return *s
	}
	return schedule{}
}

func validHours(hours []*vigiev1.OpeningHours) bool {
	if len(hours) > maxHours {
		return false
	}
	for _, row := range hours {
		if row.GetWeekday() < 1 || row.GetWeekday() > 7 || row.GetOpenMinute() > 1440 || row.GetCloseMinute() > 1440 {
			return false
		}
	}
	return true
}
