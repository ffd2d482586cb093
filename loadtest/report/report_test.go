package report

import (
	"bytes"
	"encoding/json"
	"html"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/open-vigie/vigie/loadtest/oracle"
)

// good is a run as it should be.
func good() *Report {
	r := &Report{
		StartedAt: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC), Command: "vigie-load run lockdown --seed 1",
		Scenario: Scenario{Name: "lockdown", Seed: 1, Sites: 5000, Rate: 500, DurationMS: 600_000, ClosedSites: 3000, Storms: 50, SilentSites: 90},
		Messages: Messages{Offered: 300_000, Acknowledged: 300_000, OfferedRate: 500, AchievedRate: 500, LateShare: 0.001, LateBoundMS: 20},
		Latency:  []Latency{{Class: "alarm", Intended: Quantiles{Count: 60_000, P50: 4, P90: 8, P99: 12.4, P999: 30, Max: 200}}, {Class: "poll", Intended: Quantiles{Count: 9}}},
		Lag:      Lag{ProcessorBehind: Quantiles{Count: 100, Max: 812}, ProcessorRecordsEnd: 3},
		Oracle:   Oracle{Findings: oracle.Findings{Acknowledged: 210_000, Records: 210_000}},
		Rules:    []Rule{{Name: "alarm-storm", Injected: 50, Due: 50, Detected: 50, Judged: true}},
	}
	for i := range 60 {
		at := float64(i * 1000)
		r.Curve = append(r.Curve, Point{AtMS: at, OfferedRate: 500, AchievedRate: 499, AlarmP50: 4, AlarmP99: 12 + float64(i%7), PollP99: 260})
		r.Samples = append(r.Samples, Sample{AtMS: at, ProcessorRecords: int64(i), ArchiverRecords: -1, Resident: []int64{1e8 + int64(i)*1e6}, CPUShare: 0.5})
	}
	r.Processes = []Process{{Name: "vigie", MaxResident: 2e8, CPUSeconds: 40, CPUShare: 0.1}}
	return r
}

func TestAnswerIsOneSentence(t *testing.T) {
	r := good()
	r.Judge(false)
	want := "This installation took 500 messages/s from 5,000 sites for 10 min; 99 % of alarms were acknowledged within 12 ms; nothing lost, nothing doubled; the processor was never more than 812 ms behind."
	if got := plain(r.Answer.EN); !r.Valid || got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	want = "Cette installation a pris 500 messages/s de 5 000 sites pendant 10 min ; 99 % des alarmes ont été acquittées en 12 ms au plus ; rien de perdu, rien en double ; le traitement n'a jamais eu plus de 812 ms de retard."
	if got := plain(r.Answer.FR); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func plain(s string) string { return strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(s) }

// What was measured honestly and is bad is an answer, not an invalid run.
func TestAnswerSaysWhenItWasTooMuch(t *testing.T) {
	r := good()
	r.Messages.Acknowledged -= 1234
	r.Lag.ProcessorRecordsEnd = 90_000
	r.Lag.ArchiverRecordsEnd = 6_109
	r.Messages.DrainMS = 15_500
	r.Judge(false)
	for _, want := range []string{"did not carry them", "1,234 of 300,000 messages got no ACK", "the last answers came 15.5\u00a0s after the end", "at the end the processor was 90,000 records behind", "ClickHouse lacked 6,109 records"} {
		if !r.Valid || !strings.Contains(r.Answer.EN, want) {
			t.Errorf("%q lacks %q", r.Answer.EN, want)
		}
	}
}

func TestInvalidIsTheFirstLineWithEveryReason(t *testing.T) {
	for want, spoil := range map[string]func(*Report) bool{
		"acknowledged messages are not in the log":   func(r *Report) bool { r.Oracle.Lost = 2; return false },
		"more than one effect":                       func(r *Report) bool { r.Oracle.Doubled = 1; return false },
		"sent by no panel":                           func(r *Report) bool { r.Oracle.Foreign = 1; return false },
		"polls are in no beat":                       func(r *Report) bool { r.Oracle.PollsLost = 1; return false },
		"are not what the log gives":                 func(r *Report) bool { r.Oracle.Differ = 1; return false },
		"derived records are missing":                func(r *Report) bool { r.Oracle.Missing = 1; return false },
		"the log could not be judged: it is cut":     func(r *Report) bool { r.Oracle.Failed = "it is cut"; return false },
		"alarm-storm: 1 sites":                       func(r *Report) bool { r.Rules[0].Missed = 1; return false },
		"1.1 % of the messages left more than 20 ms": func(r *Report) bool { r.Messages.LateShare = 0.011; return false },
		"the generator used 41 % of the machine":     func(r *Report) bool { r.Generator.CPUShare = 0.41; return false },
		"no message got an ACK":                      func(r *Report) bool { r.Messages.Acknowledged = 0; return false },
		"interrupted":                                func(*Report) bool { return true },
	} {
		r := good()
		r.Judge(spoil(r))
		page := render(t, r, "en")
		first := page[strings.Index(page, `id="answer"`):]
		if r.Valid || r.Answer.EN != "" || len(r.Reasons) != 1 || !strings.Contains(plain(r.Reasons[0].EN), want) || r.Reasons[0].FR == "" ||
			r.Lines("en")[0] != "INVALID" || r.Lines("fr")[0] != "INVALIDE" || !strings.HasPrefix(first, `id="answer">INVALID<`) {
			t.Errorf("%s: %+v %v", want, r.Reasons, r.Lines("en"))
		}
	}
}

func TestBoundsAreKept(t *testing.T) {
	r := good()
	r.Messages.LateShare, r.Generator.CPUShare = MaxLateShare, MaxGeneratorCPU
	if r.Judge(false); !r.Valid {
		t.Errorf("%v", r.Reasons)
	}
}

func render(t *testing.T, r *Report, lang string) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteHTML(&b, lang); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageNeedsNothingButItself(t *testing.T) {
	r := good()
	r.Judge(false)
	for _, lang := range []string{"en", "fr"} {
		page := render(t, r, lang)
		if outside := regexp.MustCompile(`(?i)(src=|href=|url\(|@import|<script|<link|https?://)`).FindString(page); outside != "" {
			t.Errorf("%s: the page asks for %q", lang, outside)
		}
		if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") || strings.Count(page, "<svg") != 5 {
			t.Errorf("%s: the charts are not drawn", lang)
		}
		for _, want := range []string{r.Answer.In(lang), "12 ms", "vigie-load run lockdown --seed 1"} {
			if !strings.Contains(plain(html.UnescapeString(page)), plain(want)) {
				t.Errorf("%s: the page lacks %q", lang, want)
			}
		}
	}
	if strings.Contains(render(t, r, "fr"), "How long") {
		t.Error("the French page speaks English")
	}
}

func TestPageOfAnEmptyRunIsDrawn(t *testing.T) {
	r := &Report{}
	r.Judge(true)
	if page := render(t, r, "en"); strings.Contains(page, "NaN") || !strings.Contains(page, "INVALID") {
		t.Error(page)
	}
}

func TestJSONIsReadBack(t *testing.T) {
	r := good()
	r.Judge(false)
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.SchemaVersion != SchemaVersion || back.Answer != r.Answer || back.Latency[0] != r.Latency[0] || back.Oracle.Acknowledged != 210_000 {
		t.Errorf("%+v", back)
	}
}

func TestFiguresAreWrittenAsPeopleReadThem(t *testing.T) {
	for want, got := range map[string]string{
		"1,234,567": count(1_234_567, "en"), "1 234": count(1234, "fr"), "-1": count(-1, "en"), "999": count(999, "en"),
		"9.5 ms": ms(9.54, "en"), "9,5 ms": ms(9.54, "fr"), "213 ms": ms(213.4, "en"), "1.2 s": ms(1234, "en"),
		"40 %": percent(0.4, "en"), "0.5 %": percent(0.005, "en"), "1 %": percent(0.01, "en"),
		"10 min": length(600_000), "45 s": length(45_000), "2 h": length(7_200_000), "2 min 30 s": length(150_000), "1,5": rate(1.5, "fr"),
	} {
		if plain(got) != want {
			t.Errorf("%q, want %q", plain(got), want)
		}
	}
}

func TestScalesAreRoundAndHoldEveryValue(t *testing.T) {
	for _, logarithmic := range []bool{false, true} {
		for _, values := range [][]float64{{3, 270, 1100}, {0.2}, {0}, {math.NaN()}, nil} {
			c := chart{logarithmic: logarithmic, unit: func(float64) string { return "" }, lines: []series{{at: make([]float64, len(values)), values: values}}}
			_, low, high := c.bounds()
			y := c.scale(low, high)
			for _, v := range values {
				if at := y(v); !missing(v) && (at < top-0.01 || at > top+plotHeight+0.01) {
					t.Errorf("%v logarithmic %t: %g is drawn at %g", values, logarithmic, v, at)
				}
			}
			if high <= low || math.IsNaN(y(high)) {
				t.Errorf("%v logarithmic %t: from %g to %g", values, logarithmic, low, high)
			}
		}
	}
}
