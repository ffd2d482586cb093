package desk

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func shop(n uint64) SiteDeclaration {
	return SiteDeclaration{
		Site: n, Label: "Boulangerie, Metz", Class: "shop", TimeZone: "Europe/Paris", Stage: "in-service",
		Accounts: []SiteAccount{{Account: fmt.Sprintf("%04dab", n)}},
		Paths:    []SitePath{{Path: 1, Name: "IP", IntervalMS: 90_000}, {Path: 2, Name: "4G"}},
		Zones:    []SiteZone{{Zone: "1", Label: "Porte", Technology: "contact"}},
		Schedule: &SiteSchedule{Hours: []SiteHours{{Weekday: 1, OpenMinute: 420, CloseMinute: 1140}}},
	}
}

func (o *office) declare(key string, s SiteDeclaration, headers ...string) reply {
	o.t.Helper()
	return o.send(http.MethodPost, "/api/v1/sites", s, append([]string{"Idempotency-Key", key}, headers...)...)
}

func TestADeclarationBecomesItsEvents(t *testing.T) {
	o := newOffice(t)
	got := o.declare("k", shop(4711))
	if got.status != 201 || !got.sites.Completed || got.sites.Durable != 4 {
		t.Fatalf("answer %d %+v %+v", got.status, got.sites, got.prob)
	}
	events := o.log.taken()
	d := events[0].GetSiteDeclared()
	if events[0].Site != 4711 || d.GetLabel() != "Boulangerie, Metz" || d.GetSiteClass() != "shop" || len(d.GetPaths()) != 2 || d.GetPaths()[0].GetIntervalMs() != 90_000 || d.GetPaths()[0].GetReceiverGroup() != "default" || d.GetZones()[0].GetZone() != "1" {
		t.Errorf("declared: %v", events[0])
	}
	if h := events[1].GetScheduleSet().GetHours(); len(h) != 1 || h[0].GetOpenMinute() != 420 {
		t.Errorf("schedule: %v", events[1])
	}
	if events[2].GetConnectionStage().GetStage() != vigiev1.ConnectionStage_STAGE_IN_SERVICE {
		t.Errorf("stage: %v", events[2])
	}
	b := events[3]
	if b.GetAccountBound().GetToSite() != 4711 || b.GetAccountBound().GetAccount() != "4711AB" || b.Site != ids.UndeclaredSite(0, "4711AB") {
		t.Errorf("the binding does not stand under the account's own number: %v", b)
	}
}

func TestWhatIsNotASiteIsRefusedWithTheField(t *testing.T) {
	o := newOffice(t)
	cases := map[string]struct {
		change func(*SiteDeclaration)
		where  string
	}{
		"number 0":              {func(s *SiteDeclaration) { s.Site = 0 }, "body.site"},
		"an undeclared number":  {func(s *SiteDeclaration) { s.Site = ids.FirstUndeclared }, "body.site"},
		"no zone":               {func(s *SiteDeclaration) { s.TimeZone = "Europe/Paname" }, "body.time_zone"},
		"the machine's zone":    {func(s *SiteDeclaration) { s.TimeZone = "Local" }, "body.time_zone"},
		"an account with a dot": {func(s *SiteDeclaration) { s.Accounts[0].Account = "12.4" }, "body.accounts[0].account"},
		"an account twice":      {func(s *SiteDeclaration) { s.Accounts = append(s.Accounts, SiteAccount{Account: "4711AB"}) }, "body.accounts[1]"},
		"a path twice":          {func(s *SiteDeclaration) { s.Paths[1].Path = 1 }, "body.paths[1].path"},
		"too short an interval": {func(s *SiteDeclaration) { s.Paths[0].IntervalMS = 19_999 }, "body.paths[0].interval_ms"},
		"closing before opening": {func(s *SiteDeclaration) { s.Schedule.Hours[0].CloseMinute = 420 },
			"body.schedule.hours[0]"},
		"an empty schedule":  {func(s *SiteDeclaration) { s.Schedule = &SiteSchedule{} }, "body.schedule"},
		"none and hours":     {func(s *SiteDeclaration) { s.Schedule.None = true }, "body.schedule.none"},
		"always-open cycle":  {func(s *SiteDeclaration) { s.Schedule = &SiteSchedule{CycleMS: 10, CycleOpenMS: 10} }, "body.schedule.cycle_open_ms"},
		"a stage of fantasy": {func(s *SiteDeclaration) { s.Stage = "soon" }, "body.stage"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := shop(4711)
			c.change(&s)
			got := o.declare("k", s)
			if got.status != 422 || len(got.prob.Errors) == 0 || got.prob.Errors[0].Location != c.where {
				t.Errorf("answer %d %+v", got.status, got.prob)
			}
		})
	}
	if n := len(o.log.taken()); n != 0 {
		t.Errorf("%d events of refused sites", n)
	}
}

func TestDemoSitesMayHaveShortIntervals(t *testing.T) {
	o := newOffice(t)
	s := shop(4711)
	s.Class, s.Paths[0].IntervalMS = "demo", 5_000
	if got := o.declare("k", s); got.status != 201 {
		t.Errorf("answer %d %+v", got.status, got.prob)
	}
}

func TestAThousandSitesAtOnceAndNoMore(t *testing.T) {
	o := newOffice(t)
	o.log.busy = 3 // an import waits for room, it does not fail
	var body struct {
		Sites []SiteDeclaration `json:"sites"`
	}
	for n := range uint64(maxSites) {
		body.Sites = append(body.Sites, shop(n+1))
	}
	got := o.send(http.MethodPost, "/api/v1/sites/bulk", body, "Idempotency-Key", "k", "Prefer", "wait=30")
	if got.status != 201 || got.sites.Durable != 4*maxSites || len(got.sites.Sites) != maxSites {
		t.Fatalf("answer %d %+v", got.status, got.prob)
	}
	body.Sites = append(body.Sites, shop(maxSites+1))
	if got := o.send(http.MethodPost, "/api/v1/sites/bulk", body, "Idempotency-Key", "k2"); got.status != 422 {
		t.Errorf("one more: %d %+v", got.status, got.prob)
	}
}

func TestARepeatedDeclarationHasTheSameIds(t *testing.T) {
	o := newOffice(t)
	o.declare("k", shop(4711))
	if got := o.declare("k", shop(4711)); got.status != 201 {
		t.Fatalf("answer %d %+v", got.status, got.prob)
	}
	e := o.log.taken()
	for i := range 4 {
		if !bytes.Equal(e[i].Id, e[i+4].Id) {
			t.Errorf("event %d has another id in the repeat", i)
		}
	}
	if got := o.declare("k", shop(12)); got.status != 422 || got.prob.Type != "/problems/idempotency-key-reused" {
		t.Errorf("another body: %d %+v", got.status, got.prob)
	}
}

func TestASlowLogAnswersWithProgress(t *testing.T) {
	o := newOffice(t)
	o.log.hold = true
	got := o.declare("k", shop(4711), "Prefer", "wait=0")
	if got.status != 202 || got.sites.Completed || got.sites.Durable != 0 || got.sites.Events != 4 {
		t.Errorf("answer %d %+v %+v", got.status, got.sites, got.prob)
	}
	for _, done := range o.log.held {
		done(errors.New("cut")) // late confirmations find nobody and harm nobody
	}
}

func TestADeclarationThatTheLogDidNotTake(t *testing.T) {
	o := newOffice(t)
	o.log.fail = errors.New("broker away")
	if got := o.declare("k", shop(4711)); got.status != 503 || got.prob.Type != "/problems/not-durable" || !strings.Contains(got.prob.Detail, "0 of 4") {
		t.Errorf("answer %d %+v", got.status, got.prob)
	}
}

func TestActsAreForgottenAfterADayAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newActs(time.Now)
		x, fresh, err := a.begin(&act{id: ids.ID{1}, key: "k"})
		if !fresh || err != nil {
			t.Fatal("the first is not fresh")
		}
		time.Sleep(actMemory + time.Second) // the bubble's clock: nobody waits
		if _, _, ok := a.find(x.id); ok {
			t.Error("remembered for more than a day")
		}
		for n := range maxActs + 100 {
			a.decide(ids.Event([]byte("b"), 0, uint64(n)), accepted)
		}
		if a.order.Len() > maxActs || len(a.byID) > maxActs {
			t.Errorf("%d acts are remembered", a.order.Len())
		}
	})
}

// Whatever comes in whatever order, a key never stands for two bodies, and an
// act is decided once.
func TestActMemoryProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newActs(time.Now)
		bodies := map[string]byte{}
		first := map[ids.ID]int64{}
		for n := range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key")
			id := ids.Act("u", key, "claim")
			if rapid.Bool().Draw(t, "decide") {
				o := &vigiev1.EventOutcome{EventId: id[:], AtMs: int64(n + 1)}
				a.decide(id, o)
				if _, ok := first[id]; !ok {
					first[id] = o.AtMs
				}
				continue
			}
			body := rapid.ByteRange(1, 2).Draw(t, "body")
			x, fresh, err := a.begin(&act{id: id, key: key, body: [32]byte{body}})
			known, seen := bodies[key]
			switch {
			case err != nil && (!seen || known == body):
				t.Fatalf("refused the key's own body")
			case err == nil && seen && known != body:
				t.Fatalf("took a second body under one key")
			case err == nil:
				bodies[key] = body
			}
			if fresh {
				a.confirm(x, nil)
			}
		}
		for id, at := range first {
			if _, o, ok := a.find(id); !ok || o.AtMs != at {
				t.Fatalf("the first outcome does not stand")
			}
		}
	})
}
