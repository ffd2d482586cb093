package queries

import "time"

// PipelineBucket is what passed through the pipeline in a bucket.
type PipelineBucket struct {
	Time       time.Time `ch:"time"`
	Events     uint64    `ch:"events"`
	Heartbeats uint64    `ch:"heartbeats"`
	Detections uint64    `ch:"detections"`
	Rejected   uint64    `ch:"rejected"`
}

// PipelineFlow counts what passed through the pipeline, with a row for each bucket.
func PipelineFlow(from, to time.Time, bucket time.Duration) Call[PipelineBucket] {
	return call[PipelineBucket]("pipeline_flow", buckets(from, to, bucket))
}
