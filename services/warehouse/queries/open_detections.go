package queries

import "time"

// OpenDetection is a detection that is open now.
type OpenDetection struct {
	// Detection is the id written as a UUID: the same 16 bytes as elsewhere.
	Detection     string    `ch:"detection"`
	Site          uint64    `ch:"site"`
	Kind          string    `ch:"kind"`
	OpenedAt      time.Time `ch:"opened_at"`
	EvidenceCount uint64    `ch:"evidence_count"`
	Path          uint8     `ch:"path"`
	Zone          string    `ch:"zone"`
	Incident      string    `ch:"incident"`
}

// OpenDetections lists the detections that are open now.
func OpenDetections() Call[OpenDetection] { return call[OpenDetection]("open_detections", nil) }
