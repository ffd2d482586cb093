package oracle

import (
	"testing"
	"time"

	"github.com/open-vigie/vigie/loadtest/driver"
	"github.com/open-vigie/vigie/loadtest/scenario"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

var demoFigures = Figures{StormAlarms: 6, StormWindow: 20 * time.Second, Grace: 2 * time.Second, ArmedFor: 30 * time.Second, Openings: 1}

// told is a plan of five minutes and what a perfect run would leave of it.
func told(t *testing.T) (*scenario.Plan, []*driver.Event, Detected) {
	t.Helper()
	p, err := scenario.New(scenario.Config{Name: scenario.Lockdown, Seed: 3, Sites: 500, Rate: 100, Duration: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var events []*driver.Event
	for m := range p.Messages() {
		events = append(events, &driver.Event{Panel: m.Site, Do: m.Do, Due: m.Due, Answered: m.Due + 10*time.Millisecond, State: driver.Acknowledged})
	}
	d := Detected{}
	for kind, sites := range map[vigiev1.DetectionKind][]int{
		vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM:             keys(p.Story().Storms),
		vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK: keys(p.Story().Closed),
		vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST:      keys(p.Story().Silent),
	} {
		d[kind] = map[int]bool{}
		for _, site := range sites {
			d[kind][site] = true
		}
	}
	return p, events, d
}

func keys[V any](m map[int]V) []int {
	var list []int
	for k := range m {
		list = append(list, k)
	}
	return list
}

func TestStoryThatWasDetectedIsGreen(t *testing.T) {
	p, events, d := told(t)
	for _, r := range Judge(p, events, d, demoFigures, 30*time.Second) {
		if !r.Green() || !r.Judged || r.Due == 0 || r.Due != r.Injected {
			t.Errorf("%+v", r)
		}
	}
}

func TestWhatWasNotDetectedOrWithoutCauseIsTold(t *testing.T) {
	p, events, d := told(t)
	storms := d[vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM]
	delete(storms, keys(p.Story().Storms)[0])
	calm := 0
	for storms[calm] || p.Sites[calm].Storms {
		calm++
	}
	storms[calm] = true
	r := Judge(p, events, d, demoFigures, 30*time.Second)[0]
	if r.Green() || r.Missed != 1 || r.Extra != 1 {
		t.Errorf("%+v", r)
	}
}

// A storm whose alarms were not all acknowledged in time is not owed a detection.
func TestUncertainStormIsNotDue(t *testing.T) {
	p, events, d := told(t)
	site := keys(p.Story().Storms)[0]
	delete(d[vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM], site)
	for _, e := range events {
		if e.Panel == site && e.Do == scenario.Tamper {
			e.State = driver.Unanswered
			break
		}
	}
	if r := Judge(p, events, d, demoFigures, 30*time.Second)[0]; !r.Green() || r.Due != r.Injected-1 {
		t.Errorf("%+v", r)
	}
}

func TestUnknownFiguresAreNotJudged(t *testing.T) {
	p, events, _ := told(t)
	for _, r := range Judge(p, events, Detected{}, Figures{}, 30*time.Second) {
		if r.Judged || !r.Green() {
			t.Errorf("%+v", r)
		}
	}
}
