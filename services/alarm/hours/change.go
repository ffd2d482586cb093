package hours

import (
	"slices"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// With is the schedule with a standard or a temporary one set, at a time (Unix ms
// UTC): temporary ones that have passed by then are forgotten. refused says why it
// cannot be, in kebab case; "" when it can.
func (s Schedule) With(b *vigiev1.ScheduleSet, at int64) (next Schedule, refused string) {
	if !valid(b.GetHours()) {
		return s, "bad-hours"
	}
	if b.GetCycleMs() < 0 || b.GetCycleOpenMs() < 0 || b.GetCycleOpenMs() > b.GetCycleMs() || b.GetFromMs() > b.GetToMs() {
		return s, "bad-window"
	}
	next = s
	if b.GetToMs() == 0 {
		next.Hours, next.None = b.GetHours(), b.GetNone()
		next.Cycle = Cycle{Period: b.GetCycleMs(), Epoch: b.GetCycleEpochMs(), Open: b.GetCycleOpenMs()}
		if next.None {
			next.Hours, next.Cycle = nil, Cycle{}
		}
		return next, ""
	}
	next.Temporary = slices.DeleteFunc(slices.Clone(s.Temporary), func(t *vigiev1.ScheduleSet) bool {
		return t.GetToMs() <= at || t.GetFromMs() == b.GetFromMs() && t.GetToMs() == b.GetToMs()
	})
	if len(next.Temporary) == MaxTemporary {
		return s, "too-many-temporary-schedules"
	}
	next.Temporary = append(next.Temporary, b)
	return next, ""
}

// WithHoliday is the schedule with a holiday set or removed, at a time (Unix ms UTC):
// those that have passed two days before are forgotten. refused as in With.
func (s Schedule) WithHoliday(b *vigiev1.HolidaySet, at int64) (next Schedule, refused string) {
	if _, err := time.Parse(time.DateOnly, b.GetDay()); err != nil {
		return s, "bad-day"
	}
	for _, row := range b.GetHours() {
		if row.GetOpenMinute() > minutesOfDay || row.GetCloseMinute() > minutesOfDay {
			return s, "bad-hours"
		}
	}
	next = s
	today := time.UnixMilli(at - 2*day).UTC().Format(time.DateOnly)
	next.Holidays = slices.DeleteFunc(slices.Clone(s.Holidays), func(h *vigiev1.HolidaySet) bool {
		return h.GetDay() == b.GetDay() || h.GetDay() < today
	})
	if b.GetRemoved() {
		return next, ""
	}
	if len(next.Holidays) == MaxHolidays || len(b.GetHours()) > MaxHours {
		return s, "too-many-holidays"
	}
	next.Holidays = append(next.Holidays, b)
	return next, ""
}

// minutesOfDay is the last minute that a row may name: the next midnight.
const minutesOfDay = 1440

func valid(rows []*vigiev1.OpeningHours) bool {
	if len(rows) > MaxHours {
		return false
	}
	for _, row := range rows {
		if row.GetWeekday() < 1 || row.GetWeekday() > 7 || row.GetOpenMinute() > minutesOfDay || row.GetCloseMinute() > minutesOfDay {
			return false
		}
	}
	return true
}
