package alarm

import (
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm/hours"
)

// The acts that set a site's hours; what hours mean is in package hours.

// setSchedule takes a standard or a temporary schedule.
func (w *work) setSchedule(b *vigiev1.ScheduleSet) decided {
	return w.reschedule(w.schedule().With(b, w.at))
}

func (w *work) setHoliday(b *vigiev1.HolidaySet) decided {
	return w.reschedule(w.schedule().WithHoliday(b, w.at))
}

func (w *work) reschedule(next hours.Schedule, reason string) decided {
	if reason != "" {
		return refused(reason)
	}
	w.cold().schedule = &next
	w.scheduleChanged()
	return accepted("")
}

// schedule is a copy of the site's schedule to change.
func (w *work) schedule() hours.Schedule {
	if s := w.cold().schedule; s != nil {
		return *s
	}
	return hours.Schedule{}
}
