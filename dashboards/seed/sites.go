package seed

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/schemas/ids"
)

// firstSite is the number of the first site.
const firstSite = 200_001

// site is a site as the simulation knows it.
type site struct {
	number  uint64
	state   SiteState
	open    map[string]*incident
	found   []*found
	shop    bool
	opens   time.Duration
	shuts   time.Duration
	silent  bool
	polls   time.Duration
	lockAt  time.Time
	weekend bool
	// forgotten: nobody arms it any more.
	forgotten bool
	// shownAs is the closure of its last record.
	shownAs string
}

var trades = []struct {
	name, class string
	shop        bool
}{
	{"Pharmacie", "shop", true}, {"Boulangerie", "shop", true}, {"Tabac-presse", "shop", true}, {"Bijouterie", "shop", true},
	{"Librairie", "shop", true}, {"Opticien", "shop", true}, {"Supérette", "shop", true}, {"Restaurant", "shop", true},
	{"École", "", false}, {"Garage", "", false}, {"Mairie annexe", "", false}, {"Cabinet médical", "", false},
	{"Entrepôt", "large", false}, {"Résidence", "home", false}, {"Maison", "home", false},
}

var corners = []string{"du Marché", "de la Gare", "du Centre", "des Halles", "du Port", "du Parc", "du Pont", "des Remparts"}

var towns = []struct{ name, region string }{
	{"Angers", "pays-de-la-loire"}, {"Nantes", "pays-de-la-loire"}, {"Rennes", "bretagne"}, {"Quimper", "bretagne"},
	{"Caen", "normandie"}, {"Rouen", "normandie"}, {"Lille", "hauts-de-france"}, {"Amiens", "hauts-de-france"},
	{"Lyon", "auvergne-rhone-alpes"}, {"Grenoble", "auvergne-rhone-alpes"}, {"Toulouse", "occitanie"}, {"Bordeaux", "nouvelle-aquitaine"},
}

var carriers = []string{"operateur-a", "operateur-b", "operateur-c"}

const (
	never = "never_heard"
	fine  = "ok"
	late  = "late"
	lost  = "lost"
)

func (c *centre) newSite(i int) *site {
	trade, town := trades[c.rng.IntN(len(trades))], pick(c, towns)
	s := &site{number: firstSite + uint64(i), open: map[string]*incident{}, shop: trade.shop}
	s.state = SiteState{
		Site: s.number, Label: fmt.Sprintf("%s %s, %s", trade.name, pick(c, corners), town.name), SiteClass: trade.class,
		Account: fmt.Sprintf("%04X", 0x2000+i), Closure: "none", ClosedSince: Never, TimeZone: "Europe/Paris",
		Groups: []string{"region-" + town.region, pick(c, carriers), fmt.Sprintf("installateur-%02d", 1+c.rng.IntN(9))},
	}
	s.opens = 7*time.Hour + c.between(0, 90*time.Minute)
	s.shuts = 17*time.Hour + c.between(0, 3*time.Hour)
	s.weekend = trade.shop && c.chance(0.6)
	s.polls = 24 * time.Hour
	if c.chance(0.05) {
		s.polls = 15 * time.Minute
	}
	s.state.Areas = []Area{{Name: "1", Mode: "unknown", Since: Never}}
	if trade.class == "large" {
		s.state.Areas = append(s.state.Areas, Area{Name: "2", Mode: "unknown", Since: Never})
	}
	s.state.Paths = []Path{{1, fine, Never}}
	if i%3 == 0 {
		s.state.Paths = append(s.state.Paths, Path{2, fine, Never})
	}
	s.silent = c.chance(0.004)
	s.state.Degraded = i == 7
	return s
}

// declare is a site's first day in the centre.
func (c *centre) declare(s *site) {
	cause := c.act("mise-en-service", s, "site_declared", "", "")
	for i := range s.state.Paths {
		s.state.Paths[i].LastHeard = c.now
		if s.silent {
			s.state.Paths[i] = Path{s.state.Paths[i].Number, never, Never}
		}
	}
	if s.silent {
		c.put(s, cause)
		return
	}
	mode := "armed_full"
	if hour := c.now.Hour(); hour >= 9 && hour < 17 {
		mode = "disarmed"
	}
	c.setMode(s, mode)
	if mode == "armed_full" && c.chance(0.03) {
		s.state.Areas[0].Mode = "armed_inhibited"
	}
	c.put(s, cause)
	c.poll(s)
	c.in(time.Second, func() { c.tomorrow(s) })
	if c.chance(0.002) {
		c.in(c.between(time.Hour, 100*time.Hour), func() { c.leave(s) })
	}
}

// leave ends a contract: the site's state becomes a tombstone, which names it only.
func (c *centre) leave(s *site) {
	if len(s.open) > 0 || len(s.found) > 0 || s.state.Closure != "none" {
		return
	}
	s.silent = true
	s.state = SiteState{Site: s.number, Version: s.state.Version, Deleted: true, ClosedSince: Never}
	c.put(s, uuid.Nil)
}

func (c *centre) setMode(s *site, mode string) {
	for i := range s.state.Areas {
		s.state.Areas[i].Mode, s.state.Areas[i].Since = mode, c.now
	}
}

// put writes the site's state as it now is.
func (c *centre) put(s *site, cause uuid.UUID) {
	s.state.Version++
	if s.state.Version == 1 || s.state.Closure != s.shownAs {
		s.shownAs, s.state.ClosureChangedAt = s.state.Closure, c.now
	}
	row := s.state
	if s.number%3 == 0 || row.Deleted {
		row.ClosureChangedAt = Never // As a release wrote it that did not tell; as a tombstone is.
	}
	row.ReceivedAt, row.EventID = c.now, cause
	row.Areas, row.Paths, row.Groups = slices.Clone(row.Areas), slices.Clone(row.Paths), slices.Clone(row.Groups)
	row.OpenIncidents, row.OpenDetections = nil, nil
	for _, i := range s.open {
		row.OpenIncidents = append(row.OpenIncidents, i.row.ID)
	}
	for _, d := range s.found {
		row.OpenDetections = append(row.OpenDetections, ids.ID(d.row.ID).String())
	}
	slices.Sort(row.OpenIncidents)
	slices.Sort(row.OpenDetections)
	c.h.SiteStates = append(c.h.SiteStates, row)
}

// panel writes what a site's panel said.
func (c *centre) panel(s *site, e Event) uuid.UUID {
	e.ID, e.Site, e.ReceivedAt, e.Origin = c.id(), s.number, c.now, "panel"
	e.Account, e.Path, e.Receiver = s.state.Account, 1, "recepteur-1"
	s.state.AcceptedEvents++
	for i := range s.state.Paths {
		if s.state.Paths[i].Number == e.Path {
			s.state.Paths[i].LastHeard = c.now
		}
	}
	c.h.Events = append(c.h.Events, e)
	if c.chance(0.05) {
		c.again(s, e)
	}
	return e.ID
}

// again repeats a message whose acknowledgement was lost on its way: it is heard
// again, and has no second effect.
func (c *centre) again(s *site, e Event) {
	c.in(c.between(time.Second, 20*time.Second), func() {
		if s.state.Deleted {
			return
		}
		e.ID, e.ReceivedAt = c.id(), c.now
		c.h.Events = append(c.h.Events, e)
		c.h.Outcomes = append(c.h.Outcomes, Outcome{EventID: e.ID, Site: s.number, ReceivedAt: c.now, Status: "heard_again"})
	})
}

// act writes what a person did and what became of it: accepted.
func (c *centre) act(who string, s *site, kind, incident, result string) uuid.UUID {
	return c.judged(who, s, kind, incident, result, "accepted", "")
}

func (c *centre) judged(who string, s *site, kind, incident, result, status, reason string) uuid.UUID {
	e := Event{ID: c.id(), Site: s.number, ReceivedAt: c.now, Kind: kind, Origin: "user", Operator: who, Role: "operator", Incident: incident, Result: result}
	if kind == "incident_closed" {
		e.Result, e.Outcome = "", result
	}
	c.h.Events = append(c.h.Events, e)
	c.h.Outcomes = append(c.h.Outcomes, Outcome{EventID: e.ID, Site: s.number, ReceivedAt: c.now, Status: status, Reason: reason, Incident: incident})
	return e.ID
}
