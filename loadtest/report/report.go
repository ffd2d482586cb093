// Package report is the result of a load run: a documented structure that is
// written as JSON, the verdict and the answer in one sentence, and a page that
// needs nothing but itself.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/open-vigie/vigie/loadtest/measure"
	"github.com/open-vigie/vigie/loadtest/oracle"
)

// SchemaVersion of the JSON; it rises when a field changes its meaning or goes.
const SchemaVersion = 1

// Text is a sentence in both languages of the product.
type Text struct {
	EN string `json:"en"`
	FR string `json:"fr"`
}

// In the language: "fr", or English for any other.
func (t Text) In(lang string) string {
	if lang == "fr" {
		return t.FR
	}
	return t.EN
}

// Report of one run. Durations are milliseconds, memory bytes, rates per second.
type Report struct {
	SchemaVersion int `json:"schema_version"`
	// Valid: the oracle is green and the generator kept its schedule. Reasons say
	// why not; a report that is not valid answers nothing.
	Valid   bool   `json:"valid"`
	Reasons []Text `json:"reasons"`
	// Answer in one sentence; empty when the report is not valid.
	Answer Text `json:"answer"`

	StartedAt time.Time `json:"started_at"`
	// Command repeats the run.
	Command    string    `json:"command"`
	Scenario   Scenario  `json:"scenario"`
	Messages   Messages  `json:"messages"`
	Latency    []Latency `json:"latency"`
	EndToEnd   Quantiles `json:"end_to_end"`
	Lag        Lag       `json:"lag"`
	Curve      []Point   `json:"curve"`
	Samples    []Sample  `json:"samples"`
	Processes  []Process `json:"processes"`
	Generator  Generator `json:"generator"`
	Oracle     Oracle    `json:"oracle"`
	Rules      []Rule    `json:"rules"`
	Machine    Machine   `json:"machine"`
	Versions   []Version `json:"versions"`
	Durability string    `json:"durability"`
	// NotMeasured names what could not be measured, with the reason.
	NotMeasured []Missing `json:"not_measured,omitempty"`
}

type (
	// Oracle's findings, all partitions together.
	Oracle struct {
		oracle.Findings
		// Failed says why the log could not be judged; "" when it was.
		Failed string `json:"failed,omitempty"`
		// TookMS is how long judging took.
		TookMS float64 `json:"took_ms"`
	}
	// Rule compares what was injected with what was detected.
	Rule = oracle.Rule
	// Machine that it was measured on: the load lab's own.
	Machine = measure.Machine
)

// Scenario that was run.
type Scenario struct {
	Name       string  `json:"name"`
	Seed       uint64  `json:"seed"`
	Sites      int     `json:"sites"`
	Rate       float64 `json:"rate"`
	DurationMS float64 `json:"duration_ms"`
	// Pace is how many times faster than in life an ordinary day passed.
	Pace float64 `json:"pace"`
	// PollEveryMS of a polling panel, PollingSites of them.
	PollEveryMS  float64 `json:"poll_every_ms"`
	PollingSites int     `json:"polling_sites"`
	// Injected on purpose.
	ClosedSites int `json:"closed_sites"`
	Storms      int `json:"storms"`
	SilentSites int `json:"silent_sites"`
	// CommissioningMS is how long the fleet's first messages took, before the run.
	CommissioningMS float64 `json:"commissioning_ms"`
}

// Messages of the run.
type Messages struct {
	Offered      int     `json:"offered"`
	Acknowledged int     `json:"acknowledged"`
	OfferedRate  float64 `json:"offered_per_second"`
	// AchievedRate counts ACKs over the time from the start to the last message.
	AchievedRate float64 `json:"achieved_per_second"`
	// Late were held up by the generator itself by more than LateBoundMS.
	Late        int     `json:"late"`
	LateShare   float64 `json:"late_share"`
	LatestMS    float64 `json:"latest_ms"`
	LateBoundMS float64 `json:"late_bound_ms"`
	// Queued waited in their panel for the answer to the message before.
	Queued int `json:"queued"`
	// DrainMS is how long after the end of the schedule the last answer came.
	DrainMS float64 `json:"drain_ms"`
	// NotSent, Unanswered, Refused got no ACK; Repeated were sent more than once.
	NotSent    int `json:"not_sent"`
	Unanswered int `json:"unanswered"`
	Refused    int `json:"refused"`
	Repeated   int `json:"repeated"`
}

// Quantiles of a latency, milliseconds.
type Quantiles struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p99_9_ms"`
	Max   float64 `json:"max_ms"`
}

// Latency of a class of messages.
type Latency struct {
	Class string `json:"class"`
	// Intended counts from the time at which the panel meant to send; Service
	// from its first try, as a closed loop would report.
	Intended Quantiles `json:"intended"`
	Service  Quantiles `json:"service"`
}

// Lag of the stages behind the log; -1 where it could not be measured.
type Lag struct {
	// ProcessorBehind is, for each commit, the age of the oldest panel event in it
	// when a consumer saw that it was done.
	ProcessorBehind     Quantiles `json:"processor_behind"`
	ProcessorRecordsMax int64     `json:"processor_records_max"`
	// ProcessorRecordsEnd is what was left when the schedule ended.
	ProcessorRecordsEnd int64   `json:"processor_records_end"`
	ArchiverRecordsMax  int64   `json:"archiver_records_max"`
	ArchiverRecordsEnd  int64   `json:"archiver_records_end"`
	ArchiverBehindMaxMS float64 `json:"archiver_behind_max_ms"`
}

// Point of the curves: messages due in it and their latency; 0 where none was.
type Point struct {
	AtMS         float64 `json:"at_ms"`
	OfferedRate  float64 `json:"offered_per_second"`
	AchievedRate float64 `json:"achieved_per_second"`
	AlarmP50     float64 `json:"alarm_p50_ms"`
	AlarmP99     float64 `json:"alarm_p99_ms"`
	AlarmMax     float64 `json:"alarm_max_ms"`
	PollP50      float64 `json:"poll_p50_ms"`
	PollP99      float64 `json:"poll_p99_ms"`
}

// Sample of the installation; -1 where it could not be measured.
type Sample struct {
	AtMS             float64 `json:"at_ms"`
	ProcessorRecords int64   `json:"processor_records"`
	ArchiverRecords  int64   `json:"archiver_records"`
	ArchiverBehindMS float64 `json:"archiver_behind_ms"`
	// Resident memory by process, in the order of Report.Processes.
	Resident []int64 `json:"resident_bytes"`
	// CPUShare of the installation and of the generator since the sample before,
	// 0 to 1 of the whole machine; -1 in the first.
	CPUShare       float64 `json:"cpu_share"`
	GeneratorShare float64 `json:"generator_cpu_share"`
}

// Process of the installation.
type Process struct {
	Name        string  `json:"name"`
	MaxResident int64   `json:"max_resident_bytes"`
	CPUSeconds  float64 `json:"cpu_seconds"`
	// CPUShare of the whole machine over the run, 0 to 1.
	CPUShare float64 `json:"cpu_share"`
}

// Generator is the load lab itself.
type Generator struct {
	CPUSeconds float64 `json:"cpu_seconds"`
	CPUShare   float64 `json:"cpu_share"`
}

// Version of a part.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Missing measure.
type Missing struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
}

// WriteJSON writes the report.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
