package queries_test

import (
	"cmp"
	"context"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed/expect"
	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// typed is a query's Go function, whatever its rows are.
type typed struct {
	query queries.Query
	args  map[string]string
	row   reflect.Type
	// ask gives a slice of rows.
	ask func(*testing.T, *warehouse.DB) any
}

func wrap[T any](call queries.Call[T]) typed {
	return typed{call.Query, call.Args, reflect.TypeFor[T](), func(t *testing.T, db *warehouse.DB) any { return ask(t, db, call) }}
}

// registry is every query's Go function.
var registry = map[string]func(expect.Args) typed{
	"accepted_events":   func(a expect.Args) typed { return wrap(queries.AcceptedEvents(a.From, a.To)) },
	"alarms_by_class":   func(a expect.Args) typed { return wrap(queries.AlarmsByClass(a.From, a.To, a.Bucket)) },
	"answer_attainment": func(a expect.Args) typed { return wrap(queries.AnswerAttainment(a.From, a.To)) },
	"answer_attainment_by_group": func(a expect.Args) typed {
		return wrap(queries.AnswerAttainmentByGroup(a.From, a.To))
	},
	"answer_quantiles":  func(a expect.Args) typed { return wrap(queries.AnswerQuantilesByClass(a.From, a.To)) },
	"incident_outcomes": func(a expect.Args) typed { return wrap(queries.IncidentOutcomes(a.From, a.To)) },
	"communication_availability": func(a expect.Args) typed {
		return wrap(queries.CommunicationAvailability(a.From, a.To))
	},
	"calls_answered":        func(a expect.Args) typed { return wrap(queries.CallsAnswered(a.From, a.To)) },
	"answer_times_by_class": func(a expect.Args) typed { return wrap(queries.AnswerTimesByClass(a.From, a.To)) },
	"alarms_closed_against_others": func(a expect.Args) typed {
		return wrap(queries.AlarmsClosedAgainstOthers(a.From, a.To, a.Bucket))
	},
	"closed_groups":            func(a expect.Args) typed { return wrap(queries.ClosedGroups(a.From, a.To)) },
	"closed_share":             func(a expect.Args) typed { return wrap(queries.ClosedShare(a.From, a.To)) },
	"closed_sites_over_time":   func(a expect.Args) typed { return wrap(queries.ClosedSitesOverTime(a.From, a.To, a.Bucket)) },
	"data_freshness":           func(a expect.Args) typed { return wrap(queries.DataFreshness(a.To)) },
	"detections_over_time":     func(a expect.Args) typed { return wrap(queries.DetectionsOverTime(a.From, a.To, a.Bucket)) },
	"incidents_flow":           func(a expect.Args) typed { return wrap(queries.IncidentsFlow(a.From, a.To, a.Bucket)) },
	"incidents_waiting":        func(a expect.Args) typed { return wrap(queries.IncidentsWaiting(a.To, uint32(a.Limit))) },
	"load_against_usual":       func(a expect.Args) typed { return wrap(queries.LoadAgainstUsual(a.To, a.Window)) },
	"open_detections":          func(expect.Args) typed { return wrap(queries.OpenDetections()) },
	"open_detections_by_kind":  func(a expect.Args) typed { return wrap(queries.OpenDetectionsByKind(a.To)) },
	"openings_at_closed_sites": func(a expect.Args) typed { return wrap(queries.OpeningsAtClosedSites(a.From, a.To)) },
	"operators_active":         func(a expect.Args) typed { return wrap(queries.OperatorsActive(a.To, a.Window)) },
	"pipeline_counts":          func(a expect.Args) typed { return wrap(queries.PipelineCounts(a.From, a.To)) },
	"pipeline_flow":            func(a expect.Args) typed { return wrap(queries.PipelineFlow(a.From, a.To, a.Bucket)) },
	"queue_now":                func(a expect.Args) typed { return wrap(queries.QueueNow(a.To)) },
	"sites_closed_around_the_clock": func(a expect.Args) typed {
		return wrap(queries.SitesClosedAroundTheClock(a.To))
	},
	"incident_steps":    func(a expect.Args) typed { return wrap(queries.IncidentSteps(a.From, a.To)) },
	"false_alarms":      func(a expect.Args) typed { return wrap(queries.FalseAlarms(a.From, a.To)) },
	"operator_load":     func(a expect.Args) typed { return wrap(queries.OperatorLoad(a.From, a.To)) },
	"alarm_floods":      func(a expect.Args) typed { return wrap(queries.AlarmFloods(a.From, a.To, uint32(1+a.Limit%5))) },
	"path_availability": func(a expect.Args) typed { return wrap(queries.PathAvailability(a.From, a.To)) },
	"staffing":          func(a expect.Args) typed { return wrap(queries.Staffing(a.From, a.To, a.Bucket)) },
	"sites_in_service":  func(a expect.Args) typed { return wrap(queries.SitesInService(a.To)) },
	"site_audit": func(a expect.Args) typed {
		return wrap(queries.SiteAudit(cmp.Or(a.Site, 1), a.From, a.To, uint32(a.Limit)))
	},
	"operator_audit": func(a expect.Args) typed {
		return wrap(queries.OperatorAudit(cmp.Or(a.Operator, "nobody"), a.From, a.To, uint32(a.Limit)))
	},
	"incidents_opened":    func(a expect.Args) typed { return wrap(queries.IncidentsOpened(a.From, a.To, uint32(a.Limit))) },
	"lost_communications": func(a expect.Args) typed { return wrap(queries.LostCommunications(a.From, a.To, uint32(a.Limit))) },
	"closures_in_range":   func(a expect.Args) typed { return wrap(queries.ClosuresInRange(a.From, a.To, uint32(a.Limit))) },
	"sites_of_group":      func(a expect.Args) typed { return wrap(queries.SitesOfGroup(cmp.Or(a.Group, "none"), a.To)) },
	"site_known":          func(a expect.Args) typed { return wrap(queries.SiteKnown(cmp.Or(a.Site, 1), a.To)) },
	"sites_near":          func(a expect.Args) typed { return wrap(queries.SitesNear(cmp.Or(a.Site, 1), a.To, uint32(a.Limit))) },
	"onboarding":          func(a expect.Args) typed { return wrap(queries.Onboarding(a.From, a.To)) },
	"detection_delay":     func(a expect.Args) typed { return wrap(queries.DetectionDelay(a.From, a.To)) },
	"top_sites":           func(a expect.Args) typed { return wrap(queries.TopSites(a.From, a.To, uint32(a.Limit))) },
	"top_zones":           func(a expect.Args) typed { return wrap(queries.TopZones(a.From, a.To, uint32(a.Limit))) },
	"alarm_storms":        func(a expect.Args) typed { return wrap(queries.AlarmStorms(a.From, a.To, uint32(a.Limit))) },
	"alarms_by_group":     func(a expect.Args) typed { return wrap(queries.AlarmsByGroup(a.From, a.To)) },
	"answer_attainment_by_operator": func(a expect.Args) typed {
		return wrap(queries.AnswerAttainmentByOperator(a.From, a.To))
	},
	"answer_attainment_by_hour": func(a expect.Args) typed {
		return wrap(queries.AnswerAttainmentByHour(a.From, a.To, a.Zone))
	},
	"heartbeat_regularity": func(a expect.Args) typed { return wrap(queries.HeartbeatRegularity(a.From, a.To)) },
	"sites_not_protected":  func(a expect.Args) typed { return wrap(queries.SitesNotProtected(a.To)) },
}

var anyArgs = expect.Args{From: from, To: to, Bucket: time.Minute, Window: time.Hour, Limit: 10}

var (
	parameter  = regexp.MustCompile(`\{(\w+):(\w+)\}`)
	unreplaced = regexp.MustCompile(`\{\w+\}`)
	units      = []string{queries.UnitNone, queries.UnitTime, queries.UnitMS, queries.UnitCount, queries.UnitShare, queries.UnitRatio, queries.UnitDays, queries.UnitRate}
)

// What the head of a file says of parameters and columns is what the SQL takes
// and gives, and what the Go type has.
func TestHeadAgreesWithSQLAndGo(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	for _, name := range queries.Names() {
		q, ok := queries.Named(name)
		if !ok || q.Doc == "" {
			t.Errorf("%s has no text at its head", name)
		}
		makeTyped, ok := registry[name]
		if !ok {
			t.Errorf("%s is not in this test's registry", name)
			continue
		}
		in := makeTyped(anyArgs)
		headAgreesWithSQL(t, q)
		headAgreesWithGo(t, q, in)
		table, err := queries.Run(context.Background(), db.Conn(), db.Database(), name, in.args)
		if err != nil {
			t.Errorf("an empty warehouse: %v", err)
			continue
		}
		tableAgreesWithGo(t, name, table, in.row)
	}
	if len(registry) != len(queries.Names()) {
		t.Errorf("%d Go functions for %d files", len(registry), len(queries.Names()))
	}
}

func headAgreesWithSQL(t *testing.T, q queries.Query) {
	t.Helper()
	taken, declared := map[string]string{}, map[string]string{}
	sql := q.SQL("db")
	for _, m := range parameter.FindAllStringSubmatch(sql, -1) {
		taken[m[1]] = m[2]
	}
	for _, p := range q.Params {
		declared[p.Name] = p.Type
		if !slices.Contains(units, p.Unit) {
			t.Errorf("%s: parameter %s has the unit %q", q.Name, p.Name, p.Unit)
		}
	}
	if !reflect.DeepEqual(taken, declared) {
		t.Errorf("%s: the SQL takes %v, the head says %v", q.Name, taken, declared)
	}
	if left := unreplaced.FindString(sql); left != "" {
		t.Errorf("%s: no part is called %s", q.Name, left)
	}
	if q.TimeSeries() != (len(q.Columns) > 0 && q.Columns[0].Name == "time") || q.TimeSeries() != strings.Contains(sql, "{bucket_ms:Int64}") {
		t.Errorf("%s: a time series takes bucket_ms and gives time first, and nothing else does", q.Name)
	}
}

func headAgreesWithGo(t *testing.T, q queries.Query, in typed) {
	t.Helper()
	for _, p := range q.Params {
		if _, ok := in.args[p.Name]; !ok {
			t.Errorf("%s: the Go function gives no %s", q.Name, p.Name)
		}
	}
	if err := q.Check(in.args); err != nil {
		t.Errorf("the arguments of the Go function: %v", err)
	}
	var head, fields []string
	for _, c := range q.Columns {
		head = append(head, c.Name)
		if !slices.Contains(units, c.Unit) {
			t.Errorf("%s: column %s has the unit %q", q.Name, c.Name, c.Unit)
		}
	}
	for i := range in.row.NumField() {
		fields = append(fields, in.row.Field(i).Tag.Get("ch"))
	}
	if !slices.Equal(head, fields) {
		t.Errorf("%s: the head says %v, the Go type %v", q.Name, head, fields)
	}
}

// tableAgreesWithGo compares names and kinds; a null needs a pointer.
func tableAgreesWithGo(t *testing.T, name string, table *queries.Table, row reflect.Type) {
	t.Helper()
	if len(table.Columns) != row.NumField() {
		t.Errorf("%s gives %d columns, the Go type has %d", name, len(table.Columns), row.NumField())
		return
	}
	for i, c := range table.Columns {
		f := row.Field(i)
		values := reflect.TypeOf(c.Values).Elem()
		fits := values == f.Type || values.Kind() == reflect.Uint64 && f.Type.Kind() >= reflect.Uint && f.Type.Kind() <= reflect.Uint64
		if c.Name != f.Tag.Get("ch") || !fits {
			t.Errorf("%s: column %d is %s of %v, the Go type has %s of %v", name, i, c.Name, values, f.Tag.Get("ch"), f.Type)
		}
		kinds := map[string]string{"time.Time": queries.KindTime, "float64": queries.KindNumber, "*float64": queries.KindNumber,
			"uint64": queries.KindInteger, "int64": queries.KindInteger, "string": queries.KindString, "bool": queries.KindBool}
		if c.Kind != kinds[values.String()] {
			t.Errorf("%s: column %s of %v is of kind %q", name, c.Name, values, c.Kind)
		}
		isTime := c.Kind == queries.KindTime
		if isTime != (c.Unit == queries.UnitTime) {
			t.Errorf("%s: column %s of kind %s has the unit %q", name, c.Name, c.Kind, c.Unit)
		}
	}
}
