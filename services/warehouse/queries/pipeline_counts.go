package queries

import "time"

// PipelineCount is the one row of PipelineCounts.
type PipelineCount struct {
	Events      uint64 `ch:"events"`
	Heartbeats  uint64 `ch:"heartbeats"`
	Beats       uint64 `ch:"beats"`
	Detections  uint64 `ch:"detections"`
	Incidents   uint64 `ch:"incidents"`
	Rejected    uint64 `ch:"rejected"`
	Undecodable uint64 `ch:"undecodable"`
	// NewestBeat is 1970-01-01 when there is none.
	NewestBeat time.Time `ch:"newest_beat"`
}

// PipelineCounts says what passed through the pipeline in a window.
func PipelineCounts(from, to time.Time) Call[PipelineCount] {
	return call[PipelineCount]("pipeline_counts", window(from, to))
}
