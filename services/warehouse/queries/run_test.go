package queries_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

func TestRunNamesWhatIsWrong(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	good := func(change map[string]string) map[string]string {
		args := map[string]string{"from": "1000", "to": "2000", "bucket_ms": "100"}
		for name, value := range change {
			args[name] = value
			if value == "" {
				delete(args, name)
			}
		}
		return args
	}
	cases := []struct {
		name, query string
		args        map[string]string
		is          error
		says        string
	}{
		{"no such query", "alarms", good(nil), queries.ErrUnknownQuery, `"alarms"`},
		{"a part is no query", "parts/is_alarm", good(nil), queries.ErrUnknownQuery, "parts/is_alarm"},
		{"a path is no query", "../queries/queue_now", good(nil), queries.ErrUnknownQuery, "queue_now"},
		{"no name", "", good(nil), queries.ErrUnknownQuery, `""`},
		{"a parameter is missing", "alarms_by_class", good(map[string]string{"to": ""}), queries.ErrParameter, "to is missing"},
		{"a parameter too many", "alarms_by_class", good(map[string]string{"class": "1"}), queries.ErrParameter, `no parameter "class"`},
		{"no number", "alarms_by_class", good(map[string]string{"from": "now"}), queries.ErrParameter, `from is "now"`},
		{"a fraction", "alarms_by_class", good(map[string]string{"bucket_ms": "0.5"}), queries.ErrParameter, "bucket_ms"},
		{"no width", "alarms_by_class", good(map[string]string{"bucket_ms": "0"}), queries.ErrParameter, "from 1 to"},
		{"a negative time", "alarms_by_class", good(map[string]string{"from": "-5"}), queries.ErrParameter, "from 0 to"},
		{"a time beyond 2100", "queue_now", map[string]string{"to": "9223372036854775807"}, queries.ErrParameter, "to is"},
		{"the wrong way round", "alarms_by_class", good(map[string]string{"from": "3000"}), queries.ErrParameter, "from 3000 is after to 2000"},
		{"too many buckets", "alarms_by_class", good(map[string]string{"to": "4000000000", "bucket_ms": "10"}), queries.ErrParameter, "more than 11000 buckets"},
		{"a limit beyond its type", "incidents_waiting", map[string]string{"to": "1", "limit": "4294967296"}, queries.ErrParameter, "limit"},
		{"no time zone", "answer_attainment_by_hour", map[string]string{"from": "1", "to": "2", "time_zone": "Europe/Atlantis"}, queries.ErrParameter, `time_zone is "Europe/Atlantis"`},
		{"a time zone of this machine", "answer_attainment_by_hour", map[string]string{"from": "1", "to": "2", "time_zone": "Local"}, queries.ErrParameter, "as Europe/Paris"},
		{"SQL as a value", "queue_now", map[string]string{"to": "1) OR (1"}, queries.ErrParameter, "to is"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := queries.Run(context.Background(), db.Conn(), db.Database(), c.query, c.args)
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q as %v", err, c.says, c.is)
			}
		})
	}
	if _, err := queries.Run(context.Background(), db.Conn(), "vigie; DROP", "queue_now", map[string]string{"to": "1"}); err == nil {
		t.Error("any text is taken for the name of a database")
	}
	_, err := queries.Run(context.Background(), db.Conn(), "not_there", "queue_now", map[string]string{"to": "1"})
	if err == nil || !strings.Contains(err.Error(), "queue_now") {
		t.Errorf("%v does not name the query that failed", err)
	}
	h := &seed.History{End: to}
	for i := range 50 {
		h.Events = append(h.Events, seed.Event{ReceivedAt: from, Kind: "alarm_raised", Class: strconv.Itoa(i)})
	}
	many := queries.AlarmsByClass(from, from.Add(10_500*time.Second), time.Second)
	full := loaded(t, h)
	if _, err := queries.Run(context.Background(), full.Conn(), full.Database(), "alarms_by_class", many.Args); !errors.Is(err, queries.ErrTooMuch) {
		t.Errorf("525,000 rows end with %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := queries.Run(ctx, db.Conn(), db.Database(), "queue_now", map[string]string{"to": "1"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a query whose caller has gone ends with %v", err)
	}
}
