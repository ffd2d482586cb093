package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/open-vigie/vigie/services/panel"
)

// People. In each round somebody does what the rules ask for, so that one sees
// closures with a consigne and without, a visit, a test, a connection, calls. Times
// are at speed 1, from the round's start:
//
//	consigne     one of the sites that will be closed around the clock has one
//	             from 25 s to 120 s; the others have none
//	closure      a site is declared closed from 10 s to 150 s, with contacts, a
//	             consigne and an announced visit
//	test         a site is on test from 15 s to 70 s; a zone stays unseen
//	connection   a site is asked for, scheduled, installed, tested while a zone is
//	             missing, shown whole and put in service
//	calls        one every 20 s, answered at once, late or never
//
// What a state that was left over refuses is told to the log of debugging alone.

const (
	firstNewcomer        = firstSite + maxSites
	firstNewcomerAccount = 0x0E00
	// newcomers take turns, a round each.
	newcomers = 3
	callEvery = 20 * time.Second
)

// deed is one act of a person, or one message of a newcomer's panel.
type deed struct {
	at   time.Duration
	path string
	// body is what the desk is sent at an instant, Unix ms.
	body  func(nowMS int64) map[string]any
	frame *panel.Message
}

// deeds of a round, in order of time from the start.
func (p *plan) deeds(r int) []deed {
	from := p.scaled(round) * time.Duration(r)
	l := &ledger{p: p, from: from}
	s := p.story(r, from)
	l.consigne(s)
	others := slices.DeleteFunc(slices.Clone(s.order), func(i int) bool { return s.taken[i] })
	l.closure(p.sites[others[0]].Number)
	l.test(p.sites[others[1]].Number)
	l.connection(r)
	l.calls(r, p.sites[others[2]].Number)
	slices.SortStableFunc(l.list, func(a, b deed) int { return int(a.at - b.at) })
	return l.list
}

type ledger struct {
	p    *plan
	from time.Duration
	list []deed
}

func (l *ledger) at(at time.Duration, path string, body func(nowMS int64) map[string]any) {
	l.list = append(l.list, deed{at: l.from + l.p.scaled(at), path: path, body: body})
}

// site adds an act on a site by an authenticated person; spans (…_ms) count from then.
func (l *ledger) site(at time.Duration, site uint64, act string, fields map[string]any, spans map[string]time.Duration) {
	l.at(at, fmt.Sprintf("/api/v1/sites/%d/acts", site), func(nowMS int64) map[string]any {
		body := map[string]any{"act": act}
		for k, v := range fields {
			body[k] = v
		}
		for k, d := range spans {
			body[k] = nowMS + l.p.scaled(d).Milliseconds()
		}
		return body
	})
}

func asked(fields map[string]any) map[string]any {
	fields["by"], fields["authenticated_how"] = "contact-1", "passcode"
	return fields
}

func consigne(name, text string, steps ...string) map[string]any {
	var list []map[string]any
	for _, kind := range steps {
		list = append(list, map[string]any{"kind": kind})
	}
	return asked(map[string]any{"consigne": name, "text": text, "steps": list})
}

func (l *ledger) consigne(s *story) {
	for _, i := range s.order {
		if _, away := s.away[i]; !away {
			continue
		}
		site := l.p.sites[i].Number
		l.site(24*time.Second, site, "contacts-set", map[string]any{"elsewhere": 2}, nil)
		l.site(25*time.Second, site, "consigne-set", consigne("nuit", "Prévenir le gérant, puis envoyer un agent.", "video", "call-contact", "send-guard"), map[string]time.Duration{"until_ms": 95 * time.Second})
		return
	}
}

func (l *ledger) closure(site uint64) {
	l.site(9*time.Second, site, "contacts-set", map[string]any{"on_site": 1, "elsewhere": 1}, nil)
	l.site(10*time.Second, site, "closure-declare", asked(map[string]any{"closure": "conges"}), map[string]time.Duration{"until_ms": 200 * time.Second})
	l.site(12*time.Second, site, "consigne-set", consigne("conges", "Fermé pour congés : seul le propriétaire décide.", "call-contact", "call-police"), map[string]time.Duration{"until_ms": 200 * time.Second})
	l.site(14*time.Second, site, "visit-announce", asked(map[string]any{"visit": "menage", "person": "Équipe de ménage"}), map[string]time.Duration{"until_ms": 130 * time.Second})
	l.site(150*time.Second, site, "closure-lift", asked(map[string]any{"closure": "conges"}), nil)
	l.site(151*time.Second, site, "consigne-withdraw", map[string]any{"consigne": "conges"}, nil)
}

func (l *ledger) test(site uint64) {
	l.site(15*time.Second, site, "test-on", asked(map[string]any{"zones": []string{"001", "002"}}), map[string]time.Duration{"until_ms": 2 * time.Minute})
	l.site(70*time.Second, site, "test-off", map[string]any{}, nil)
}

// connection of a newcomer whose panel speaks, too.
func (l *ledger) connection(r int) {
	n := r % newcomers
	site, account := uint64(firstNewcomer+n), fmt.Sprintf("%04X", firstNewcomerAccount+n)
	l.at(1*time.Second, "/api/v1/sites", func(int64) map[string]any {
		return map[string]any{
			"site": site, "label": fmt.Sprintf("Nouveau commerce %d", n+1), "class": class, "time_zone": "Europe/Paris",
			"accounts": []map[string]any{{"account": account}}, "paths": []map[string]any{{"path": 1, "name": primary}},
			"zones": []map[string]any{{"zone": "001", "label": "Porte"}, {"zone": "002", "label": "Salle"}},
		}
	})
	for at, stage := range map[time.Duration]string{3: "requested", 20: "scheduled", 40: "installed", 100: "tested", 160: "in-service"} {
		l.site(at*time.Second, site, "stage", map[string]any{"stage": stage}, nil)
	}
	on := map[string]time.Duration{"until_ms": 2 * time.Minute}
	l.site(45*time.Second, site, "test-on", asked(map[string]any{}), on)
	for i, e := range []panel.Event{{Code: "BA", Zone: "001"}, {Code: "BR", Zone: "001"}, {Code: "TA"}, {Code: "TR"}, {Code: "CL", User: "1"}, {Code: "OP", User: "1"}} {
		l.frame(time.Duration(50+4*i)*time.Second, account, e)
	}
	l.site(90*time.Second, site, "test-off", map[string]any{}, nil)
	l.site(120*time.Second, site, "test-on", asked(map[string]any{}), on)
	l.frame(125*time.Second, account, panel.Event{Code: "BA", Zone: "002"})
	l.frame(130*time.Second, account, panel.Event{Code: "BR", Zone: "002"})
	l.site(140*time.Second, site, "test-off", map[string]any{}, nil)
}

func (l *ledger) frame(at time.Duration, account string, e panel.Event) {
	e.Account = account
	m := panel.SIA(e)
	l.list = append(l.list, deed{at: l.from + l.p.scaled(at), frame: &m})
}

func (l *ledger) calls(r int, site uint64) {
	for n := range int(round / callEvery) {
		name := fmt.Sprintf("demo-%d-%d-%d", l.p.startMS, r, n)
		rings := time.Duration(n)*callEvery + 2*time.Second
		step := func(at time.Duration, step string, more map[string]any) {
			l.at(at, "/api/v1/calls", func(int64) map[string]any {
				body := map[string]any{"call": name, "step": step}
				for k, v := range more {
					body[k] = v
				}
				return body
			})
		}
		step(rings, "offered", nil)
		waits := time.Duration(3+pick(l.p.seed, n, "call waits", r, 14)) * time.Second
		switch pick(l.p.seed, n, "call", r, 6) {
		case 0:
			step(rings+waits, "abandoned", nil)
		case 1:
			step(rings+30*time.Second, "answered", map[string]any{"site": site})
			step(rings+45*time.Second, "ended", map[string]any{"reason": "closure"})
		default:
			step(rings+waits, "answered", map[string]any{"site": site})
			step(rings+waits+10*time.Second, "ended", map[string]any{"reason": "question", "satisfaction": 4})
		}
	}
}

// people does the deeds of a plan, each at its time from the start, until ctx ends.
func (f *Fleet) people(ctx context.Context, p *plan, start time.Time) {
	for r := 0; ctx.Err() == nil; r++ {
		for n, d := range p.deeds(r) {
			if pause(ctx, d.at-f.deps.Now().Sub(start)) != nil {
				return
			}
			f.doDeed(ctx, d, fmt.Sprintf("demo-people-%d-%d-%d-%d", f.cfg.Seed, p.startMS, r, n))
		}
	}
}

func (f *Fleet) doDeed(ctx context.Context, d deed, key string) {
	if d.frame != nil {
		f.metrics.sent.Inc()
		answer, err := f.udp[0].Send(ctx, *d.frame)
		f.note(ctx, answer, err)
		return
	}
	raw, err := json.Marshal(d.body(f.deps.Now().UnixMilli()))
	if err != nil {
		panic("demo: a deed cannot be encoded: " + err.Error()) // it is made of words and numbers
	}
	status, answer, err := f.ask(ctx, http.MethodPost, d.path, key, raw)
	if err != nil || status >= http.StatusBadRequest {
		f.deps.Log.Debug("the desk did not take an act of the demonstration", "path", d.path, "status", status, "answer", fmt.Sprintf("%.300s", answer), "error", err)
	}
}
