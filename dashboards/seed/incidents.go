package seed

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/schemas/ids"
)

// incident is an incident that is open.
type incident struct {
	s   *site
	row Incident
	// acted since it last alerted.
	acted bool
	late  *found
	// overlooked: nobody claims it.
	overlooked bool
}

func (i *incident) answered() bool { return i.row.ClaimedBy != "" && i.acted }

// figures of the answer clocks, and how long a claim takes on a usual day.
var figures = map[string]struct{ first, second, claim time.Duration }{
	"life":               {30 * time.Second, time.Minute, 9 * time.Second},
	"intrusion":          {90 * time.Second, 3 * time.Minute, 25 * time.Second},
	"not-configured":     {90 * time.Second, 3 * time.Minute, 30 * time.Second},
	"technical-critical": {5 * time.Minute, 10 * time.Minute, time.Minute},
	"technical":          {4 * time.Hour, 24 * time.Hour, 10 * time.Minute},
}

// rushed is how long before the end there is too much at once.
const rushed = 6 * time.Minute

// alarm opens an incident, or folds into the one that is open.
func (c *centre) alarm(s *site, e Event, cause uuid.UUID) {
	group := groupOf(e.Class)
	if i := s.open[group]; i != nil {
		c.fold(i, e)
		return
	}
	fig := figures[group]
	i := &incident{s: s, row: Incident{
		EventID: cause, Site: s.number, ID: ids.Incident(s.number, cause[:]), ClassGroup: group, Class: e.Class, Status: "open",
		Priority: 2, OpenedAt: c.now, DisplayedAt: Never, ClaimedAt: Never, FirstActAt: Never, VerifiedAt: Never, ClosedAt: Never,
		AtRiskAt: c.now.Add(fig.first), MissedAt: c.now.Add(fig.second), LastAlarmAt: c.now, Alarms: 1, Storm: s.state.Storm, Zone: e.Zone, Area: e.Area,
	}}
	s.open[group] = i
	c.write(i)
	c.put(s, cause)
	c.watch(i)
	c.in(c.patience(i), func() { c.claim(i) })
}

// patience is how long nobody takes an incident.
func (c *centre) patience(i *incident) time.Duration {
	d := figures[i.row.ClassGroup].claim
	if c.now.After(c.wave) {
		d = d * 3 / 2
	}
	if c.now.After(c.h.End.Add(-rushed)) {
		d *= 4
	}
	if c.chance(0.008) {
		return c.between(5*time.Minute, 25*time.Minute) // overlooked
	}
	return c.about(d)
}

// fold takes another alarm into an open incident; after a quarter of an hour it
// alerts again, with a new answer clock if it had been answered.
func (c *centre) fold(i *incident, e Event) {
	i.row.Alarms++
	again := c.now.Sub(i.row.LastAlarmAt) > 15*time.Minute
	i.row.LastAlarmAt = c.now
	if e.Class == "intrusion_confirmed" && i.row.Class == "intrusion" {
		i.row.Class, again = e.Class, true
	}
	if again {
		i.row.ReAlerts++
	}
	if again && i.answered() {
		fig := figures[i.row.ClassGroup]
		i.row.AtRiskAt, i.row.MissedAt, i.acted = c.now.Add(fig.first), c.now.Add(fig.second), false
		c.watch(i)
		c.in(c.about(30*time.Second), func() { c.call(i) })
	}
	c.write(i)
}

// watch opens what is detected of an answer that is late.
func (c *centre) watch(i *incident) {
	first, second := i.row.AtRiskAt, i.row.MissedAt
	stands := func() bool { return !i.answered() && i.row.Status != "closed" && i.row.MissedAt.Equal(second) }
	c.at(first, func() {
		if stands() && i.late == nil {
			i.late = c.find(i.s, Detection{Kind: "answer_late", EvidenceCount: 1, Incident: i.row.ID})
			c.put(i.s, uuid.Nil)
		}
	})
	c.at(second, func() {
		if stands() {
			c.end(i.late, "missed")
			i.late = c.find(i.s, Detection{Kind: "answer_missed", EvidenceCount: 1, Incident: i.row.ID})
			c.put(i.s, uuid.Nil)
		}
	})
}

// claim is an operator taking an incident; now and then a second one is told
// that it is taken, and the first gives it back.
func (c *centre) claim(i *incident) {
	if i.row.Status == "closed" || i.row.ClaimedBy != "" || i.overlooked {
		return
	}
	who := c.onShift()
	c.act(who, i.s, "incident_claimed", i.row.ID, "")
	i.row.ClaimedBy, i.row.Status = who, "claimed"
	if i.row.ClaimedAt.Equal(Never) {
		i.row.ClaimedAt = c.now
	}
	c.write(i)
	if c.chance(0.04) {
		c.in(time.Second, func() {
			c.judged(c.onShift(), i.s, "incident_claimed", i.row.ID, "", "refused", "already-claimed")
		})
	}
	switch {
	case !i.row.FirstActAt.Equal(Never):
		c.in(c.about(20*time.Second), func() { c.call(i) })
		c.in(c.about(5*time.Minute), func() { c.finish(i) })
	case c.chance(0.04):
		c.in(c.about(20*time.Second), func() { c.release(i) })
	case i.row.ClassGroup == "technical" && c.chance(0.3):
		c.in(c.about(3*time.Minute), func() { c.finish(i) })
	default:
		c.in(c.about(20*time.Second), func() { c.call(i) })
	}
}

func (c *centre) release(i *incident) {
	if i.row.Status == "closed" {
		return
	}
	c.act(i.row.ClaimedBy, i.s, "incident_released", i.row.ID, "")
	i.row.ClaimedBy, i.row.Status = "", "open"
	c.write(i)
	c.in(c.patience(i), func() { c.claim(i) })
}

// call is the first act: somebody of the site is called.
func (c *centre) call(i *incident) {
	if i.row.Status == "closed" || i.row.ClaimedBy == "" {
		return
	}
	first := i.row.FirstActAt.Equal(Never)
	c.act(i.row.ClaimedBy, i.s, "contact_called", i.row.ID, pick(c, []string{"reached", "reached", "not_reached"}))
	i.acted = true
	if first {
		i.row.FirstActAt = c.now
	}
	c.write(i)
	c.end(i.late, "answered")
	i.late = nil
	switch {
	case !first:
	case i.row.ClassGroup != "life" && c.chance(0.03):
		c.in(c.about(time.Minute), func() { c.park(i) })
	default:
		c.in(c.about(3*time.Minute), func() { c.verify(i) })
	}
}

// park puts an incident off for a quarter of an hour; now and then whoever did
// leaves it to the others.
func (c *centre) park(i *incident) {
	if i.row.Status == "closed" {
		return
	}
	c.act(i.row.ClaimedBy, i.s, "incident_parked", i.row.ID, "")
	i.row.Status = "parked"
	c.write(i)
	if c.chance(0.5) {
		c.in(c.about(time.Minute), func() { c.leaveParked(i) })
		return
	}
	c.in(15*time.Minute, func() { c.verify(i) })
}

// leaveParked gives a parked incident back; when its time is over it alerts
// again, with a new answer clock.
func (c *centre) leaveParked(i *incident) {
	c.act(i.row.ClaimedBy, i.s, "incident_released", i.row.ID, "")
	i.row.ClaimedBy = ""
	c.write(i)
	c.in(14*time.Minute, func() {
		fig := figures[i.row.ClassGroup]
		i.row.Status, i.acted = "open", false
		i.row.AtRiskAt, i.row.MissedAt = c.now.Add(fig.first), c.now.Add(fig.second)
		c.write(i)
		c.watch(i)
		c.in(c.patience(i), func() { c.claim(i) })
	})
}

func (c *centre) verify(i *incident) {
	if i.row.Status == "closed" || i.row.ClaimedBy == "" {
		return
	}
	c.act(i.row.ClaimedBy, i.s, "verification_made", i.row.ID, "negative")
	i.row.Status, i.row.VerifiedAt = "verified", c.now
	c.write(i)
	c.in(c.about(4*time.Minute), func() { c.finish(i) })
}

var outcomes = []string{"user_error", "user_error", "user_error", "technical_fault", "animal_or_weather", "works_or_visit", "attempt", "undetermined"}

func (c *centre) finish(i *incident) {
	if i.row.Status == "closed" || i.row.ClaimedBy == "" {
		return
	}
	i.row.Outcome, i.row.ClosedBy, i.row.Status, i.row.ClosedAt = pick(c, outcomes), i.row.ClaimedBy, "closed", c.now
	cause := c.act(i.row.ClaimedBy, i.s, "incident_closed", i.row.ID, i.row.Outcome)
	c.write(i)
	c.end(i.late, "incident closed")
	delete(i.s.open, i.row.ClassGroup)
	c.put(i.s, cause)
	if c.chance(0.005) {
		c.in(6*time.Hour, func() { c.forget(i) })
	}
}

// forget is the tombstone of an incident, which names it only.
func (c *centre) forget(i *incident) {
	c.h.Incidents = append(c.h.Incidents, Incident{
		Site: i.row.Site, ReceivedAt: c.now, ID: i.row.ID, Deleted: true, OpenedAt: Never, DisplayedAt: Never, ClaimedAt: Never,
		FirstActAt: Never, VerifiedAt: Never, ClosedAt: Never, AtRiskAt: Never, MissedAt: Never, LastAlarmAt: Never,
	})
}

// write writes the incident as it now is.
func (c *centre) write(i *incident) {
	i.row.Version++
	i.row.ReceivedAt = c.now
	c.h.Incidents = append(c.h.Incidents, i.row)
}

// found is a detection that is open.
type found struct {
	s   *site
	row Detection
}

// find opens a detection.
func (c *centre) find(s *site, d Detection) *found {
	d.ID, d.Site, d.ReceivedAt, d.OpenedAt, d.ClosedAt, d.Status = c.id(), s.number, c.now, c.now, Never, "opened"
	f := &found{s, d}
	s.found = append(s.found, f)
	c.h.Detections = append(c.h.Detections, d)
	return f
}

// end closes a detection; none is no detection.
func (c *centre) end(f *found, why string) {
	if f == nil || f.row.Status == "closed" {
		return
	}
	f.row.ReceivedAt, f.row.ClosedAt, f.row.Status, f.row.CloseReason = c.now, c.now, "closed", why
	c.h.Detections = append(c.h.Detections, f.row)
	f.s.found = slices.DeleteFunc(f.s.found, func(other *found) bool { return other == f })
}
