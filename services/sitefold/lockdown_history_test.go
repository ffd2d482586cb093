package sitefold

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// The lockdown history: 5,000 sites from Monday to Friday. Monday is a normal day;
// on Tuesday evening most shops are closed by order; what follows is in
// lockdown_test.go (sites) and lockdown_fleet_test.go (people, calls, a carrier, the
// mains), beside what must come of it. All of it follows from the numbers of the
// sites, so it is the same each time.

const (
	shops, homes, larges = 3_000, 1_500, 500
	fleetSites           = shops + homes + larges
	second               = int64(1_000)
	minute               = 60 * second
	hour                 = 60 * minute
	day                  = 24 * hour
	// monday is 16 March 2020, 00:00 in Paris.
	monday                                     = int64(1_584_313_200_000)
	tuesday, wednesday, thursday, friday, ends = day, 2 * day, 3 * day, 4 * day, 5 * day
	// beatEvery is half a tick: what falls into which tick can be told by hand.
	beatEvery                 = 2_500
	pollEvery                 = 180 * second
	pollApart                 = 360 // of the 500 panels that poll
	mainCarrier, otherCarrier = "orbit", "terra"
)

// Outages: of a carrier, and of our own receiver.
const (
	carrierFails, carrierBack = thursday + 2*hour, thursday + 4*hour
	receiverFails, receiverOK = thursday + 12*hour, thursday + 12*hour + 40*minute
)

// deed is one event to be written at an instant after monday.
type deed struct {
	at int64
	ev *vigiev1.Event
}

// history is what happens, in no order until it is written.
type history struct {
	deeds []deed
	n     uint64
}

// lockdown is the whole history.
func lockdown() *history {
	h := &history{}
	h.declareFleet()
	h.normalLife()
	h.isolatedAlarms()
	h.closureOrders()
	h.storms()
	h.openings()
	h.onboarding()
	h.reopening()
	h.shifts()
	h.calls()
	h.mainsFail()
	slices.SortStableFunc(h.deeds, func(a, b deed) int { return cmp.Compare(a.at, b.at) })
	return h
}

// do plans an event; it returns its id, by which an incident of it is named.
func (h *history) do(at int64, site uint64, ev *vigiev1.Event) []byte {
	h.n++
	id := make([]byte, 16)
	binary.BigEndian.PutUint64(id, h.n)
	ev.Id, ev.Site, ev.ReceivedAtMs = id, site, monday+at
	h.deeds = append(h.deeds, deed{at, ev})
	return id
}

// panel plans what a panel sends; during our own outage nothing comes in.
func (h *history) panel(at int64, site uint64, ev *vigiev1.Event) []byte {
	id := h.do(at, site, ev)
	ev.Fingerprint = id
	ev.Source = &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{Receiver: "r", Account: fmt.Sprint(site), Path: 1, Token: "SIA-DCS"}}}
	return id
}

func (h *history) person(at int64, site uint64, ev *vigiev1.Event) {
	h.operator(at, site, "office", ev)
}

func (h *history) operator(at int64, site uint64, name string, ev *vigiev1.Event) {
	h.do(at, site, ev)
	ev.Source = &vigiev1.Source{Origin: &vigiev1.Source_User{User: &vigiev1.UserSource{User: name, Role: "operator"}}}
}

func signal(class vigiev1.EventClass, zone string) *vigiev1.Signal {
	return &vigiev1.Signal{Format: "SIA", Code: "BA", Class: class, Area: "1", Zone: zone}
}

func (h *history) alarm(at int64, site uint64, class vigiev1.EventClass, zone string) (incident string) {
	id := h.panel(at, site, &vigiev1.Event{Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: signal(class, zone)}}})
	return ids.Incident(site, id)
}

func (h *history) restore(at int64, site uint64, class vigiev1.EventClass, zone string) {
	h.panel(at, site, &vigiev1.Event{Body: &vigiev1.Event_AlarmRestored{AlarmRestored: &vigiev1.AlarmRestored{Signal: signal(class, zone)}}})
}

func (h *history) arm(at int64, site uint64) {
	h.panel(at, site, &vigiev1.Event{Body: &vigiev1.Event_Armed{Armed: &vigiev1.Armed{Mode: vigiev1.AreaMode_AREA_MODE_ARMED_FULL, Signal: &vigiev1.Signal{Area: "1", User: "3"}}}})
}

func (h *history) disarm(at int64, site uint64) []byte {
	return h.panel(at, site, &vigiev1.Event{Body: &vigiev1.Event_Disarmed{Disarmed: &vigiev1.Disarmed{Signal: &vigiev1.Signal{Area: "1", User: "3"}}}})
}

// answer claims an incident and calls, which is what answers it.
func (h *history) answer(at int64, site uint64, name, incident string) {
	h.operator(at, site, name, &vigiev1.Event{Body: &vigiev1.Event_IncidentClaimed{IncidentClaimed: &vigiev1.IncidentClaimed{Incident: incident}}})
	h.operator(at+5*second, site, name, &vigiev1.Event{Body: &vigiev1.Event_ContactCalled{ContactCalled: &vigiev1.ContactCalled{Incident: incident, Contact: "1", Result: vigiev1.ContactCalled_RESULT_REACHED}}})
}

func (h *history) close(at int64, site uint64, name, incident string) {
	h.operator(at, site, name, &vigiev1.Event{Body: &vigiev1.Event_IncidentClosed{IncidentClosed: &vigiev1.IncidentClosed{
		Incident: incident, Outcome: vigiev1.IncidentOutcome_INCIDENT_OUTCOME_USER_ERROR, ReasonGiven: true,
	}}})
}

// spread puts a site somewhere into a window, always at the same place.
func spread(site uint64, window int64) int64 { return int64(site*7_919) % window }

func isShop(site uint64) bool { return site <= shops }

// polling sites poll each 180 s, half of them through the carrier that fails; the
// others send a cyclic test a day.
func polling(site uint64) bool { return site%10 == 0 }

func throughMainCarrier(site uint64) bool { return site%20 == 0 }

// highRisk are five of the sites of the carrier that fails.
func highRisk(site uint64) bool { return site > 4_500 && site%100 == 80 }

func classOf(site uint64) string {
	switch {
	case isShop(site):
		return "shop"
	case site <= shops+homes:
		return "home"
	}
	return "large"
}

func (h *history) declareFleet() {
	hours := &vigiev1.ScheduleSet{}
	for weekday := uint32(1); weekday <= 6; weekday++ {
		hours.Hours = append(hours.Hours, &vigiev1.OpeningHours{Weekday: weekday, OpenMinute: 8*60 + 30, CloseMinute: 19 * 60})
	}
	for site := uint64(1); site <= fleetSites; site++ {
		h.declare(spread(site, 50*minute), site)
		if classOf(site) != "home" {
			h.person(51*minute, site, &vigiev1.Event{Body: &vigiev1.Event_ScheduleSet{ScheduleSet: hours}})
		}
		h.arm(52*minute+spread(site, minute), site)
	}
}

func (h *history) declare(at int64, site uint64) {
	d := &vigiev1.SiteDeclared{
		SiteClass: classOf(site), TimeZone: "Europe/Paris", Areas: []string{"1"}, Groups: []string{fmt.Sprintf("chain-%02d", site%20)},
		Carrier: otherCarrier, Region: fmt.Sprint((site-1)/1_000 + 1), Installer: fmt.Sprint(site % 10),
	}
	if highRisk(site) {
		d.Risk = "high"
	}
	interval := day
	if polling(site) {
		interval = pollEvery
	}
	if throughMainCarrier(site) {
		d.Carrier = mainCarrier
	}
	d.Paths = []*vigiev1.PathDeclared{{Path: 1, IntervalMs: interval, ReceiverGroup: "g"}}
	for zone := range 8 {
		d.Zones = append(d.Zones, &vigiev1.ZoneDeclared{Zone: fmt.Sprint(zone + 1), Area: "1", Technology: "infrared"})
	}
	h.person(at, site, &vigiev1.Event{Body: &vigiev1.Event_SiteDeclared{SiteDeclared: d}})
	h.person(at, site, &vigiev1.Event{Body: &vigiev1.Event_ContactsSet{ContactsSet: &vigiev1.ContactsSet{Elsewhere: 2}}})
}

// normalLife is opening and closing in time, and a cyclic test each 23 h.
func (h *history) normalLife() {
	for site := uint64(1); site <= fleetSites; site++ {
		for d := range int64(5) {
			if opens(site, d) {
				h.disarm(d*day+8*hour+10*minute+spread(site, 15*minute), site)
			}
			if opens(site, d) && closes(site, d) {
				h.arm(d*day+19*hour+spread(site, 20*minute), site)
			}
		}
		for at := hour + spread(site, 10*hour); !polling(site) && at < ends; at += 23 * hour {
			if at < receiverFails || at >= receiverOK { // a panel tries again until it is heard
				h.panel(at, site, &vigiev1.Event{Body: &vigiev1.Event_TestReceived{TestReceived: &vigiev1.TestReceived{Signal: signal(vigiev1.EventClass_EVENT_CLASS_TEST, "")}}})
			} else {
				h.panel(receiverOK+spread(site, minute), site, &vigiev1.Event{Body: &vigiev1.Event_TestReceived{TestReceived: &vigiev1.TestReceived{Signal: signal(vigiev1.EventClass_EVENT_CLASS_TEST, "")}}})
			}
		}
	}
}

// opens: all do on Monday and Tuesday. From Wednesday on homes stay open, shops that
// are closed do not open, and of those that reopen on Friday most do.
func opens(site uint64, d int64) bool {
	switch {
	case d < 2:
		return true
	case classOf(site) == "home":
		return false
	case orderedClosed(site):
		return d == 4 && site <= 1_000
	}
	return !closedUnsaid(site)
}

// closes: all do, but 50 of the shops that are ordered to close on Tuesday evening.
func closes(site uint64, d int64) bool { return d != 1 || !leftOpen(site) }

func orderedClosed(site uint64) bool { return site <= 2_000 }

func closedUnsaid(site uint64) bool { return site > 2_000 && site <= 2_300 }

func leftOpen(site uint64) bool { return orderedClosed(site) && site%40 == 0 }
