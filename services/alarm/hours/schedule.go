// Package hours says when a site is open: schedules, holidays and what stands over
// them for a time, in the site's IANA zone, across changes of the clocks. It is pure,
// and carries its zone data with it: schedule.go (openings), hours.go (from when to
// when), change.go (what people set), zones.go.
package hours

import (
	"slices"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	// MaxHours bounds the rows of a schedule or a holiday; a longer one is refused.
	MaxHours = 64
	// MaxTemporary bounds temporary schedules; one more is refused until some have passed.
	MaxTemporary = 16
	// MaxHolidays bounds holidays; one more is refused until some have passed or been
	// removed.
	MaxHolidays = 128
	// maxDays is how far ahead an opening is looked for.
	maxDays = 400
)

const day int64 = 24 * 3600 * 1000

// Schedule says when a site is open (trade rule 7): temporary > holiday > standard,
// in the site's IANA zone. An opening at a local time that a change of the clocks
// skips takes place at the first instant after the gap; at one that occurs twice, the
// first time. A value is never changed: With and WithHoliday return another.
type Schedule struct {
	// Hours are the standard ones. None says that the site has none, and is not asked.
	Hours []*vigiev1.OpeningHours
	None  bool
	Cycle Cycle
	// Temporary ones have a start and an end.
	Temporary []*vigiev1.ScheduleSet
	Holidays  []*vigiev1.HolidaySet
}

// Cycle is a demonstration's schedule: an opening every Period, from Epoch (Unix ms
// UTC), for as long as Open says (0: nobody knows when it closes). ms.
type Cycle struct{ Period, Epoch, Open int64 }

// NthOpening is the n-th opening after an instant, Unix ms UTC; false when the
// schedule has none within 400 days, or no zone to read it in.
func (s *Schedule) NthOpening(after int64, n int, loc *time.Location) (int64, bool) {
	at := after
	for range n {
		next, ok := s.NextOpening(at, loc)
		if !ok {
			return 0, false
		}
		at = next
	}
	return at, true
}

// NextOpening is NthOpening of the first.
func (s *Schedule) NextOpening(after int64, loc *time.Location) (int64, bool) {
	if s.Cycle.Period > 0 {
		return s.Cycle.next(after), true
	}
	if loc == nil || s.Empty() {
		return 0, false
	}
	local := time.UnixMilli(after).In(loc)
	for d := -1; d <= maxDays; d++ {
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

func (c Cycle) next(after int64) int64 {
	k := (after - c.Epoch) / c.Period
	if after < c.Epoch {
		k = -((c.Epoch - after + c.Period - 1) / c.Period)
	}
	return c.Epoch + (k+1)*c.Period
}

// Empty says that there are no hours at all, of whatever kind, beside a cycle.
func (s *Schedule) Empty() bool {
	return len(s.Hours) == 0 && len(s.Temporary) == 0 && len(s.Holidays) == 0
}

// openingsOf are the openings of one local day, given as its midnight "in UTC".
func (s *Schedule) openingsOf(date time.Time, loc *time.Location) []int64 {
	var out []int64
	for _, row := range s.regularRows(date) {
		if at := localInstant(date, row.GetOpenMinute(), loc); !s.inTemporary(at) {
			out = append(out, at)
		}
	}
	for _, t := range s.Temporary {
		for _, row := range rowsOn(t.GetHours(), date) {
			if at := localInstant(date, row.GetOpenMinute(), loc); at >= t.GetFromMs() && at < t.GetToMs() {
				out = append(out, at)
			}
		}
	}
	return out
}

// regularRows are the hours of a day by holiday, else the standard ones.
func (s *Schedule) regularRows(date time.Time) []*vigiev1.OpeningHours {
	name := date.Format(time.DateOnly)
	for _, h := range s.Holidays {
		if h.GetDay() == name {
			return h.GetHours()
		}
	}
	return rowsOn(s.Hours, date)
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

func (s *Schedule) inTemporary(at int64) bool {
	return slices.ContainsFunc(s.Temporary, func(t *vigiev1.ScheduleSet) bool { return at >= t.GetFromMs() && at < t.GetToMs() })
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
