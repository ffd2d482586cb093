package demo

import (
	"fmt"
	"strconv"
	"time"

	"github.com/open-vigie/vigie/services/panel"
)

const (
	// firstSite and firstAccount: site i of the fleet is firstSite+i and sends
	// under the account firstAccount+i, in hexadecimal.
	firstSite    = 100_001
	firstAccount = 0x1000
	// firstStranger is the account of the first panel that nobody declared.
	firstStranger = 0x0F00
	// strangers take turns, a round each.
	strangers = 3
)

// site is a simulated site and its panel; its number follows from its index.
type site struct {
	Number  uint64
	Account string
	Label   string
	trade   trade
	town    town
	// ContactID panels speak ADM-CID, the others SIA-DCS.
	ContactID bool
	// TCP is the medium of path 1; a second path takes the other one.
	TCP        bool
	SecondPath bool
	// PhaseMS shifts the site's cycle of openings, 0 to the cycle's length.
	PhaseMS   int64
	Installer string
	Carrier   string
	Model     string
}

type trade struct {
	name string
	shop bool
	risk string
}

type town struct{ name, region string }

var trades = []trade{
	{"Pharmacie", true, "normal"}, {"Boulangerie", true, "normal"}, {"Tabac-presse", true, "normal"},
	{"Bijouterie", true, "high"}, {"École", false, "normal"}, {"Entrepôt", false, "normal"},
	{"Librairie", true, "normal"}, {"Boucherie", true, "normal"}, {"Garage", false, "normal"},
	{"Mairie annexe", false, "normal"}, {"Cabinet médical", false, "normal"}, {"Supérette", true, "normal"},
	{"Quincaillerie", true, "normal"}, {"Médiathèque", false, "normal"}, {"Opticien", true, "normal"},
}

var places = []string{"du Marché", "de la Gare", "du Centre", "des Halles", "du Port", "de la Place", "du Parc", "de la Fontaine", "du Pont", "des Remparts", "de la Rocade"}

var towns = []town{
	{"Angers", "Pays de la Loire"}, {"Nantes", "Pays de la Loire"}, {"Cholet", "Pays de la Loire"},
	{"Rennes", "Bretagne"}, {"Quimper", "Bretagne"}, {"Vannes", "Bretagne"},
	{"Caen", "Normandie"}, {"Rouen", "Normandie"}, {"Lille", "Hauts-de-France"}, {"Amiens", "Hauts-de-France"},
	{"Tours", "Centre-Val de Loire"}, {"Orléans", "Centre-Val de Loire"}, {"Dijon", "Bourgogne-Franche-Comté"},
	{"Lyon", "Auvergne-Rhône-Alpes"}, {"Grenoble", "Auvergne-Rhône-Alpes"}, {"Toulouse", "Occitanie"},
	{"Albi", "Occitanie"}, {"Bordeaux", "Nouvelle-Aquitaine"}, {"Pau", "Nouvelle-Aquitaine"},
}

// zones are those of every site; numbers as both formats send them.
var zones = []struct{ Number, Label, Technology string }{
	{"001", "Porte d'entrée", "contact"}, {"002", "Vitrine", "bris de glace"}, {"003", "Salle", "infrarouge"},
	{"004", "Réserve", "double technologie"}, {"005", "Bureau", "infrarouge"}, {"006", "Porte de service", "contact"},
	{"007", "Couloir", "infrarouge"}, {"008", "Local technique", "fumée"},
}

// smoke is the zone of fires, as an index into zones.
const smoke = 7

// newSites makes the n sites of a seed and, after them, the strangers.
func newSites(seed uint64, n int, cycle time.Duration) []site {
	list := make([]site, 0, n+strangers)
	for i := range n {
		t, where := trades[i%len(trades)], towns[pick(seed, i, "town", 0, len(towns))]
		list = append(list, site{
			Number: firstSite + uint64(i), Account: fmt.Sprintf("%04X", firstAccount+i),
			Label: fmt.Sprintf("%s %s, %s", t.name, places[pick(seed, i, "place", 0, len(places))], where.name),
			trade: t, town: where, ContactID: i%3 == 2, TCP: i%4 == 3, SecondPath: i%3 == 0,
			PhaseMS:   phase(seed, i, cycle).Milliseconds(),
			Installer: fmt.Sprintf("installateur-%02d", 1+pick(seed, i, "installer", 0, 6)),
			Carrier:   fmt.Sprintf("opérateur-%c", 'A'+rune(pick(seed, i, "carrier", 0, 3))),
			Model:     fmt.Sprintf("centrale-%d", 1+pick(seed, i, "model", 0, 4)),
		})
	}
	for k := range strangers {
		list = append(list, site{Account: fmt.Sprintf("%04X", firstStranger+k)})
	}
	return list
}

// phase spreads the cycles by the golden ratio, so that in every part of a cycle
// some sites of even a small fleet are due to open.
func phase(seed uint64, i int, cycle time.Duration) time.Duration {
	const golden = 0.6180339887498949
	at := draw(seed, 0, "phase", 0) + float64(i)*golden
	return time.Duration((at - float64(int64(at))) * float64(cycle))
}

// paths of the site, 1 first.
func (s site) paths() []uint32 {
	if s.SecondPath {
		return []uint32{1, 2}
	}
	return []uint32{1}
}

// Act is what a panel reports.
type Act uint8

// The acts. Each restore follows what it restores.
const (
	Poll Act = iota
	Opening
	Closing
	Intrusion
	IntrusionRestored
	Tamper
	TamperRestored
	Fire
	FireRestored
	HoldUp
	HoldUpRestored
	Mains
	MainsRestored
	Battery
	BatteryRestored
	PeriodicTest
)

// codes of the acts in both formats; restore is Contact ID's qualifier.
var codes = [...]struct {
	sia, cid string
	restore  bool
	user     bool
	zone     bool
}{
	Opening: {sia: "OP", cid: "401", user: true}, Closing: {sia: "CL", cid: "401", restore: true, user: true},
	Intrusion: {sia: "BA", cid: "130", zone: true}, IntrusionRestored: {sia: "BR", cid: "130", restore: true, zone: true},
	Tamper: {sia: "TA", cid: "137", zone: true}, TamperRestored: {sia: "TR", cid: "137", restore: true, zone: true},
	Fire: {sia: "FA", cid: "110", zone: true}, FireRestored: {sia: "FR", cid: "110", restore: true, zone: true},
	HoldUp: {sia: "PA", cid: "120", zone: true}, HoldUpRestored: {sia: "PR", cid: "120", restore: true, zone: true},
	Mains: {sia: "AT", cid: "301"}, MainsRestored: {sia: "AR", cid: "301", restore: true},
	Battery: {sia: "YT", cid: "302"}, BatteryRestored: {sia: "YR", cid: "302", restore: true},
	PeriodicTest: {sia: "RP", cid: "602"},
}

// message is what the site's panel sends for an action.
func (s site) message(a Action) panel.Message {
	if a.Do == Poll {
		if a.Path == 1 {
			return panel.Poll(s.Account, 0)
		}
		return panel.Poll(s.Account, a.Path)
	}
	c := codes[a.Do]
	e := panel.Event{Account: s.Account, Code: c.sia, Restore: c.restore}
	if c.user {
		e.User = strconv.Itoa(1 + int(a.Zone)%4)
	}
	if c.zone {
		e.Zone = zones[a.Zone].Number
	}
	if s.ContactID {
		e.Code = c.cid
		return panel.ContactID(e)
	}
	if c.zone {
		e.Text = zones[a.Zone].Label
	}
	return panel.SIA(e)
}

// draw is a number in [0, 1) that follows from its arguments alone.
func draw(seed uint64, i int, what string, n int) float64 {
	h := seed ^ 14695981039346656037
	mix := func(v uint64) {
		// splitmix64: neighbouring arguments give unrelated numbers.
		h += v + 0x9E3779B97F4A7C15
		h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
		h = (h ^ h>>27) * 0x94D049BB133111EB
		h ^= h >> 31
	}
	for _, b := range []byte(what) {
		mix(uint64(b))
	}
	mix(uint64(i))
	mix(uint64(n))
	return float64(h>>11) / (1 << 53)
}

// pick is a whole number in [0, bound).
func pick(seed uint64, i int, what string, n, bound int) int {
	return int(draw(seed, i, what, n) * float64(bound))
}
