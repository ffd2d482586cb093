package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/dashboards/seed/expect"
	"github.com/open-vigie/vigie/services/warehouse"
)

// wantService: each figure of a report is that of plain loops over a history.
func wantService(t *testing.T, r *SLA, h *seed.History) {
	t.Helper()
	a := expect.Args{From: r.From, To: r.To, Bucket: 15 * time.Minute}
	took := expect.AnswerQuantiles(h, a)
	var answers []Answer
	for _, w := range expect.AnswerAttainment(h, a) {
		met := 100*w.WithinFirst >= 80*w.Incidents && w.Misses <= w.MissesAllowed
		x := Answer{Class: w.Class, Incidents: w.Incidents, WithinFirst: w.WithinFirst, WithinSecond: w.WithinSecond,
			ShareFirst: w.ShareFirst, ShareSecond: w.ShareSecond, Misses: w.Misses, MissesAllowed: w.MissesAllowed, Met: met}
		for _, q := range took {
			if q.Class == w.Class {
				x.P50MS, x.P95MS, x.P985MS, x.MaxMS = &q.P50MS, &q.P95MS, &q.P985MS, &q.MaxMS
			}
		}
		answers = append(answers, x)
	}
	want(t, "answers", r.Answers, answers)
	var outcomes []Outcome
	for _, o := range expect.IncidentOutcomes(h, a) {
		outcomes = append(outcomes, Outcome(o))
	}
	want(t, "outcomes", r.Outcomes, outcomes)
	heard := expect.CommunicationAvailability(h, a)[0]
	want(t, "communication", *r.Heard, Communication{heard.Outages, heard.Sites, heard.LostMS, heard.LongestMS, heard.Availability})
	closed := expect.ClosedShare(h, a)[0]
	want(t, "closed", *r.Closed, Closed{closed.ClosedSites, closed.AllSites, closed.AlarmsClosed, closed.AlarmsAll, closed.ShareOfSites, closed.ShareOfAlarms})
	wantCounts(t, r, h, a)
}

// wantCounts: alarms of each day, and detections of each kind.
func wantCounts(t *testing.T, r *SLA, h *seed.History, a expect.Args) {
	t.Helper()
	alarms, kinds := map[string]uint64{}, map[string]uint64{}
	for _, b := range expect.AlarmsByClass(h, a) {
		alarms[b.Time.In(paris).Format(time.DateOnly)] += b.Alarms
	}
	for _, b := range expect.DetectionsOverTime(h, a) {
		kinds[b.Kind] += b.Opened
	}
	var days []Day
	for day := r.From.In(paris); day.Before(r.To); day = day.AddDate(0, 0, 1) {
		date := day.Format(time.DateOnly)
		days = append(days, Day{date, alarms[date]})
	}
	want(t, "days", r.Days, days)
	var detections []Detected
	for kind, n := range kinds {
		detections = append(detections, Detected{kind, n})
	}
	slices.SortFunc(detections, func(a, b Detected) int { return cmp.Or(cmp.Compare(b.Opened, a.Opened), cmp.Compare(a.Kind, b.Kind)) })
	want(t, "detections", r.Detections, detections)
}

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n%+v, want\n%+v", what, got, want)
	}
}

// wantLists: the first of what plain loops find, and what was cut.
func wantLists(t *testing.T, r *SLA, h *seed.History) {
	t.Helper()
	a := expect.Args{From: r.From, To: r.To, Limit: 1_000_000}
	var incidents []Incident
	for _, x := range expect.IncidentsOpened(h, a) {
		i := Incident{Incident: x.Incident, Site: x.Site, Class: x.Class, OpenedAt: x.OpenedAt, Answer: x.Answer, Outcome: x.Outcome}
		if x.AnsweredAfterMS > 0 {
			i.AnsweredAfterMS = &x.AnsweredAfterMS
		}
		incidents = append(incidents, i)
	}
	var losses, closures []Span
	for _, x := range expect.LostCommunications(h, a) {
		losses = append(losses, Span{x.Site, x.BeganAt, x.EndedAt, x.BeganBefore, x.Lasts, ""})
	}
	for _, x := range expect.ClosuresInRange(h, a) {
		closures = append(closures, Span{x.Site, x.BeganAt, x.EndedAt, x.BeganBefore, x.Lasts, x.Closure})
	}
	var cut []string
	for name, n := range map[string]int{listIncidents: len(incidents), listLosses: len(losses), listClosures: len(closures)} {
		if n > Few {
			cut = append(cut, name)
		}
	}
	slices.Sort(r.Cut)
	slices.Sort(cut)
	want(t, "cut", r.Cut, cut)
	want(t, "incidents", r.Incidents, incidents[:min(len(incidents), Few)])
	want(t, "lost communications", r.Losses, losses[:min(len(losses), Few)])
	want(t, "closures", r.Closures, closures[:min(len(closures), Few)])
}

// everywhere is a group that all sites of these tests belong to.
const everywhere = "partout"

var carriers = []string{"operateur-a", "operateur-b", "operateur-c"}

// members are the sites of a group at the end of the week.
func members(h *seed.History, group string) (sites []uint64) {
	for _, s := range expect.SitesOfGroup(h, expect.Args{To: weekEnd, Group: group}) {
		sites = append(sites, s.Site)
	}
	return sites
}

// others are the sites that no carrier has at the end: undeclared ones, and those that
// have left.
func others(h *seed.History) (sites []uint64, left int) {
	last := map[uint64]seed.SiteState{}
	for _, s := range h.SiteStates {
		last[s.Site] = s
	}
	for site, s := range last {
		if !slices.ContainsFunc(carriers, func(c string) bool { return slices.Contains(s.Groups, c) }) {
			sites = append(sites, site)
		}
		if s.Deleted {
			left++
		}
	}
	return sites, left
}

// One history for what is asked of some of its sites.
func TestSomeSites(t *testing.T) {
	h, db := seeded(t)
	t.Run("figures", func(t *testing.T) { figuresOfSomeSites(t, h, db) })
	t.Run("groups add up to the centre", func(t *testing.T) { groupsAddUp(t, h, db) })
	t.Run("who is not there", func(t *testing.T) { whoIsNotThere(t, h, db) })
	t.Run("forms", func(t *testing.T) { customersForms(t, h, db) })
}

// What a report says of some sites is what plain loops say of a history in which there
// are no others, whether the sites are a group's or named by their numbers.
func figuresOfSomeSites(t *testing.T, h *seed.History, db *warehouse.DB) {
	all, installer := members(h, everywhere), members(h, "installateur-03")
	gone, _ := others(h)
	closed := expect.ClosuresInRange(h, expect.Args{From: h.Start, To: weekEnd, Limit: 1})[0].Site
	lost := expect.LostCommunications(h, expect.Args{From: h.Start, To: weekEnd, Limit: 1})[0].Site
	for name, c := range map[string]struct {
		group string
		sites []uint64
		named bool
	}{
		"a site that closes":           {"", []uint64{closed}, true},
		"a site that was lost":         {"", []uint64{lost}, true},
		"three sites, one named twice": {"", []uint64{all[40], all[7], all[40], lost}, true},
		"undeclared, or left by then":  {"", gone, true},
		"a small group":                {"installateur-03", installer, true},
		"as many as can be named":      {"", all[:Few], true},
		"a group of more than few":     {everywhere, all, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{From: weekEnd.AddDate(0, 0, -6), To: weekEnd, Zone: paris, Group: c.group}
			if c.group == "" {
				o.Sites = c.sites
			}
			r, err := Make(context.Background(), db, o)
			if err != nil {
				t.Fatal(err)
			}
			sites := slices.Compact(slices.Sorted(slices.Values(c.sites)))
			only := expect.Only(h, sites)
			wantService(t, r, only)
			if r.SiteCount != uint64(len(sites)) || c.named != (len(r.Sites) == len(sites)) || len(r.Sites) > Few {
				t.Errorf("%d sites, %d named, want %d", r.SiteCount, len(r.Sites), len(sites))
			}
			for i, s := range r.Sites {
				if label := expect.SiteKnown(h, expect.Args{To: o.To, Site: sites[i]})[0].Label; s != (Site{sites[i], label}) {
					t.Errorf("%v is told instead of %s (%d)", s, label, sites[i])
				}
			}
			if !c.named {
				only = &seed.History{}
			}
			wantLists(t, r, only)
		})
	}
}

// What is counted of the groups that part the sites, and of the sites of none of them,
// is what is counted of the centre.
func groupsAddUp(t *testing.T, h *seed.History, db *warehouse.DB) {
	o := Options{From: weekEnd.AddDate(0, 0, -6), To: weekEnd, Zone: paris}
	centre, err := Make(context.Background(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	total := map[string]uint64{}
	var parts []Options
	for _, carrier := range carriers {
		parts = append(parts, Options{From: o.From, To: o.To, Zone: paris, Group: carrier})
	}
	sites, left := others(h)
	if parts = append(parts, Options{From: o.From, To: o.To, Zone: paris, Sites: sites}); left == 0 || left == len(sites) {
		t.Errorf("%d sites left, %d are no carrier's: the history does not try both", left, len(sites))
	}
	for _, part := range parts {
		r, err := Make(context.Background(), db, part)
		if err != nil {
			t.Fatal(err)
		}
		for what, n := range counts(r) {
			total[what] += n
		}
	}
	want(t, "all together", total, counts(centre))
}

// counts are the figures of a report that add up.
func counts(r *SLA) map[string]uint64 {
	n := map[string]uint64{
		"losses": r.Heard.Outages, "sites lost": r.Heard.Sites, "ms lost": uint64(r.Heard.LostMS), "sites": r.Closed.AllSites, "closed sites": r.Closed.Sites,
		"alarms": r.Closed.AllAlarms, "alarms of closed sites": r.Closed.Alarms,
	}
	for _, a := range r.Answers {
		n[a.Class], n[a.Class+" within the first"], n[a.Class+" missed"] = a.Incidents, a.WithinFirst, a.Misses
	}
	for _, o := range r.Outcomes {
		n[o.Class+" was "+o.Outcome] = o.Incidents
	}
	for _, d := range r.Days {
		n[d.Date] = d.Alarms
	}
	for _, d := range r.Detections {
		if d.Kind != "group_alarm_storm" { // The fleet's: of no site, so of no part.
			n["detected: "+d.Kind] = d.Opened
		}
	}
	for what, x := range n {
		if x == 0 {
			delete(n, what)
		}
	}
	return n
}

// Who asks for what is not there is told what there is.
func whoIsNotThere(t *testing.T, h *seed.History, db *warehouse.DB) {
	all := members(h, everywhere)
	near := expect.SitesNear(h, expect.Args{To: weekEnd, Site: 199_998, Limit: 1})[0]
	for _, c := range []struct {
		name  string
		group string
		sites []uint64
		is    error
		says  string
	}{
		{"a group with a letter too few", "Operateur-", nil, ErrNoGroup, "nearest names are operateur-a, operateur-b, operateur-c"},
		{"a number that is no site's", "", []uint64{all[0], 199_998}, ErrNoSite, fmt.Sprintf("site 199998: no such site is known at the end of the period; the nearest numbers are %s (%d)", near.Label, near.Site)},
		{"a group and a site", "operateur-a", []uint64{all[0]}, ErrWhose, "one group"},
		{"too many numbers", "", make([]uint64, Few+1), ErrWhose, "at most 200"},
	} {
		_, err := Make(context.Background(), db, Options{From: h.Start, To: weekEnd, Zone: paris, Group: c.group, Sites: c.sites})
		if !errors.Is(err, c.is) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v, which does not say %q", c.name, err, c.says)
		}
	}
	for words, far := range map[[2]string]int{{"chain-07", "Chain-7"}: 1, {"", "ab"}: 2, {"région", "region"}: 1, {"abc", "cab"}: 2, {"x", "x"}: 0} {
		if got := distance(words[0], words[1]); got != far {
			t.Errorf("%q are %d letters apart, want %d", words, got, far)
		}
	}
}

// CSV says figures as machines read them, and nothing for one that is absent.
func TestCellsOfCSV(t *testing.T) {
	ms := int64(61_250)
	r := &SLA{From: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Group: "chain-07", Sites: []Site{{7, "Café, Brest"}, {9, ""}},
		Answers:   []Answer{{Class: "fire", Incidents: 3, WithinFirst: 1, WithinSecond: 2, ShareFirst: 1.0 / 3, ShareSecond: 2.0 / 3, Misses: 1, MaxMS: &ms}},
		Incidents: []Incident{{Incident: "7-A", Site: 7, Class: "fire", OpenedAt: time.Date(2026, 10, 2, 3, 4, 5, 6e6, time.UTC), Answer: "missed"}},
		Losses:    []Span{{Site: 9, From: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 10, 1, 1, 0, 0, 0, time.UTC), BeganBefore: true}}}
	for table, text := range map[string]string{
		"answers": "from,to,group,class,incidents,within_first,within_second,share_first,share_second,misses,misses_allowed,met,p50_ms,p95_ms,p98_5_ms,max_ms,sites\n" +
			"2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,chain-07,fire,3,1,2,0.3333,0.6667,1,0,false,,,,61250,7 9\n",
		"sites":       "number,label\n7,\"Café, Brest\"\n9,\n",
		listIncidents: "incident,site,class,opened_at,answer,answered_after_ms,outcome\n7-A,7,fire,2026-10-02T03:04:05.006Z,missed,,\n",
		listLosses:    "site,from,to,began_before,lasts,closure\n9,2026-10-01T00:00:00Z,2026-10-01T01:00:00Z,true,false,\n",
	} {
		var b bytes.Buffer
		if err := r.WriteCSV(&b, table); err != nil || b.String() != text {
			t.Errorf("%s: %v\n%s, want\n%s", table, err, b.String(), text)
		}
	}
}

// A list of as many as are told is whole; of one more the last is cut, and that is said.
func TestLongListsAreCut(t *testing.T) {
	r := &SLA{}
	if got := firstOf(r, listLosses, make([]int, Few)); len(got) != Few || r.Cut != nil {
		t.Errorf("%d of %d are told, cut: %v", len(got), Few, r.Cut)
	}
	if got := firstOf(r, listClosures, make([]int, Few+1)); len(got) != Few || !slices.Equal(r.Cut, []string{listClosures}) {
		t.Errorf("%d of %d are told, cut: %v", len(got), Few+1, r.Cut)
	}
}

// Each form of a customer's report names the sites and tells what happened there.
func customersForms(t *testing.T, h *seed.History, db *warehouse.DB) {
	o := Options{From: weekEnd.AddDate(0, 0, -3), To: weekEnd, Zone: paris, Program: "test"}
	o.Sites = tellingSites(h, expect.Args{From: o.From, To: o.To, Limit: 1000})
	r, err := Make(context.Background(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	name := r.Sites[len(r.Sites)-1].String()
	for lang, words := range map[string][]string{
		"en": {"Service report: " + fmt.Sprint(len(o.Sites)) + " sites", name, "within the first figure", "not counted", "Lost communications", "Closures around the clock", "Detected", "lasts", "before 2026-10-26 00:00"},
		"fr": {"Rapport de service", name, "dans le premier délai", "ne compte pas", "Communications perdues", "Fermetures continues", "Détectée", "dure encore", "avant le 2026-10-26 00:00"},
	} {
		var page bytes.Buffer
		if err := r.WriteHTML(&page, lang); err != nil {
			t.Fatal(err)
		}
		keep(t, "customer-"+lang+".html", page.Bytes())
		wantWords(t, "page in "+lang, page.String(), words)
		var paper bytes.Buffer
		if err := r.WritePDF(&paper, lang); err != nil {
			t.Fatal(err)
		}
		keep(t, "customer-"+lang+".pdf", paper.Bytes())
		wantWords(t, "PDF in "+lang, textOf(t, paper.Bytes()), words)
	}
	for table, rows := range map[string]int{"answers": len(r.Answers), "outcomes": len(r.Outcomes), "days": 3, "detections": len(r.Detections),
		"sites": len(o.Sites), listIncidents: len(r.Incidents), listLosses: len(r.Losses), listClosures: len(r.Closures)} {
		wantTable(t, r, table, rows)
	}
	if err := r.WriteCSV(&bytes.Buffer{}, "people"); !errors.Is(err, ErrNoTable) {
		t.Errorf("a table that is none: %v", err)
	}
	r.Cut, r.Heard = []string{listLosses}, &Communication{}
	var page, paper bytes.Buffer
	if err := r.WritePDF(&paper, "en"); err != nil {
		t.Fatal(err)
	}
	wantWords(t, "PDF", textOf(t, paper.Bytes()), []string{"No communication was lost", "Cut after 200 lines"})
	if err := r.WriteHTML(&page, "en"); err != nil || strings.Count(page.String(), "Cut after 200 lines") != 1 || !strings.Contains(page.String(), "No communication was lost") {
		t.Errorf("a list that was cut does not say so (%v)", err)
	}
}

// tellingSites are some of a group, and one at least for each thing that can be said of
// an incident, a loss and a closure.
func tellingSites(h *seed.History, a expect.Args) []uint64 {
	sites, said := members(h, "installateur-03"), map[string]bool{}
	pick := func(what string, site uint64) {
		if !said[what] {
			sites, said[what] = append(sites, site), true
		}
	}
	for _, i := range expect.IncidentsOpened(h, a) {
		pick(i.Answer, i.Site)
	}
	for _, l := range expect.LostCommunications(h, a) {
		pick(fmt.Sprint("lost ", l.BeganBefore, l.Lasts), l.Site)
	}
	for _, c := range expect.ClosuresInRange(h, a) {
		pick(fmt.Sprint(c.Closure, c.BeganBefore, c.Lasts), c.Site)
	}
	slices.Sort(sites)
	return slices.Compact(sites)
}

func wantWords(t *testing.T, what, text string, words []string) {
	t.Helper()
	flat := strings.Join(strings.Fields(strings.ReplaceAll(text, "\u00a0", " ")), " ")
	for _, word := range words {
		if !strings.Contains(flat, word) {
			t.Errorf("the %s does not say %q", what, word)
		}
	}
}

// wantTable: the table has these rows in CSV, and as many, of the same columns, as
// Parquet.
func wantTable(t *testing.T, r *SLA, table string, rows int) {
	t.Helper()
	var asCSV, asParquet bytes.Buffer
	if err := errors.Join(r.WriteCSV(&asCSV, table), r.WriteParquet(&asParquet, table)); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&asCSV).ReadAll()
	if err != nil || rows == 0 || len(lines) != 1+rows {
		t.Errorf("%s: %d lines of CSV for %d rows (%v)", table, len(lines), rows, err)
	}
	columns, n := readParquet(t, asParquet.Bytes())
	if n != rows || !slices.Equal(columns, lines[0]) {
		t.Errorf("%s: the Parquet file has %d rows of %v, the CSV %d of %v", table, n, columns, rows, lines[0])
	}
}
