package oracle

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/loadtest/driver"
	"github.com/open-vigie/vigie/loadtest/scenario"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Rule compares what the generator injected with what was detected, by site.
type Rule struct {
	// Name of the detection, in kebab case.
	Name string `json:"name"`
	// Injected sites by the generator's own record. Due are those among them that
	// must have been detected by the end of the run, by the policy's figures.
	Injected int `json:"injected"`
	Due      int `json:"due"`
	// Detected sites, Missed of Due, Extra without having been injected.
	Detected int `json:"detected"`
	Missed   int `json:"missed"`
	Extra    int `json:"extra"`
	// Judged is false where the log's policy has no figures to judge by.
	Judged bool `json:"judged"`
}

// Figures of the policy in force for the scenario's sites, zero when unknown.
type Figures struct {
	StormAlarms uint32
	StormWindow time.Duration
	Grace       time.Duration
	ArmedFor    time.Duration
	Openings    uint32
}

// ReadFigures takes the figures of a class from the newest policy of a log.
func ReadFigures(log []*kgo.Record, class string) (Figures, error) {
	var newest *vigiev1.Policy
	for _, r := range log {
		var record vigiev1.LogRecord
		if err := proto.Unmarshal(r.Value, &record); err != nil {
			continue
		}
		if p := record.GetPolicy(); p != nil && p.Version >= newest.GetVersion() {
			newest = p
		}
	}
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, c := range newest.GetClasses() {
		if c.SiteClass != class {
			continue
		}
		return Figures{
			StormAlarms: c.GetStorm().GetAlarms(), StormWindow: ms(c.GetStorm().GetWindowMs()),
			Grace: ms(c.GetSupervision().GetGraceMs()), ArmedFor: ms(c.GetClosure().GetArmedForMs()), Openings: c.GetClosure().GetMissedOpenings(),
		}, nil
	}
	return Figures{}, fmt.Errorf("the log's policy has no figures for sites of class %q", class)
}

// margin is what a detection may take beyond its figures: beats, timers, a commit.
const margin = 5 * time.Second

// Detected sites of the run by kind: opened from the start to the end of it.
type Detected map[vigiev1.DetectionKind]map[int]bool

// Note takes a record of vigie.detections; siteOf gives the index of a site of the
// run, from and to bound the run in Unix ms.
func (d Detected) Note(r *kgo.Record, siteOf func(uint64) (int, bool), from, to int64) error {
	var det vigiev1.Detection
	if err := proto.Unmarshal(r.Value, &det); err != nil {
		return fmt.Errorf("decode %s partition %d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
	}
	site, ours := siteOf(det.Site)
	if !ours || det.Status != vigiev1.DetectionStatus_DETECTION_STATUS_OPENED || det.AtMs < from || det.AtMs > to {
		return nil
	}
	if d[det.Kind] == nil {
		d[det.Kind] = map[int]bool{}
	}
	d[det.Kind][site] = true
	return nil
}

// Judge compares the detections with the plan's story. cycle is the time between
// two scheduled openings of a site that closes.
func Judge(plan *scenario.Plan, events []*driver.Event, detected Detected, fig Figures, cycle time.Duration) []Rule {
	story := plan.Story()
	known := fig != Figures{}
	storms := map[int]bool{}
	for site := range story.Storms {
		storms[site] = stormed(site, story.Storms[site], events, fig)
	}
	closed := map[int]bool{}
	for site, at := range story.Closed {
		closed[site] = at+max(fig.ArmedFor, time.Duration(max(fig.Openings, 1))*cycle)+margin < plan.Duration
	}
	silent := map[int]bool{}
	for site, span := range story.Silent {
		silent[site] = span.To-span.From > plan.PollEvery+plan.Interval+fig.Grace+margin
	}
	judged := known || plan.Name == scenario.NormalDay
	return []Rule{
		judge("alarm-storm", storms, detected[vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM], judged),
		judge("closed-around-the-clock", closed, detected[vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK], judged),
		judge("communication-lost", silent, detected[vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST], judged),
	}
}

// stormed tells whether enough of a storm's alarms certainly came within the
// policy's window: all of them acknowledged, from the first due to the last answer.
func stormed(site int, span scenario.Span, events []*driver.Event, fig Figures) bool {
	n, end := 0, span.From
	for _, e := range events {
		if e.Panel != site || e.Do != scenario.Tamper || e.Due < span.From || e.Due > span.To {
			continue
		}
		if e.State != driver.Acknowledged {
			return false
		}
		n, end = n+1, max(end, e.Answered)
	}
	return fig.StormAlarms > 0 && n >= int(fig.StormAlarms) && end-span.From <= fig.StormWindow
}

// judge: injected maps each injected site to whether it must have been detected.
func judge(name string, injected map[int]bool, detected map[int]bool, judged bool) Rule {
	r := Rule{Name: name, Injected: len(injected), Detected: len(detected), Judged: judged}
	for site, due := range injected {
		if due {
			r.Due++
			if !detected[site] {
				r.Missed++
			}
		}
	}
	for site := range detected {
		if _, was := injected[site]; !was {
			r.Extra++
		}
	}
	return r
}

// Green: nothing was missed, and nothing detected that was not injected.
func (r Rule) Green() bool { return !r.Judged || r.Missed+r.Extra == 0 }
