package queries_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/dashboards/seed/expect"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// What the table alarms holds is what parts/is_alarm.sql says of events, whatever their
// kind and class; so a change of the one without a migration of the other is seen.
func TestAlarmsAreThoseOfTheRule(t *testing.T) {
	ctx := context.Background()
	db := enginetest.Open(t, enginetest.Shared(t))
	var kinds, classes []string
	var restored []bool
	for _, kind := range []string{"alarm_raised", "alarm_restored", "fault_raised", "fault_restored", "tamper", "data_received", "disarmed", "incident_closed"} {
		for _, class := range []string{"", "intrusion", "fire", "test", "information", "tamper", "mains", "jamming", "hold_up", "duress", "sprinkler", "medical", "lone_worker", "gas", "substitution", "technical_critical"} {
			for _, r := range []bool{false, true} {
				kinds, classes, restored = append(kinds, kind), append(classes, class), append(restored, r)
			}
		}
	}
	at, offsets := make([]time.Time, len(kinds)), make([]uint64, len(kinds))
	for i := range kinds {
		at[i], offsets[i] = from, uint64(i)
	}
	insert(t, db, "events", col("kafka_offset", "UInt64", offsets), col("event_id", "UUID", each(kinds, func(string) uuid.UUID { return uuid.New() })), col("received_at", typeTime, at),
		col("kind", "LowCardinality(String)", kinds), col("class", "LowCardinality(String)", classes), col("restored", "Bool", restored))
	rule := queries.Part("is_alarm")
	class := queries.Part("alarm_class")
	list := func(what string) (text string) {
		t.Helper()
		sql := "SELECT arrayStringConcat(groupArray(x), ' ') FROM (SELECT concat(toString(kafka_offset), '=', " + what + " ORDER BY kafka_offset)"
		if err := db.Conn().QueryRow(ctx, strings.ReplaceAll(sql, "{db}", db.Database())).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	want := list(class + ") AS x FROM {db}.events WHERE " + rule)
	got := list("class) AS x FROM {db}.alarms FINAL")
	if got != want || strings.Count(want, "=") < 30 {
		t.Errorf("the table has\n%s\nthe rule\n%s", got, want)
	}
}

// A migration may add to the rollups what a writer adds at the same time: no answer
// counts it twice.
func TestWhatIsAddedTwiceCountsOnce(t *testing.T) {
	h := seed.New(5, weekEnd, 3*24*time.Hour, 80)
	db := seeded(t, h)
	ask := func() (all string) {
		for _, c := range []struct {
			name string
			args map[string]string
		}{
			{"alarms_by_class", queries.AlarmsByClass(h.Start, weekEnd, time.Hour).Args}, {"closed_share", queries.ClosedShare(h.Start, weekEnd).Args},
			{"incidents_flow", queries.IncidentsFlow(h.Start, weekEnd, time.Hour).Args}, {"answer_attainment", queries.AnswerAttainment(h.Start, weekEnd).Args},
			{"closed_sites_over_time", queries.ClosedSitesOverTime(h.Start, weekEnd, time.Hour).Args},
		} {
			table, err := queries.Run(context.Background(), db.Conn(), db.Database(), c.name, c.args)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(table)
			if err != nil {
				t.Fatal(err)
			}
			all += string(text)
		}
		return all
	}
	before := ask()
	again := 0
	for _, sql := range migrationInserts(t) {
		again++
		if err := db.Conn().Exec(context.Background(), strings.ReplaceAll(sql, "{db}", db.Database())); err != nil {
			t.Fatal(err)
		}
	}
	if after := ask(); after != before || again < 5 {
		t.Errorf("%d fills again change the answers", again)
	}
}

// migrationInserts are the statements by which migrations fill rollups.
func migrationInserts(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob("../migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for statement := range strings.SplitSeq(string(text), ";\n") {
			if strings.HasPrefix(strings.TrimSpace(statement), "INSERT INTO ") {
				all = append(all, statement)
			}
		}
	}
	return all
}

// Lives of incidents that are not just waiting, held, closed; each as the plain loop
// has it, over ranges that begin and end in the midst of them.
func TestIncidentsThatWaitInOddWays(t *testing.T) {
	first := map[string]time.Time{} // a clock that was reached stays
	version := func(id, class, status, by string, at int) seed.Incident {
		if _, known := first[id]; by != "" && !known {
			first[id] = sec(at)
		}
		v := seed.Incident{ID: id, Class: class, Status: status, ClaimedBy: by, OpenedAt: sec(-300), ReceivedAt: sec(at), AtRiskAt: sec(60), MissedAt: sec(150), ClaimedAt: first[id], FirstActAt: first[id]}
		if status == "closed" {
			v.ClosedAt = sec(at)
		}
		return v
	}
	forgotten := seed.Incident{ID: "f", ReceivedAt: sec(130), Deleted: true}
	h := &seed.History{End: to, Incidents: []seed.Incident{
		version("a", "fire", "open", "", -300), version("a", "fire", "claimed", "x", 20), version("a", "fire", "open", "", 40), version("a", "fire", "claimed", "y", 200), version("a", "fire", "closed", "y", 230),
		version("b", "fire", "open", "", -300),
		version("c", "gas", "open", "", -300), version("c", "gas", "claimed", "x", -50), version("c", "gas", "open", "", 100),
		version("d", "gas", "open", "", 5), version("d", "gas", "claimed", "x", 5),
		version("e", "gas", "claimed", "x", 30),
		version("f", "fire", "open", "", -300), forgotten,
		version("g", "intrusion", "open", "", -300), version("g", "fire", "open", "", 80), version("g", "fire", "claimed", "x", 90), version("g", "gas", "closed", "x", 599),
		version("h", "fire", "open", "", -300), version("h", "fire", "claimed", "a", -200), version("h", "fire", "parked", "", -100), version("h", "fire", "open", "", 300),
		version("i", "gas", "open", "", -300), version("i", "gas", "closed", "", 600),
	}}
	// Opened days before: given back and waiting ever since, held ever since, given back in the range.
	for _, v := range []seed.Incident{
		version("j", "fire", "open", "", -300), version("j", "fire", "claimed", "x", -250), version("j", "fire", "open", "", -200),
		version("k", "gas", "open", "", -300), version("k", "gas", "claimed", "x", -250),
		version("l", "gas", "open", "", -300), version("l", "gas", "claimed", "x", -250), version("l", "gas", "open", "", 250), version("l", "gas", "closed", "y", 400),
	} {
		v.OpenedAt = v.OpenedAt.AddDate(0, 0, -3)
		if v.ReceivedAt.Before(from) {
			v.ReceivedAt = v.ReceivedAt.AddDate(0, 0, -2)
		}
		h.Incidents = append(h.Incidents, v)
	}
	db := loaded(t, h)
	for _, a := range []expect.Args{
		{From: from, To: to, Bucket: time.Minute}, {From: sec(-300), To: to, Bucket: 7 * time.Second}, {From: sec(-301), To: sec(90), Bucket: 11 * time.Minute},
		{From: sec(30), To: sec(100), Bucket: time.Second}, {From: sec(590), To: sec(601), Bucket: 100 * time.Millisecond}, {From: sec(5), To: sec(5), Bucket: time.Second},
	} {
		for _, name := range []string{"incidents_flow", "answer_attainment", "answer_quantiles", "incident_steps", "staffing", "incidents_waiting"} {
			a.Limit = 100
			answers(t, t, db, h, name, a)
		}
	}
}

// An alarm in the same hour as the range's end but not in it, and those at its ends;
// in the hour that a change of the clocks makes twice, and the one that it leaves out.
func TestAlarmsAtTheEndsOfHours(t *testing.T) {
	alarm := func(at time.Time) seed.Event {
		return seed.Event{Site: 1, ReceivedAt: at, Kind: "alarm_raised", Class: "fire", Origin: "panel"}
	}
	back, ahead := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)
	h := &seed.History{End: to}
	for _, at := range []time.Time{from, back, ahead} {
		for _, d := range []time.Duration{-time.Hour, -time.Millisecond, 0, time.Minute, 30*time.Minute - time.Millisecond, 30 * time.Minute, time.Hour - time.Millisecond, time.Hour, 2 * time.Hour} {
			h.Events = append(h.Events, alarm(at.Add(d)))
		}
	}
	// It came into the log late: its offset is behind those of younger ones.
	h.Events = append(h.Events, alarm(ahead.Add(time.Second)))
	h.SiteStates = []seed.SiteState{{Site: 1, ReceivedAt: back.Add(-time.Hour), Closure: "declared", Groups: []string{"before"}}, {Site: 1, ReceivedAt: from.Add(20 * time.Minute), Closure: "none", Groups: []string{"after"}}}
	db := loaded(t, h)
	for _, at := range []time.Time{from, back, ahead} {
		for _, r := range [][2]time.Duration{{0, time.Hour}, {0, 30 * time.Minute}, {time.Millisecond, time.Hour - time.Millisecond}, {-time.Hour, 3 * time.Hour}, {10 * time.Minute, 20 * time.Minute}} {
			a := expect.Args{From: at.Add(r[0]), To: at.Add(r[1]), Bucket: 20 * time.Minute, Limit: 1}
			for _, name := range []string{"alarms_by_class", "alarms_closed_against_others", "closed_share", "closed_groups", "alarm_floods"} {
				answers(t, t, db, h, name, a)
			}
		}
	}
}
