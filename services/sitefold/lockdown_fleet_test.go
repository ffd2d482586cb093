package sitefold

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// What many sites show together in the lockdown. Two partitions tell what they counted
// each 5 s; an event counts in the tick that ends with it or after it, a timer that
// fires with a beat in the next one. No own rate is high: at most one call in 15 min,
// and less than one alarm in 10 min by Wednesday, so that the least number or the share
// decides. Every figure below is derived there; shares of those who wait were taken
// from the formulas of Erlang in floating point, not from package fleet.

var (
	dayShift   = names("day", 10)
	nightShift = names("night", 5)
)

func names(shift string, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("%s-%d", shift, i))
	}
	return list
}

// shifts: ten from 07:00 to 19:00, five at night; from Wednesday 07:00 on six and three
// (40 % are away). In the last night one goes home ill at 01:00, and one of the two
// that are left takes a break from 03:00 to 03:15.
func (h *history) shifts() {
	start := &vigiev1.Event_ShiftStarted{ShiftStarted: &vigiev1.ShiftStarted{Place: "station"}}
	end := &vigiev1.Event_ShiftEnded{ShiftEnded: &vigiev1.ShiftEnded{}}
	for _, name := range nightShift {
		h.operator(minute, 0, name, &vigiev1.Event{Body: start})
	}
	for d := range int64(5) {
		was, days, nights := 5, 10, 5
		if d >= 2 {
			days, nights = 6, 3
		}
		if d > 2 {
			was = 3
		}
		if d == 4 {
			was = 2
		}
		for _, name := range nightShift[:was] {
			h.operator(d*day+7*hour, 0, name, &vigiev1.Event{Body: end})
		}
		for _, name := range dayShift[:days] {
			h.operator(d*day+7*hour, 0, name, &vigiev1.Event{Body: start})
			h.operator(d*day+19*hour, 0, name, &vigiev1.Event{Body: end})
		}
		for _, name := range nightShift[:nights] {
			h.operator(d*day+19*hour, 0, name, &vigiev1.Event{Body: start})
		}
	}
	h.operator(friday+hour, 0, nightShift[2], &vigiev1.Event{Body: end})
	for _, ended := range []bool{false, true} {
		at := friday + 3*hour
		if ended {
			at += 15 * minute
		}
		h.operator(at, 0, nightShift[1], &vigiev1.Event{Body: &vigiev1.Event_BreakTaken{BreakTaken: &vigiev1.BreakTaken{Ended: ended}}})
	}
}

// calls: one each quarter of an hour from 09:00 to 17:45; on Wednesday from 09:30 to
// 11:29:45 one each 15 s more, of which every fourth hangs up after a minute. The others
// are answered after 10 s and last 3 min.
func (h *history) calls() {
	for d := range int64(5) {
		for i := range int64(36) {
			h.call(d*day+9*hour+i*15*minute, true)
		}
	}
	for i := range int64(480) {
		h.call(wednesday+9*hour+30*minute+i*15*second, i%4 != 3)
	}
}

func (h *history) call(at int64, answered bool) {
	name := dayShift[0]
	call := fmt.Sprint("c-", h.n)
	step := func(after int64, s vigiev1.CallStep_Step) {
		h.operator(at+after, 0, name, &vigiev1.Event{Body: &vigiev1.Event_CallStep{CallStep: &vigiev1.CallStep{Call: call, Step: s}}})
	}
	step(0, vigiev1.CallStep_STEP_OFFERED)
	if !answered {
		step(minute, vigiev1.CallStep_STEP_ABANDONED)
		return
	}
	step(10*second, vigiev1.CallStep_STEP_ANSWERED)
	step(190*second, vigiev1.CallStep_STEP_ENDED)
}

// mainsFail: on Thursday from 20:00 to 20:10 at the homes 3,001 to 3,030, region 4.
// A site's own mains fault waits for 15 min.
func (h *history) mainsFail() {
	for site := uint64(3_001); site <= 3_030; site++ {
		s := signal(vigiev1.EventClass_EVENT_CLASS_MAINS, "")
		h.panel(thursday+20*hour, site, &vigiev1.Event{Body: &vigiev1.Event_FaultRaised{FaultRaised: &vigiev1.FaultRaised{Signal: s}}})
		h.panel(thursday+20*hour+10*minute, site, &vigiev1.Event{Body: &vigiev1.Event_FaultRestored{FaultRestored: &vigiev1.FaultRestored{Signal: s}}})
	}
}

// silentSite: the main carrier's 250 sites from 02:00 to 04:00 on Thursday; five of
// them (site mod 1,000 = 0) until 06:00.
func silentSite(site uint64, at int64) bool {
	back := carrierBack
	if site%1_000 == 0 {
		back += 2 * hour
	}
	return throughMainCarrier(site) && at >= carrierFails && at < back
}

// fleetRows is what the fleet says, but for updates.
var fleetRows = []string{
	// 2,000 closures begin as Wednesday does, by a timer, in the regions 1 and 2; an hour
	// later none is in the window.
	"Wed 00:00:05 opened closure-wave: 2000 of 5000",
	"Wed 00:00:05 opened closure-wave region/1: 1000 of 1000",
	"Wed 00:00:05 opened closure-wave region/2: 1000 of 1000",
	"Wed 01:00:05 closed closure-wave",
	"Wed 01:00:05 closed closure-wave region/1",
	"Wed 01:00:05 closed closure-wave region/2",
	// The 50 incidents of closed-not-protected at 00:30 need five at 60 s each (Erlang C:
	// 76 % of them within 90 s by four, 97 % by five), and five are there.

	// All 200 requests come at 09:00 and leave the window a day later.
	"Wed 09:00:00 opened onboarding-surge: 200 of 0",
	"Thu 09:00:00 closed onboarding-surge",

	// The ninth of the surge and the one of 09:30 are ten in 15 min. Of the last, those of
	// 11:29:15 to 11:29:45 and the one of 11:30 are left at 11:44:00: fewer than five.
	"Wed 09:32:00 opened call-surge: 10 of 0",
	"Wed 11:44:00 closed call-surge",
	// 19 calls in 15 min at 3 min each are 3.8 Erlang, of whom at six 17 % wait (Erlang A,
	// patience 2 min), 20 calls 20.2 %: too few are there from the 19th of the surge, at
	// 09:34:30, on, and five minutes later it is told. By then the 39 of the surge and the
	// one of 09:30 are 8 Erlang: of whom 26 % wait at ten, 17 % at eleven. When those of
	// 11:25:30 to 11:29:45 and of 11:30 are left, 19, six are enough.
	"Wed 09:39:30 opened staff-needed: 6 of 11",
	"Wed 11:40:15 closed staff-needed",

	// The 300 that nobody declared, of region 3, count as closed 24 h after their arming:
	// site 2,001 + i at 19:00 + (245,919 + 7,919 i) mod 1,200,000 ms. The 30th (3 % of the
	// region) is at 118,672 ms, the 150th (3 % of all) at 605,962 ms, the tenth last at
	// 1,164,523 ms, which leaves the window at 20:19:30. (That of tick 19:10:10 is the
	// 150th: the next two come at 610,193 and 613,881 ms.)
	"Wed 19:02:05 opened closure-wave region/3: 30 of 1000",
	"Wed 19:10:10 opened closure-wave: 150 of 5000",
	"Wed 20:19:30 closed closure-wave",
	"Wed 20:19:30 closed closure-wave region/3",

	// The twenty shops are ten of region 1 and ten of region 2, of one carrier, one line
	// and one installer. 9 alarms come by 22:01, 18 by 22:02, the 20th at 22:02:05; in
	// region 2, 8 each minute from 22:10, the 20th at 22:12:15. When the alarms of 22:18:30
	// leave the window nine are left, in region 1 those of 22:08:30.
	"Wed 22:02:05 opened group-alarm-storm carrier/terra: 20 of 4750",
	"Wed 22:02:05 opened group-alarm-storm installer/0: 20 of 500",
	"Wed 22:02:05 opened group-alarm-storm line/0: 20 of 5000",
	"Wed 22:02:05 opened group-alarm-storm region/1: 20 of 1000",
	"Wed 22:12:15 opened group-alarm-storm region/2: 20 of 1000",
	"Wed 22:18:30 closed group-alarm-storm region/1",
	"Wed 22:28:30 closed group-alarm-storm carrier/terra",
	"Wed 22:28:30 closed group-alarm-storm installer/0",
	"Wed 22:28:30 closed group-alarm-storm line/0",
	"Wed 22:28:30 closed group-alarm-storm region/2",
	// The third hold-up is late 30 s after 22:02:40 and answered by the call at 22:03:30;
	// one of the three has something in hand.
	"Wed 22:03:15 opened overload: 1 of 3",
	"Wed 22:03:30 closed overload",
	// One person claims hold-ups at 22:00:50, 22:01:50, 22:03:25 and an incident each full
	// minute from 22:01 to 22:12: the eleventh at 22:08; at 22:18 four are left.
	"Wed 22:08:00 opened alarm-flood person/night-0: 11 of 0",
	"Wed 22:18:00 closed alarm-flood person/night-0",

	// The carrier's site 20 (m + 1) polls 360 + 720 m ms into each 180 s; of the beat at
	// 02:00 nothing comes any more, so that m = 247, 248, 249 fall silent with the beat at
	// 01:57, the others with those after it. They are lost 1 h 3 min later, and a loss at a
	// beat is told with the next tick: by 5 s after 03:00 it is 6, by 10 s 13, by 15 s 20.
	// All sites of the carrier are of installer 0 and in every region; the carrier explains
	// them. From 04:00 on they poll again but five: with the tick of 04:02:45 m up to 228,
	// so that 250 - 227 are lost, no more than a tenth of them all (at 04:02:40 it is 30).
	"Thu 03:00:15 opened mass-communication-loss carrier/orbit: 20 of 250",
	"Thu 04:02:45 closed mass-communication-loss carrier/orbit",

	// Our own receiver is silent from 12:00 to 12:40: the log shows it with the first beat
	// after, and its panels have 5 min to be heard. No site is called lost.
	"Thu 12:40:00 opened receivers-silent receiver/g: 5000 of 5000",
	"Thu 12:45:00 closed receivers-silent receiver/g",

	"Thu 20:00:00 opened mass-mains-loss region/4: 30 of 1000",
	"Thu 20:10:00 closed mass-mains-loss region/4",

	// One present is too few at once, and less than the two that are always needed.
	"Fri 03:00:00 opened under-staffed-shift: 1 of 2",
	"Fri 03:05:00 opened staff-needed: 1 of 2",
	"Fri 03:15:00 closed staff-needed",
	"Fri 03:15:00 closed under-staffed-shift",
}

func (c *centre) expectFleet() {
	days := []string{"Mon", "Tue", "Wed", "Thu", "Fri"}
	inOrder := func(rows []string) []string {
		rows = slices.Clone(rows)
		slices.SortFunc(rows, func(a, b string) int {
			if d := slices.Index(days, a[:3]) - slices.Index(days, b[:3]); d != 0 {
				return d
			}
			return strings.Compare(a, b)
		})
		return rows
	}
	got, want := inOrder(c.rows), inOrder(fleetRows)
	for _, row := range got {
		if !slices.Contains(want, row) {
			c.t.Errorf("the fleet says %q", row)
		}
	}
	for _, row := range want {
		if !slices.Contains(got, row) {
			c.t.Errorf("the fleet does not say %q", row)
		}
	}
	if len(got) != len(want) {
		c.t.Errorf("the fleet says %d things, want %d", len(got), len(want))
	}
}

// Our outage is told from the last beat before it to the first after.
func (c *centre) expectOurOutage() {
	for _, d := range c.ours {
		if last := monday + receiverFails - beatEvery; d.GetLastHeardMs() != last || d.GetWindowMs() != monday+receiverOK-last {
			c.t.Errorf("our outage is %v, it was from %d", d, last)
		}
	}
}

// Of 250 lost sites the five of high risk open their incidents at once and are never
// taken; the mass has one for all; and five are given back, because they are still
// silent one interval (3 min) and 5 min after it ended.
func (c *centre) expectIncidentsOfLosses() {
	want := map[uint64]int64{ids.GroupSite("carrier", mainCarrier): 0}
	for site := uint64(20); site <= fleetSites; site += 20 {
		switch {
		case highRisk(site):
			want[site] = 0
		case site%1_000 == 0:
			want[site] = thursday + 4*hour + 10*minute + 45*second
		}
	}
	for site, opened := range want {
		inc := c.losses[site]
		if inc == nil || opened != 0 && inc.GetOpenedAtMs() != monday+opened {
			c.t.Errorf("site %d: the incident of its loss is %v", site, inc)
		}
	}
	if len(c.losses) != len(want) || len(want) != 11 {
		c.t.Errorf("%d sites have incidents of a loss, want %d", len(c.losses), len(want))
	}
}
