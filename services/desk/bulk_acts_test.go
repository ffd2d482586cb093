package desk

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func (o *office) bulk(key string, a BulkAction, headers ...string) reply {
	o.t.Helper()
	return o.send(http.MethodPost, "/api/v1/site-acts", a, append([]string{"Idempotency-Key", key}, headers...)...)
}

// joins writes into the directory that a site is in groups.
func (o *office) joins(site uint64, groups ...string) {
	o.t.Helper()
	raw, err := proto.Marshal(&vigiev1.DirectoryRecord{Site: site, Declared: &vigiev1.SiteDeclared{Groups: groups}})
	if err == nil {
		err = o.out.ProduceSync(context.Background(), &kgo.Record{Topic: "vigie.directory", Key: topics.SiteKey(site), Value: raw}).FirstErr()
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// decidesEach answers each event of a site by what the test says of the site.
func (o *office) decidesEach(of func(site uint64) *vigiev1.EventOutcome) {
	o.log.mu.Lock()
	defer o.log.mu.Unlock()
	o.log.onEvent = func(e *vigiev1.Event) {
		if outcome := of(e.Site); outcome != nil {
			o.decide(e.Id, outcome)
		}
	}
}

func closure(sites ...uint64) BulkAction {
	return BulkAction{SiteAction: by(SiteAction{Act: "closure-declare"}), Sites: sites}
}

func TestAnActOnAListIsOneEventASiteUnderOneName(t *testing.T) {
	o := newOffice(t)
	o.decidesEach(func(site uint64) *vigiev1.EventOutcome {
		if site == 3 {
			return &vigiev1.EventOutcome{Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_REFUSED, Reason: "already-closed-site"}
		}
		return accepted
	})
	got := o.bulk("k", closure(3, 1, 2, 2), "Prefer", "wait=30")
	if got.status != 201 || !got.many.Completed || got.many.Sites != 3 || got.many.Accepted != 2 || got.many.Refused != 1 || got.many.Durable != 3 {
		t.Fatalf("answer %d %+v %+v", got.status, got.many, got.prob)
	}
	if r := got.many.Refusals; len(r) != 1 || r[0] != (SiteRefusal{3, "already-closed-site"}) {
		t.Errorf("refusals %v", r)
	}
	var sites []uint64
	for _, e := range o.log.taken() {
		if done := e.GetActCompleted(); done != nil {
			if e.Site != centreSite || done.GetSites() != 3 || e.Correlation != got.many.ID {
				t.Errorf("the end is %v", e)
			}
			continue
		}
		sites = append(sites, e.Site)
		if e.GetClosureDeclared().GetClosure() != got.many.Named || e.Correlation != got.many.ID || ids.ID(e.Id) != siteActID("anne", "k", e.Site, "act/closure-declare") {
			t.Errorf("site %d has %v", e.Site, e)
		}
	}
	if !slices.Equal(sites, []uint64{1, 2, 3}) {
		t.Errorf("events of %v", sites)
	}
	before := len(o.log.taken())
	if again := o.bulk("k", closure(3, 1, 2, 2)); again.status != 201 || again.many.Accepted != 2 || len(o.log.taken()) > before+1 {
		t.Errorf("sent again: %d %+v, %d events more", again.status, again.many, len(o.log.taken())-before)
	}
	if shown := o.send(http.MethodGet, got.header.Get("Location"), nil); !shown.many.Completed || shown.many.Refused != 1 {
		t.Errorf("Location gives %+v", shown.many)
	}
}

func TestAnActOnAGroupIsForItsMembersAndGoesOnWhereItStopped(t *testing.T) {
	o := newOffice(t)
	o.joins(11, "chaine-nord", "demo")
	o.joins(12, "chaine-nord")
	o.joins(13, "autre")
	o.joins(14, "chaine-nord")
	o.joins(14) // it has left
	o.decides(accepted)
	act := BulkAction{SiteAction: by(SiteAction{Act: "consigne-set", Text: "appeler"}), Group: "chaine-nord"}
	o.log.mu.Lock()
	o.log.hold = true
	o.log.mu.Unlock()
	var got reply
	for deadline := time.Now().Add(20 * time.Second); ; { // until the desk has read who has left
		got = o.bulk("k", act, "Prefer", "wait=0")
		if sites, known := got.many.Sites, got.status == 202; known && sites == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("answer %d %+v %+v", got.status, got.many, got.prob)
		}
		o.start()
	}
	if got.many.Completed {
		t.Fatalf("answer %d %+v", got.status, got.many)
	}
	o.log.mu.Lock()
	o.log.hold = false
	o.log.events = nil
	o.log.mu.Unlock()
	got = o.bulk("k", act, "Prefer", "wait=30")
	if got.status != 201 || got.many.Accepted != 2 || !got.many.Completed {
		t.Fatalf("sent again: %d %+v %+v", got.status, got.many, got.prob)
	}
	for _, e := range o.log.taken() {
		if k := e.GetConsigneSet(); k != nil && (k.GetScope() != "group" || e.Site == 13 || e.Site == 14) {
			t.Errorf("site %d has %v", e.Site, k)
		}
	}
}

func TestAnActOnManySitesThatIsNoneIsRefusedWithTheField(t *testing.T) {
	o := newOffice(t)
	o.joins(11, "g")
	for name, c := range map[string]struct {
		act   BulkAction
		where string
	}{
		"no site":            {closure(), "body.sites"},
		"sites and a group":  {func() BulkAction { a := closure(1); a.Group = "g"; return a }(), "body.sites"},
		"site 0":             {closure(0), "body.sites[0]"},
		"an undeclared site": {closure(1, ids.FirstUndeclared), "body.sites[1]"},
		"a group of nobody":  {func() BulkAction { a := closure(); a.Group = "personne"; return a }(), "body.group"},
		"an act of no site":  {BulkAction{SiteAction: SiteAction{Act: "stage"}, Sites: []uint64{1}}, "body.stage"},
	} {
		var got reply
		for deadline := time.Now().Add(20 * time.Second); got.status == 0 || got.prob.Type == "/problems/read-model-loading" && time.Now().Before(deadline); {
			got = o.bulk("k", c.act)
		}
		if got.status != 422 || len(got.prob.Errors) == 0 || got.prob.Errors[0].Location != c.where {
			t.Errorf("%s: %d %+v, want an error at %s", name, got.status, got.prob, c.where)
		}
	}
	if got := o.send(http.MethodGet, "/api/v1/site-acts/"+ids.ID{}.String(), nil); got.status != 404 {
		t.Errorf("an act that nobody asked for: %d", got.status)
	}
	if n := len(o.log.taken()); n != 0 {
		t.Errorf("%d events of refused acts", n)
	}
}

func TestWhatTheLogDidNotTakeIsAppendedAgain(t *testing.T) {
	o := newOffice(t)
	o.log.fail = context.DeadlineExceeded
	if got := o.bulk("k", closure(1, 2)); got.status != 503 || got.prob.Type != "/problems/not-durable" {
		t.Fatalf("answer %d %+v", got.status, got.prob)
	}
	o.log.mu.Lock()
	o.log.fail = nil
	o.log.mu.Unlock()
	o.decides(accepted)
	if got := o.bulk("k", closure(1, 2), "Prefer", "wait=30"); got.status != 201 || got.many.Accepted != 2 {
		t.Errorf("sent again: %d %+v %+v", got.status, got.many, got.prob)
	}
}

func TestBulkActsAreBounded(t *testing.T) {
	l := newBulks()
	for n := range maxBulks + 5 {
		id := ids.Event([]byte("b"), 0, uint64(n))
		b := l.begin(id, "stage", "")
		b.add([]uint64{1})
		l.expect(id, b, 1)
	}
	if len(l.byID) != maxBulks || len(l.events) != maxBulks {
		t.Errorf("%d acts and %d events are remembered", len(l.byID), len(l.events))
	}
}

func TestWhatIsInTheLogIsNotAppendedAgainAndDecidesOnce(t *testing.T) {
	o := newOffice(t)
	got := o.bulk("k", closure(1, 2), "Prefer", "wait=1")
	if got.status != 202 || got.many.Durable != 2 || got.many.Accepted != 0 || got.many.Completed {
		t.Fatalf("answer %d %+v", got.status, got.many)
	}
	events := o.log.taken()
	for _, e := range events {
		o.decide(e.Id, accepted)
	}
	if got = o.bulk("k", closure(1, 2), "Prefer", "wait=30"); got.status != 201 || got.many.Accepted != 2 {
		t.Errorf("sent again: %d %+v", got.status, got.many)
	}
	again := slices.DeleteFunc(o.log.taken(), func(e *vigiev1.Event) bool { return e.GetActCompleted() != nil })
	if len(again) != len(events) {
		t.Errorf("%d events, want %d", len(again), len(events))
	}
	b := newBulk(ids.ID{1}, "stage", "")
	b.add([]uint64{1, 2})
	b.decide(1, accepted)
	b.decide(1, accepted)
	if x := b.show(); x.Accepted != 1 || x.Completed {
		t.Errorf("a site that is heard of twice: %+v", x)
	}
}
