// Package seed makes a believable history of an alarm receiving centre, row by
// row as the archiver writes it, for tests of queries and dashboards and for
// their pictures: a normal life with its days and nights, operators who claim
// and sometimes miss, lines that fail, and near the end a lockdown, in which one
// site after another closes around the clock.
//
// New makes the whole history in memory, the same for the same arguments; Load
// puts it into a warehouse. What a query must say of it is computed from the
// structs (package expect), never in SQL.
package seed

import (
	"time"

	"github.com/google/uuid"
)

// Place is where in the log a record stood.
type Place struct {
	Partition uint16
	Offset    uint64
	Index     uint32
}

// Event is a row of the table events.
type Event struct {
	Place
	ID         uuid.UUID
	Site       uint64
	ReceivedAt time.Time
	// Kind is the name of the event's body: alarm_raised, disarmed, …
	Kind string
	// Origin is panel, user or system.
	Origin   string
	Class    string
	Code     string
	Area     string
	Zone     string
	Mode     string
	Restored bool
	Account  string
	Path     uint8
	Receiver string
	Incident string
	Operator string
	Role     string
	Result   string
	Outcome  string
}

// Outcome is a row of the table outcomes.
type Outcome struct {
	Place
	EventID    uuid.UUID
	Site       uint64
	ReceivedAt time.Time
	// Status is accepted, heard_again, refused or repeated.
	Status   string
	Reason   string
	Incident string
}

// Area is an area of a site in a SiteState.
type Area struct {
	Name  string
	Mode  string
	Since time.Time
}

// Path is a path of a site in a SiteState.
type Path struct {
	Number    uint8
	Status    string
	LastHeard time.Time
}

// SiteState is a row of the table site_states: a site's public state from
// ReceivedAt until its next row.
type SiteState struct {
	Place
	EventID           uuid.UUID
	Site              uint64
	ReceivedAt        time.Time
	Version           uint64
	Deleted           bool
	Label             string
	SiteClass         string
	Undeclared        bool
	Account           string
	Areas             []Area
	Paths             []Path
	CommunicationLost bool
	// Closure is none, detected, declared or end_to_confirm.
	Closure     string
	ClosedSince time.Time
	// ClosureChangedAt is Never in records of before it was told.
	ClosureChangedAt time.Time
	Storm            bool
	OpenIncidents    []string
	OpenDetections   []string
	AcceptedEvents   uint64
	Degraded         bool
	Groups           []string
	TimeZone         string
}

// Incident is a row of the table incidents: one version of an incident. A clock
// that was not reached is the zero time of the table, 1970-01-01.
type Incident struct {
	Place
	EventID    uuid.UUID
	Site       uint64
	ReceivedAt time.Time
	ID         string
	Version    uint64
	Deleted    bool
	ClassGroup string
	Class      string
	// Status is open, claimed, verified, parked or closed.
	Status   string
	Priority uint8

	OpenedAt, DisplayedAt, ClaimedAt, FirstActAt time.Time
	VerifiedAt, ClosedAt, AtRiskAt, MissedAt     time.Time
	LastAlarmAt                                  time.Time

	ClaimedBy, ClosedBy string
	Outcome             string
	Alarms              uint64
	ReAlerts            uint32
	Storm               bool
	Zone, Area          string
}

// Detection is a row of the table detections: opened, updated or closed.
type Detection struct {
	Place
	ID                 uuid.UUID
	Site               uint64
	ReceivedAt         time.Time
	Kind, Status       string
	OpenedAt, ClosedAt time.Time
	EvidenceCount      uint64
	Path               uint8
	Zone               string
	Incident           string
	CloseReason        string
	// GroupName and GroupCount are of those of the fleet, which have no site.
	GroupName  string
	GroupCount uint64
}

// Beat is a row of the table beats.
type Beat struct {
	Place
	ReceivedAt time.Time
	Writer     string
	WriterKind string
	Sequence   uint64
	// Heartbeats is how many polls it carried.
	Heartbeats uint32
}

// Heartbeat is a row of the table heartbeats.
type Heartbeat struct {
	Place
	Site       uint64
	Path       uint8
	ReceivedAt time.Time
	Receiver   string
}

// Rejected is a row of the table rejected.
type Rejected struct {
	Place
	Site       uint64
	ReceivedAt time.Time
	Stage      string
	Reason     string
}

// History is all that the archiver has written, in order of time.
type History struct {
	// Start and End of the history; End is the "now" of its last rows.
	Start, End time.Time
	Events     []Event
	Outcomes   []Outcome
	SiteStates []SiteState
	Incidents  []Incident
	Detections []Detection
	Beats      []Beat
	Heartbeats []Heartbeat
	Rejected   []Rejected
}

// Never is the time of a clock that was not reached, as the tables have it.
var Never = time.UnixMilli(0).UTC()
