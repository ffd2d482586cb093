package seed

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/schemas/ids"
)

const day = 24 * time.Hour

// tomorrow sets the site's next opening.
func (c *centre) tomorrow(s *site) {
	today := c.now.Truncate(day)
	next := today.Add(s.opens)
	if !next.After(c.now) {
		next = next.Add(day)
	}
	for next.Weekday() == time.Sunday || next.Weekday() == time.Saturday && !s.weekend {
		next = next.Add(day)
	}
	shut := next.Truncate(day).Add(s.shuts)
	c.at(next.Add(c.between(0, 8*time.Minute)), func() { c.opening(s) })
	c.at(shut.Add(c.between(0, 12*time.Minute)), func() {
		c.closing(s)
		c.tomorrow(s)
	})
}

// closed says whether the site stays shut: by what is known of it, or because
// nobody comes any more.
func (s *site) closed(now time.Time) bool {
	return s.state.Closure != "none" || !s.lockAt.IsZero() && !now.Before(s.lockAt)
}

func (c *centre) opening(s *site) {
	if !s.silent && !s.closed(c.now) {
		cause := c.panel(s, Event{Kind: "disarmed", Code: "OP"})
		c.setMode(s, "disarmed")
		c.put(s, cause)
	}
}

func (c *centre) closing(s *site) {
	if s.silent || s.forgotten || s.state.Areas[0].Mode == "armed_full" {
		return
	}
	mode := "armed_full"
	if c.chance(0.01) {
		mode = "armed_part"
	}
	cause := c.panel(s, Event{Kind: "armed", Code: "CL", Mode: mode})
	c.setMode(s, mode)
	c.put(s, cause)
}

// rhythm is how many alarms come in each hour of a day, 1 at the mean: people
// who come and go make most of them.
var rhythm = [24]float64{0.5, 0.4, 0.4, 0.4, 0.5, 0.8, 1.6, 2.1, 1.3, 0.8, 0.7, 0.7, 0.8, 0.8, 0.7, 0.7, 1.0, 1.8, 2.2, 1.7, 1.3, 1.0, 0.8, 0.6}

// alarmsADay is how many alarms a site has on a usual day.
const alarmsADay = 0.14

// everyHour draws the alarms of the hour to come.
func (c *centre) everyHour() {
	mean := alarmsADay / 24 * float64(len(c.sites)) * rhythm[c.now.Hour()]
	if c.now.Weekday() == time.Sunday {
		mean *= 0.6
	}
	if c.now.After(c.wave) {
		// Empty streets: more of what nobody disturbs, hour by hour.
		mean *= 1 + 0.9*float64(c.now.Sub(c.wave))/float64(c.h.End.Sub(c.wave))
	}
	for range c.poisson(mean) {
		s := c.sites[c.rng.IntN(len(c.sites))]
		if c.chance(0.2) {
			s = c.sites[c.rng.IntN(1+len(c.sites)/40)] // some sites alarm for nothing, again and again
		}
		c.in(c.between(0, time.Hour), func() { c.something(s) })
	}
	for range c.poisson(0.2) {
		c.in(c.between(0, time.Hour), func() {
			c.h.Rejected = append(c.h.Rejected, Rejected{ReceivedAt: c.now, Stage: "frame", Reason: pick(c, []string{"bad-crc", "too-long", "unknown-key"})})
		})
	}
	c.in(time.Hour, c.everyHour)
}

// kinds is what panels say that is not arming, in parts of a thousand.
var kinds = []struct {
	weight int
	e      Event
}{
	{540, Event{Kind: "alarm_raised", Class: "intrusion", Code: "BA"}},
	{40, Event{Kind: "alarm_raised", Class: "intrusion_confirmed", Code: "BV"}},
	{30, Event{Kind: "alarm_raised", Class: "fire", Code: "FA"}},
	{12, Event{Kind: "alarm_raised", Class: "hold_up", Code: "HA"}},
	{14, Event{Kind: "alarm_raised", Class: "medical", Code: "MA"}},
	{60, Event{Kind: "alarm_raised", Class: "technical_comfort", Code: "UA"}},
	{50, Event{Kind: "alarm_raised", Class: "technical_critical", Code: "ZA"}},
	{12, Event{Kind: "alarm_raised", Class: "test", Code: "BX"}},
	{8, Event{Kind: "alarm_raised", Class: "information", Code: "JP"}},
	{48, Event{Kind: "tamper", Class: "tamper", Code: "TA"}},
	{20, Event{Kind: "tamper", Class: "tamper", Code: "TR", Restored: true}},
	{12, Event{Kind: "fault_raised", Class: "jamming", Code: "XQ"}},
	{90, Event{Kind: "fault_raised", Class: "mains", Code: "AT"}},
	{34, Event{Kind: "fault_raised", Class: "battery", Code: "YT"}},
	{30, Event{Kind: "data_received", Class: "not_configured", Code: "ZZ"}},
}

// alarms says whether the fold takes it for an alarm.
func (e Event) alarms() bool {
	switch e.Kind {
	case "alarm_raised":
		return e.Class != "test" && e.Class != "information"
	case "fault_raised":
		return e.Class == "jamming"
	case "tamper":
		return !e.Restored
	default:
		return e.Kind == "data_received"
	}
}

// something happens at a site.
func (c *centre) something(s *site) {
	if s.silent || s.state.CommunicationLost {
		return
	}
	draw := c.rng.IntN(1000)
	for _, k := range kinds {
		if draw -= k.weight; draw < 0 {
			e := k.e
			e.Area, e.Zone = "1", pick(c, []string{"001", "002", "003", "004", "005"})
			c.says(s, e)
			return
		}
	}
}

// says lets a panel say something and the centre take it up.
func (c *centre) says(s *site, e Event) {
	cause := c.panel(s, e)
	if !e.alarms() {
		return
	}
	c.alarm(s, e, cause)
	if e.Class == "intrusion" && c.chance(0.02) {
		c.storm(s, e)
	}
	if e.Class == "intrusion" || e.Class == "tamper" {
		c.in(c.about(4*time.Minute), func() {
			if !s.silent && !s.state.CommunicationLost {
				c.panel(s, Event{Kind: "alarm_restored", Class: e.Class, Code: "BR", Area: e.Area, Zone: e.Zone})
			}
		})
	}
}

// storm is a detector that alarms without end.
func (c *centre) storm(s *site, e Event) {
	if s.state.Storm {
		return
	}
	for i := range 12 {
		c.in(time.Duration(i+1)*40*time.Second, func() {
			if !s.silent && !s.state.CommunicationLost {
				c.alarm(s, e, c.panel(s, e))
			}
		})
	}
	c.in(5*40*time.Second, func() {
		if s.silent {
			return
		}
		s.state.Storm = true
		d := c.find(s, Detection{Kind: "alarm_storm", EvidenceCount: 6})
		c.put(s, uuid.Nil)
		c.in(35*time.Minute, func() {
			s.state.Storm = false
			c.end(d, "rate fell")
			c.put(s, uuid.Nil)
		})
	})
}

// rush is the last minutes: more than the night shift can take at once.
func (c *centre) rush() {
	c.at(c.h.End.Add(-11*time.Minute), func() {
		s := pick(c, c.sites)
		if s.open["intrusion"] == nil && !s.silent {
			c.alarm(s, kinds[0].e, c.panel(s, kinds[0].e))
			s.open["intrusion"].overlooked = true
		}
	})
	c.at(c.h.End.Add(-14*time.Minute), func() { c.storm(c.closedSite(), kinds[0].e) })
	c.at(c.h.End.Add(-13*time.Minute), func() {
		d := c.find(&site{}, Detection{Kind: "group_alarm_storm", EvidenceCount: 20, GroupName: "region-bretagne", GroupCount: 20})
		c.in(4*time.Minute, func() {
			d.row.GroupCount = 31
			c.end(d, "rate fell")
		})
	})
	c.at(c.h.End.Add(-10*time.Minute), func() { c.fail(c.closedSite(), 1, day) })
	for _, e := range []Event{{Kind: "alarm_raised", Class: "fire", Code: "FA"}, {Kind: "alarm_raised", Class: "hold_up", Code: "HA"}} {
		c.at(c.h.End.Add(-c.between(4*time.Second, 25*time.Second)), func() {
			if s := pick(c, c.sites); !s.silent {
				c.says(s, e)
			}
		})
	}
	for range 4 + len(c.sites)/80 {
		c.at(c.h.End.Add(-c.between(0, 4*time.Minute)), func() { c.something(pick(c, c.sites)) })
	}
}

// closedSite is one with a single path that is closed around the clock, or any.
func (c *centre) closedSite() *site {
	for range 10 * len(c.sites) {
		if s := pick(c, c.sites); s.state.Closure != "none" && len(s.state.Paths) == 1 && !s.silent {
			return s
		}
	}
	return pick(c, c.sites)
}

// strangers are panels that nobody declared.
func (c *centre) strangers() {
	for i := range min(4, len(c.sites)/100) {
		account := "00F" + string(rune('A'+i))
		s := &site{number: ids.UndeclaredSite(0, account), open: map[string]*incident{}}
		s.state = SiteState{Site: s.number, Undeclared: true, Account: account, Closure: "none", ClosedSince: Never, Paths: []Path{{1, fine, Never}}}
		c.at(c.h.Start.Add(c.between(time.Minute, c.h.End.Sub(c.h.Start))), func() {
			c.find(s, Detection{Kind: "unknown_account", EvidenceCount: 1})
			c.says(s, Event{Kind: "alarm_raised", Class: "intrusion", Code: "BA", Zone: "001"})
		})
	}
}

// brigades are who sits at the desks: three shifts of eight hours.
var brigades = [3][]string{
	{"a.martin", "b.petit", "c.durand"}, {"d.leroy", "e.moreau", "f.simon", "g.laurent", "h.michel"}, {"i.garcia", "j.roux", "k.fontaine", "l.chevalier"},
}

// shift is which brigade is on at a time: nights from 20 h to 4 h UTC.
func shift(t time.Time) int { return t.Add(4*time.Hour).Hour() / 8 }

func (c *centre) onShift() string { return pick(c, brigades[shift(c.now)]) }

// people start their shifts.
func (c *centre) people() {
	for _, name := range brigades[shift(c.now)] {
		e := Event{ID: c.id(), Site: 0, ReceivedAt: c.now, Kind: "shift_started", Origin: "user", Operator: name, Role: "operator"}
		c.h.Events = append(c.h.Events, e)
		c.h.Outcomes = append(c.h.Outcomes, Outcome{EventID: e.ID, ReceivedAt: c.now, Status: "accepted"})
	}
	next := c.now.Add(4 * time.Hour).Truncate(8 * time.Hour).Add(4 * time.Hour)
	c.at(next, c.people)
}

// groupOf is the class group of an alarm's class, which has its answer clock.
func groupOf(class string) string {
	switch {
	case strings.HasPrefix(class, "intrusion"), class == "tamper", class == "jamming":
		return "intrusion"
	case class == "technical_critical":
		return "technical-critical"
	case class == "technical_comfort", class == "communication":
		return "technical"
	case class == "not_configured":
		return "not-configured"
	default:
		return "life"
	}
}
