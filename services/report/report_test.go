package report

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/dashboards/seed/expect"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

var paris = mustZone("Europe/Paris")

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

// The week has the night in which clocks go back: its Sunday has 25 hours.
var weekEnd = time.Date(2026, 10, 29, 0, 0, 0, 0, paris)

func seeded(t *testing.T) (*seed.History, *warehouse.DB) {
	t.Helper()
	h := seed.New(8, weekEnd.UTC(), 7*24*time.Hour, 300)
	for i := range h.SiteStates {
		if s := &h.SiteStates[i]; !s.Deleted {
			s.Groups = append(s.Groups, everywhere)
		}
	}
	db := enginetest.Open(t, enginetest.Shared(t))
	if err := errors.Join(seed.KeepForEver(context.Background(), db), h.Load(context.Background(), db)); err != nil {
		t.Fatal(err)
	}
	return h, db
}

// The report says what plain loops over the history say.
func TestSLA(t *testing.T) {
	h, db := seeded(t)
	from := time.Date(2026, 10, 23, 0, 0, 0, 0, paris)
	r, err := Make(context.Background(), db, Options{From: from, To: weekEnd, Zone: paris, Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	wantService(t, r, h)
	if r.SiteCount != 0 || r.Sites != nil || r.Incidents != nil {
		t.Errorf("the centre's report is of %d sites, %d incidents are listed", r.SiteCount, len(r.Incidents))
	}
	a := expect.Args{From: from.UTC(), To: weekEnd.UTC()}
	until := expect.DataFreshness(h, a)[0].NewestBeat
	if len(r.Answers) == 0 || len(r.Days) != 6 || len(r.Outcomes) == 0 || len(r.Detections) == 0 || !r.DataUntil.Equal(until) || r.Provisional != until.Before(a.To.Add(-freshness)) {
		t.Errorf("%d classes, %d days, %d outcomes, %d kinds of detections, data until %s (want %s), provisional %v",
			len(r.Answers), len(r.Days), len(r.Outcomes), len(r.Detections), r.DataUntil, until, r.Provisional)
	}
	written(t, r)
}

// written: each form holds what the report says.
func written(t *testing.T, r *SLA) {
	t.Helper()
	var asJSON, asCSV bytes.Buffer
	if err := errors.Join(r.WriteJSON(&asJSON), r.WriteCSV(&asCSV, Tables[0])); err != nil {
		t.Fatal(err)
	}
	var again SLA
	if err := json.Unmarshal(asJSON.Bytes(), &again); err != nil || !reflect.DeepEqual(*r, again) {
		t.Errorf("the JSON read again is another report (%v)", err)
	}
	rows, err := csv.NewReader(&asCSV).ReadAll()
	if err != nil || len(rows) != 1+len(r.Answers) {
		t.Errorf("%d lines of CSV for %d classes (%v)", len(rows), len(r.Answers), err)
	}
	typed(t, r)
	onPaper(t, r)
	for lang, words := range map[string][]string{"en": {"Answer times", "Intrusion", "User error", "Communication lost"}, "fr": {"Délais de réponse", "Intrusion", "Erreur utilisateur", "Site injoignable"}} {
		var page bytes.Buffer
		if err := r.WriteHTML(&page, lang); err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if !strings.Contains(page.String(), word) {
				t.Errorf("the page in %q does not say %q", lang, word)
			}
		}
		if outside := regexp.MustCompile(`(src|href)=|url\(|@import`).FindString(page.String()); outside != "" {
			t.Errorf("the page needs something else: %s", outside)
		}
	}
}

// Where the warehouse has not come to the end of the period, the report says so.
func TestProvisional(t *testing.T) {
	_, db := seeded(t)
	r, err := Make(context.Background(), db, Options{From: weekEnd.AddDate(0, 0, -1), To: weekEnd.AddDate(0, 0, 1), Zone: paris})
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := r.WriteHTML(&page, "fr"); err != nil || !r.Provisional || !strings.Contains(page.String(), "Provisoire") {
		t.Errorf("provisional %v, %v", r.Provisional, err)
	}
}

func TestASignedReportIsProven(t *testing.T) {
	secret, public, err := note.GenerateKey(rand.Reader, "test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err1 := note.NewSigner(secret)
	verifier, err2 := note.NewVerifier(public)
	text := []byte("<html>a report</html>")
	signed, err3 := Sign(text, signer)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	trusted := note.VerifierList(verifier)
	if err := Check(text, signed, trusted); err != nil {
		t.Error(err)
	}
	if err := Check(append(text, ' '), signed, trusted); !errors.Is(err, ErrChanged) {
		t.Errorf("a changed report: %v", err)
	}
	if err := Check(text, bytes.Replace(signed, []byte("v1"), []byte("v2"), 1), trusted); err == nil {
		t.Error("a changed digest was taken")
	}
	if err := Check(text, signed, note.VerifierList()); err == nil {
		t.Error("a digest under an unknown key was taken")
	}
}

// Each name that the tables can hold has a French word.
func TestEveryNameHasAWord(t *testing.T) {
	for names, words := range map[*map[int32]string]map[string]string{
		&vigiev1.EventClass_name: frenchClasses, &vigiev1.IncidentOutcome_name: frenchOutcomes, &vigiev1.DetectionKind_name: frenchKinds,
	} {
		for n, name := range *names {
			name = strings.ToLower(name)
			for _, prefix := range []string{"event_class_", "incident_outcome_", "detection_kind_"} {
				name = strings.TrimPrefix(name, prefix)
			}
			if n != 0 && words[name] == "" {
				t.Errorf("%s has no French word", name)
			}
		}
	}
}

// A period that still runs is told up to now: what lasts counts no hour that is to come.
func TestAPeriodThatStillRuns(t *testing.T) {
	h, db := seeded(t)
	o := Options{From: time.Date(2026, 10, 23, 0, 0, 0, 0, paris), To: weekEnd.AddDate(0, 0, 3), Zone: paris, Now: weekEnd.Add(-5 * time.Hour)}
	r, err := Make(context.Background(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	a := expect.Args{From: o.From.UTC(), To: o.Now.UTC()}
	if heard := expect.CommunicationAvailability(h, a)[0]; r.Heard.LostMS != heard.LostMS || *r.Heard.Availability != *heard.Availability {
		t.Errorf("lost for %d ms instead of %d, %v of the time heard instead of %v", r.Heard.LostMS, heard.LostMS, *r.Heard.Availability, *heard.Availability)
	}
	if until := expect.DataFreshness(h, a)[0].NewestBeat; !r.DataUntil.Equal(until) || !r.Provisional || !r.To.Equal(o.To) || len(r.Days) != 6 {
		t.Errorf("data until %s instead of %s, provisional %v, to %s, %d days", r.DataUntil, until, r.Provisional, r.To, len(r.Days))
	}
	o.Now = o.From.Add(-time.Hour)
	if _, err := Make(context.Background(), db, o); err == nil || !strings.Contains(err.Error(), "still to come") {
		t.Errorf("a period of the future: %v", err)
	}
	r.DataUntil, r.Days = time.Time{}, r.Days[:1]
	r.Days[0].Alarms = 0
	for lang, words := range map[string][]string{"en": {"nothing of the period&#39;s last day", "No alarm was accepted"}, "fr": {"rien n’est encore arrivé", "Aucune alarme"}} {
		var b bytes.Buffer
		if err := r.WriteHTML(&b, lang); err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s: %q is not said", lang, w)
			}
		}
	}
}
