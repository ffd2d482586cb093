package hours

import (
	"cmp"
	"slices"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Hours: when a site is expected to be open. A row of hours whose closing is not
// after its opening closes on the next day (22:00 to 6:00; 8:00 to 8:00 is a whole
// day). A temporary schedule cuts the other hours at its two ends. Hours that
// touch are one opening.

// openHours is a time in which a site is open, Unix ms UTC.
type openHours struct{ from, to int64 }

// Days of hours that are laid out at once: few at first, for the next closing is most
// often that of today.
const (
	firstDays = 2
	chunkDays = 7
)

// IsOpen tells whether an instant lies in the hours; false in known when the
// schedule does not say when the site closes.
func (s *Schedule) IsOpen(at int64, loc *time.Location) (open, known bool) {
	if s == nil {
		return false, false
	}
	if s.Cycle.Period > 0 {
		return at-s.Cycle.last(at) < s.Cycle.Open, s.Cycle.Open > 0
	}
	if loc == nil || s.Empty() {
		return false, false
	}
	for _, h := range s.hoursAround(at, 0, 0, loc) {
		if at >= h.from && at < h.to {
			return true, true
		}
	}
	return false, true
}

// NextClosing is the first end of hours after an instant.
func (s *Schedule) NextClosing(after int64, loc *time.Location) (int64, bool) {
	if s.Cycle.Period > 0 {
		at := s.Cycle.last(after) + s.Cycle.Open
		if at <= after {
			at += s.Cycle.Period
		}
		return at, s.Cycle.Open > 0
	}
	if loc == nil || s.Empty() {
		return 0, false
	}
	for days, chunk := 0, firstDays; days <= maxDays; days, chunk = days+chunk, chunkDays {
		list := s.hoursAround(after, days, chunk, loc)
		// Hours that reach the end of the chunk may go on in the next one.
		end := after + int64(days+chunk)*day
		for _, h := range list {
			if h.to > after && h.to <= end {
				return h.to, true
			}
		}
	}
	return 0, false
}

// last is the opening of a cycle at or before an instant.
func (c Cycle) last(at int64) int64 { return c.next(at) - c.Period }

// hoursAround are the hours from two days before to chunk+2 days after the day that
// lies so many days ahead of an instant, in order.
func (s *Schedule) hoursAround(at int64, days, chunk int, loc *time.Location) []openHours {
	var list []openHours
	local := time.UnixMilli(at).In(loc)
	for d := days - 2; d <= days+chunk+2; d++ {
		date := time.Date(local.Year(), local.Month(), local.Day()+d, 0, 0, 0, 0, time.UTC)
		for _, row := range s.regularRows(date) {
			list = append(list, s.outsideTemporary(hoursOf(date, row, loc))...)
		}
		for _, t := range s.Temporary {
			for _, row := range rowsOn(t.GetHours(), date) {
				h := hoursOf(date, row, loc)
				h.from, h.to = max(h.from, t.GetFromMs()), min(h.to, t.GetToMs())
				list = append(list, h)
			}
		}
	}
	return merged(list)
}

func hoursOf(date time.Time, row *vigiev1.OpeningHours, loc *time.Location) openHours {
	closing := row.GetCloseMinute()
	if closing <= row.GetOpenMinute() {
		next := date.AddDate(0, 0, 1)
		return openHours{localInstant(date, row.GetOpenMinute(), loc), localInstant(next, closing, loc)}
	}
	return openHours{localInstant(date, row.GetOpenMinute(), loc), localInstant(date, closing, loc)}
}

// outsideTemporary is what temporary schedules leave of regular hours.
func (s *Schedule) outsideTemporary(h openHours) []openHours {
	left := []openHours{h}
	for _, t := range s.Temporary {
		var next []openHours
		for _, l := range left {
			next = append(next, openHours{l.from, min(l.to, t.GetFromMs())}, openHours{max(l.from, t.GetToMs()), l.to})
		}
		left = slices.DeleteFunc(next, func(l openHours) bool { return l.from >= l.to })
	}
	return left
}

func merged(list []openHours) []openHours {
	list = slices.DeleteFunc(list, func(h openHours) bool { return h.from >= h.to })
	slices.SortFunc(list, func(a, b openHours) int { return cmp.Compare(a.from, b.from) })
	var out []openHours
	for _, h := range list {
		if n := len(out); n > 0 && h.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, h.to)
			continue
		}
		out = append(out, h)
	}
	return out
}
