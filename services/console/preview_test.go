//go:build preview

package console

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/httpserver"
)

// TestPreview serves the page over an invented centre on 127.0.0.1:8080, for
// work on the front end: go test -tags preview -run TestPreview -timeout 0 ./services/console
// PREVIEW_SITES (300) and PREVIEW_ADDR change it; an empty centre has 0 sites.
func TestPreview(t *testing.T) {
	b := newBench(t)
	sites := 300
	if s := os.Getenv("PREVIEW_SITES"); s != "" {
		fmt.Sscan(s, &sites)
	}
	p := &preview{bench: b, rnd: rand.New(rand.NewPCG(1, 2)), sites: map[uint64]*vigiev1.SiteState{}, incidents: map[string]*vigiev1.Incident{}}
	p.seed(sites)
	c := b.start(Config{})
	addr := "127.0.0.1:8080"
	if s := os.Getenv("PREVIEW_ADDR"); s != "" {
		addr = s
	}
	s, err := httpserver.New(httpserver.Config{Addr: addr, Version: "preview"}, httpserver.Deps{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Gate: open{}})
	if err != nil {
		t.Fatal(err)
	}
	Register(s.API(), c)
	s.Mux().Handle("/", c.Page())
	s.Mux().HandleFunc("GET /api/v1/me", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"name":"operator","role":"operator"}`)) })
	s.Mux().HandleFunc("POST /api/v1/operator-actions", p.act)
	b.run(s)
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.step(n)
		}
	}
}

type preview struct {
	*bench
	mu        sync.Mutex
	rnd       *rand.Rand
	order     []uint64
	sites     map[uint64]*vigiev1.SiteState
	incidents map[string]*vigiev1.Incident
	offsets   [partitions]int64
	events    uint64
}

var towns = []string{"Lyon", "Brest", "Lille", "Nantes", "Grasse", "Metz", "Pau", "Dijon", "Tours", "Vannes"}
var trades = []string{"Boulangerie", "Bijouterie", "Pharmacie", "Entrepôt", "Agence bancaire", "Librairie", "Garage", "Cabinet médical"}

func (p *preview) id() []byte {
	p.events++
	id := ids.Event([]byte("preview"), 0, p.events)
	return id[:]
}

func (p *preview) seed(n int) {
	now := time.Now().UnixMilli()
	classes := []*vigiev1.ClassPolicy{
		{SiteClass: "", Supervision: &vigiev1.SupervisionPolicy{DefaultIntervalMs: 86_400_000, GraceMs: 3_600_000}, Storm: &vigiev1.StormPolicy{Alarms: 6, WindowMs: 600_000}, Closure: &vigiev1.ClosurePolicy{ArmedForMs: 86_400_000, MissedOpenings: 1}},
		{SiteClass: "demo", Supervision: &vigiev1.SupervisionPolicy{DefaultIntervalMs: 5000, GraceMs: 2000}, Storm: &vigiev1.StormPolicy{Alarms: 6, WindowMs: 20_000}, Closure: &vigiev1.ClosurePolicy{ArmedForMs: 30_000, MissedOpenings: 1}},
	}
	for i := range int32(partitions) {
		p.put(topics.Events, i, "", &vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Policy{Policy: &vigiev1.Policy{Version: 3, AtMs: now, Author: "demo", Classes: classes}}})
	}
	for i := range n {
		site := uint64(1000 + i)
		mode := vigiev1.AreaMode_AREA_MODE_DISARMED
		if p.rnd.IntN(3) == 0 {
			mode = vigiev1.AreaMode_AREA_MODE_ARMED_FULL
		}
		st := &vigiev1.SiteState{
			Site: site, Version: 1, ChangedAtMs: now - p.rnd.Int64N(3_600_000), SiteClass: "demo", Account: fmt.Sprint(site),
			Label: trades[p.rnd.IntN(len(trades))] + ", " + towns[p.rnd.IntN(len(towns))], TimeZone: "Europe/Paris",
			Areas:   []*vigiev1.AreaState{{Area: "1", Mode: mode, SinceMs: now - p.rnd.Int64N(36_000_000)}},
			Paths:   []*vigiev1.PathState{{Path: 1, Name: "IP", Status: vigiev1.PathStatus_PATH_STATUS_OK, IntervalMs: 5000, LastHeardMs: now}, {Path: 2, Name: "4G", Status: vigiev1.PathStatus_PATH_STATUS_OK, IntervalMs: 5000, LastHeardMs: now}},
			Closure: vigiev1.ClosureStatus_CLOSURE_STATUS_NONE,
		}
		p.sites[site] = st
		p.order = append(p.order, site)
		p.state(st)
	}
	if n > 10 {
		for range 9 {
			p.alarm()
		}
		p.trouble()
	}
}

func (p *preview) any() *vigiev1.SiteState { return p.sites[p.order[p.rnd.IntN(len(p.order))]] }

func (p *preview) touch(st *vigiev1.SiteState) {
	st.Version++
	st.ChangedAtMs = time.Now().UnixMilli()
	st.CauseEventId = p.id()
	p.state(st)
}

func (p *preview) alarm() {
	now := time.Now().UnixMilli()
	st := p.any()
	cause := p.id()
	kinds := []struct {
		c     vigiev1.EventClass
		group string
		prio  uint32
		risk  int64
	}{{vigiev1.EventClass_EVENT_CLASS_INTRUSION, "intrusion", 2, 90_000}, {vigiev1.EventClass_EVENT_CLASS_FIRE, "life", 1, 30_000}, {vigiev1.EventClass_EVENT_CLASS_TECHNICAL_CRITICAL, "technical-critical", 3, 300_000}, {vigiev1.EventClass_EVENT_CLASS_HOLD_UP, "life", 1, 30_000}, {vigiev1.EventClass_EVENT_CLASS_NOT_CONFIGURED, "not-configured", 3, 180_000}}
	k := kinds[p.rnd.IntN(len(kinds))]
	since := now - p.rnd.Int64N(120_000)
	i := &vigiev1.Incident{Id: ids.Incident(st.Site, cause), Site: st.Site, Version: 1, Class: k.c, ClassGroup: k.group, Priority: k.prio, Status: vigiev1.IncidentStatus_INCIDENT_STATUS_OPEN, OpenedAtMs: since, ChangedAtMs: since, Alarms: uint64(1 + p.rnd.IntN(4)), Evidence: [][]byte{cause}, AtRiskAtMs: since + k.risk, MissedAtMs: since + 2*k.risk, Zone: fmt.Sprintf("%03d", p.rnd.IntN(8)+1), LastAlarmAtMs: since}
	p.incidents[i.Id] = i
	p.bench.incident(i)
	st.OpenZones = append(st.OpenZones[:min(len(st.OpenZones), 4)], &vigiev1.OpenZone{Zone: i.Zone, Class: k.c, SinceMs: now, Alarms: 1})
	st.OpenIncidents = append(st.OpenIncidents[:min(len(st.OpenIncidents), 4)], i.Id)
	p.touch(st)
}

func (p *preview) trouble() {
	now := time.Now().UnixMilli()
	for _, k := range []vigiev1.DetectionKind{2, 3, 4, 5, 1, 6} {
		st := p.any()
		id := ids.DetectionOfEvent(k.String(), st.Site, p.id())
		d := &vigiev1.Detection{Id: id[:], Site: st.Site, Kind: k, Status: vigiev1.DetectionStatus_DETECTION_STATUS_OPENED, AtMs: now, OpenedAtMs: now - p.rnd.Int64N(400_000), Evidence: [][]byte{p.id()}, EvidenceCount: 1, IntervalMs: 5000, PolicyVersion: 3, LastHeardMs: now - 12_000}
		p.detection(d)
		switch k {
		case vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST:
			st.CommunicationLost = true
			for _, x := range st.Paths {
				x.Status = vigiev1.PathStatus_PATH_STATUS_LOST
			}
		case vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM:
			st.Storm = true
		case vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK:
			st.Closure, st.ClosedSinceMs = vigiev1.ClosureStatus_CLOSURE_STATUS_DETECTED, now-90_000
		case vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE:
			st.Paths[0].Status = vigiev1.PathStatus_PATH_STATUS_LATE
		}
		p.touch(st)
		if p.rnd.IntN(3) == 0 {
			d.Status, d.ClosedAtMs, d.CloseReason = vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED, now, "restored"
			p.detection(d)
		}
	}
}

func (p *preview) step(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now().UnixMilli()
	stalled := os.Getenv("PREVIEW_STALL") != "" && n > 60
	for i := range int32(partitions) {
		beat := &vigiev1.Beat{Writer: "local", TMs: now}
		for range len(p.order) / 8 {
			beat.Site = append(beat.Site, 1)
		}
		r := p.put(topics.Events, i, "", &vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Beat{Beat: beat}})
		if !stalled {
			p.put(topics.Progress, i, fmt.Sprint(i), &vigiev1.Progress{Partition: uint32(i), Offset: r.Offset + 1, WatermarkMs: now, Owner: "vigie.processor.local", Sites: uint64(len(p.order) / 2)})
		}
	}
	if len(p.order) == 0 || stalled {
		return
	}
	st := p.any()
	a := st.Areas[0]
	if a.Mode == vigiev1.AreaMode_AREA_MODE_DISARMED {
		a.Mode = vigiev1.AreaMode_AREA_MODE_ARMED_FULL
	} else {
		a.Mode = vigiev1.AreaMode_AREA_MODE_DISARMED
	}
	a.SinceMs = now
	p.touch(st)
	if n%40 == 39 {
		p.alarm()
	}
	if n%80 == 79 {
		p.trouble()
	}
}

// act plays desk and fold.
func (p *preview) act(w http.ResponseWriter, r *http.Request) {
	var in struct{ Act, Incident, Means, Result, Outcome string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	time.Sleep(150 * time.Millisecond)
	p.mu.Lock()
	defer p.mu.Unlock()
	i, now := p.incidents[in.Incident], time.Now().UnixMilli()
	switch in.Act {
	case "claim":
		i.Status, i.ClaimedBy, i.ClaimedAtMs = vigiev1.IncidentStatus_INCIDENT_STATUS_CLAIMED, "operator", now
	case "release":
		i.Status, i.ClaimedBy, i.ClaimedAtMs = vigiev1.IncidentStatus_INCIDENT_STATUS_OPEN, "", 0
	case "verify":
		i.Status, i.VerifiedAtMs = vigiev1.IncidentStatus_INCIDENT_STATUS_VERIFIED, now
	case "close":
		i.Status, i.ClosedAtMs = vigiev1.IncidentStatus_INCIDENT_STATUS_CLOSED, now
	}
	i.Acts = append(i.Acts, &vigiev1.IncidentAct{EventId: p.id(), AtMs: now, By: "operator", Act: in.Act})
	i.Version++
	i.ChangedAtMs = now
	p.bench.incident(i)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(201)
	fmt.Fprintf(w, `{"id":"X","status":"accepted","act":%q,"incident":%q}`, in.Act, in.Incident)
}
