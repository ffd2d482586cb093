package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func rows(t *testing.T, db *warehouse.DB, table string) (n uint64) {
	t.Helper()
	if err := db.Conn().QueryRow(context.Background(), "SELECT count() FROM "+db.Database()+"."+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Every table and rollup has rows, a second fill adds none, a larger one older rows
// only, and every query is timed on them.
func TestFillAndTime(t *testing.T) {
	ctx := context.Background()
	local := enginetest.Shared(t)
	db := enginetest.Open(t, local)
	l := life{Sites: 40, PerSiteDay: 50, Seed: 1, End: time.Now().UTC().Truncate(time.Hour)}
	const n = 20_000
	for range 2 {
		if err := l.fill(ctx, db, n); err != nil {
			t.Fatal(err)
		}
		if got := rows(t, db, "events"); got != n {
			t.Fatalf("%d events instead of %d", got, n)
		}
	}
	for _, table := range []string{"outcomes", "site_states", "incidents", "detections", "heartbeats", "heartbeats_by_hour", "heartbeats_by_day", "beats", "rejected", "undecodable", "events_by_minute", "site_months", "incident_days", "detection_days", "alarms", "incident_clocks", "closures"} {
		if rows(t, db, table) == 0 {
			t.Errorf("%s is empty", table)
		}
	}
	var youngest time.Time
	newest := "SELECT max(received_at) FROM " + db.Database() + ".events"
	if err := db.Conn().QueryRow(ctx, newest).Scan(&youngest); err != nil || !youngest.Before(l.End) || l.End.Sub(youngest) > time.Hour {
		t.Errorf("the youngest event is of %s, the end is %s, %v", youngest, l.End, err)
	}
	if err := l.fill(ctx, db, n+1000); err != nil || rows(t, db, "events") != n+1000 {
		t.Errorf("%d events, %v", rows(t, db, "events"), err)
	}
	l.Seed++
	if err := l.fill(ctx, db, 2*n); err == nil || !strings.Contains(err.Error(), "another life") {
		t.Errorf("rows of another seed were mixed in: %v", err)
	}
	var out bytes.Buffer
	u, user, password := local.Endpoint()
	clock := timer{url: u, user: user, password: password, database: db.Database(), runs: 1, end: l.End, pid: local.Pid}
	if err := clock.all(ctx, &out, "", n); err != nil {
		t.Fatal(err)
	}
	for _, name := range queries.Names() {
		if !strings.Contains(out.String(), "\n| "+name+" | ") {
			t.Errorf("%s is not timed", name)
		}
	}
}

func TestFlagsSayWhatIsWrong(t *testing.T) {
	for _, args := range [][]string{{}, {"-data", "d", "-url", "u"}, {"-data", "d", "-rows", "5"}, {"-data", "d", "-rows", "2000,1000"}, {"-data", "d", "-end", "today"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}
