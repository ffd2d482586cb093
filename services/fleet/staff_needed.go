package fleet

import (
	"strconv"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Staff needed (trade rule 12): how many the work asks for, against how many are
// present, now and in each of the next four hours.
//
// One pool serves alarms first, then calls. Alarms do not hang up: Erlang C, with the
// load of the alarms alone, since an alarm goes before a call; alarm_share_percent
// (80 %) are to be answered within alarm_within_ms (90 s). Calls do: Erlang A with
// patience_ms (120 s; default, unverified), on the people whom alarms leave free, at
// most 100 − call_share_percent of callers waiting; a caller who waits is held not
// to be answered within call_within_ms, which asks for a little too many. Load is
// arrivals of the last 15 min times handling: measured of alarms once 20 were
// closed, else alarm_handling_ms and call_handling_ms (180 s; default, unverified).
// A coming hour is expected to bring what that hour of the day (UTC) used to bring.
// Never fewer than operators (2) are asked for.
//
// Opens when more are needed now than are present for 5 min on end; updated when
// what is needed changes; closes when enough are present. It is told once shifts
// are. It silences nothing.

const (
	hoursOfDay  = 24
	loadWindow  = 15 * minute
	needFor     = 5 * minute
	hoursAhead  = 4
	fewMeasured = 20
)

// hourly is what an hour of the day used to bring, thousandths of arrivals an hour,
// and what the hour that runs has brought.
type hourly struct {
	alarms, calls uint64
	learnt        uint32
	nowAlarms     uint64
	nowCalls      uint64
	// short is since when fewer than needed are present; of the first hour alone.
	short int64
}

func (j *judging) staffNeeded() {
	j.alarms.forget(j.tick, hour)
	j.learnHour()
	present, _ := j.staff()
	calls := min(j.calls.sum, j.calls.since(j.tick-loadWindow))
	need := j.need(j.alarms.since(j.tick-loadWindow)*4_000, calls*4_000)
	facts := []string{"now-" + strconv.FormatUint(need, 10)}
	at := int(j.tick / hour % hoursOfDay)
	for h := 1; h <= hoursAhead; h++ {
		then := &j.hours[(at+h)%hoursOfDay]
		facts = append(facts, "hour-"+strconv.Itoa(h)+"-"+strconv.FormatUint(j.need(then.alarms, then.calls), 10))
	}
	kind, short := vigiev1.DetectionKind_DETECTION_KIND_STAFF_NEEDED, &j.hours[0].short
	d := j.detection(kind, everything)
	if present >= need || !j.staffed {
		*short = 0
		if d != nil {
			d.count = present
			j.closeDetection(d, closedManned)
		}
		return
	}
	if *short == 0 {
		*short = j.tick
	}
	switch {
	case d == nil && j.tick-*short >= needFor:
		j.openDetection(&detection{groupKey: everything, kind: kind, count: present, of: need, window: needFor, facts: facts})
	case d != nil:
		d.of = need
		j.update(d, present, facts...)
	}
}

// need is the least number of people for arrivals an hour, in thousandths.
func (j *judging) need(alarms, calls uint64) uint64 {
	took := uint64(j.figures.GetAlarmHandlingMs())
	if j.handled.closed >= fewMeasured {
		took = j.handled.ms / j.handled.closed
	}
	alarmLoad := mulDiv(alarms, took, uint64(hour))
	callTook := uint64(j.figures.GetCallHandlingMs())
	callLoad := mulDiv(calls, callTook, uint64(hour))
	free := (alarmLoad + 999) / 1000
	for c := uint64(max(j.figures.GetOperators(), 1)); c < maxServers; c++ {
		if answeredWithin(c, alarmLoad, uint64(j.figures.GetAlarmWithinMs()), took) < uint64(j.figures.GetAlarmSharePercent())*(one/100) {
			continue
		}
		if callLoad == 0 {
			return c
		}
		if c <= free {
			continue
		}
		waits, _ := erlangA(c-free, callLoad, callTook, uint64(j.figures.GetPatienceMs()))
		if one-min(waits, one) >= uint64(j.figures.GetCallSharePercent())*(one/100) {
			return c
		}
	}
	return maxServers
}

// learnHour takes an hour that has passed into what that hour of the day brings.
func (j *judging) learnHour() {
	now := j.tick / hour
	if j.hourAt == 0 {
		j.hourAt = now
	}
	h := &j.hours[j.hourAt%hoursOfDay]
	if now != j.hourAt {
		h.learnt = min(h.learnt+1, minLearnt)
		h.alarms = mean(h.alarms, h.nowAlarms*1000, h.learnt)
		h.calls = mean(h.calls, h.nowCalls*1000, h.learnt)
		h.nowAlarms, h.nowCalls = 0, 0
		j.hourAt = now
		h = &j.hours[now%hoursOfDay]
	}
	h.nowAlarms += j.alarms.since(j.tick - TickMS)
	h.nowCalls += j.calls.since(j.tick - TickMS)
}

func mean(old, fresh uint64, n uint32) uint64 {
	return uint64(int64(old) + (int64(fresh)-int64(old))/int64(n))
}
