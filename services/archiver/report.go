package archiver

import "fmt"

// maxFaults bounds the stretches that a report names; all are counted.
const maxFaults = 100

// Kinds of differences between the log and the warehouse.
const (
	// Missing: the log has the record, the table has no row.
	Missing = "missing"
	// Double: the row stands there more than once.
	Double = "double"
	// Different: the row is another than this release makes of the record: changed
	// since, or written by a release that decoded otherwise.
	Different = "different"
	// Superfluous: the log has no such record.
	Superfluous = "superfluous"
	// Rollup: a rollup is not the aggregate of its table.
	Rollup = "rollup"
)

// Report compares the log with the warehouse.
type Report struct {
	Partitions []*PartitionReport `json:"partitions"`
	Rollups    []*RollupReport    `json:"rollups"`
	// Faults are the first 100 stretches that differ.
	Faults []Fault `json:"faults"`
}

// PartitionReport is the comparison of one partition. All but offsets and Records
// count rows.
type PartitionReport struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// From and To are the offsets compared, To excluded: all that the archiver
	// has committed as archived. End is the end of the log, To of which is done.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	End  int64 `json:"end"`
	// Records in that range, and the rows that they stand for.
	Records uint64 `json:"records"`
	Rows    uint64 `json:"rows"`

	Missing     uint64 `json:"missing"`
	Double      uint64 `json:"double"`
	Different   uint64 `json:"different"`
	Superfluous uint64 `json:"superfluous"`
	// Repaired rows are right by now; they are counted above as well.
	Repaired uint64 `json:"repaired"`
	// SetAside rows were refused by ClickHouse and stand in undecodable.
	SetAside uint64 `json:"set_aside"`
	// Older rows are from before the beginning of the log, Compacted ones of records
	// that newer ones have replaced in it: kept, and not to be proven any more.
	Older     uint64 `json:"older"`
	Compacted uint64 `json:"compacted"`

	// note is what the archiver has committed beside To.
	note string
}

// RollupReport is the comparison of one rollup with its table.
type RollupReport struct {
	Table string `json:"table"`
	Of    string `json:"of"`
	// Buckets compared; Different ones are not the aggregate, Repaired ones are by now.
	Buckets   int `json:"buckets"`
	Different int `json:"different"`
	Repaired  int `json:"repaired"`
}

// Fault is a stretch of one table where the rows are not as they should be.
type Fault struct {
	Kind      string `json:"kind"`
	Table     string `json:"table"`
	Topic     string `json:"topic,omitempty"`
	Partition int32  `json:"partition"`
	// First and Last offset. For rollups Unix seconds of the buckets.
	First    int64  `json:"first"`
	Last     int64  `json:"last"`
	Rows     uint64 `json:"rows"`
	Repaired bool   `json:"repaired"`
}

// String says what is wrong, where, and what to do.
func (f Fault) String() string {
	todo := map[string]string{
		Missing:     "vigie verify warehouse --repair inserts them",
		Double:      "vigie verify warehouse --repair --remove leaves one of each",
		Different:   "changed by hand, or written by another release: vigie warehouse rebuild, or --repair --remove for these alone",
		Superfluous: "the log has no such record: look at them, then vigie verify warehouse --repair --remove deletes them",
		Rollup:      "vigie verify warehouse --repair reckons them anew",
	}[f.Kind]
	if f.Repaired {
		todo = "repaired"
	}
	if f.Kind == Rollup {
		return fmt.Sprintf("table %s, Unix times %d to %d: %d buckets are not the aggregate of %s; %s", f.Table, f.First, f.Last, f.Rows, f.Topic, todo)
	}
	return fmt.Sprintf("table %s, topic %s, partition %d, offsets %d to %d: %d rows %s; %s", f.Table, f.Topic, f.Partition, f.First, f.Last, f.Rows, f.Kind, todo)
}

// fault notes a stretch; one that continues the last is made part of it.
func (r *Report) fault(f Fault) {
	if n := len(r.Faults); n > 0 {
		last := &r.Faults[n-1]
		if last.Kind == f.Kind && last.Table == f.Table && last.Topic == f.Topic && last.Partition == f.Partition && last.Repaired == f.Repaired && f.First <= last.Last+1 {
			last.Last, last.Rows = max(last.Last, f.Last), last.Rows+f.Rows
			return
		}
	}
	if len(r.Faults) < maxFaults {
		r.Faults = append(r.Faults, f)
	}
}

// Total sums over all partitions.
func (r *Report) Total() (sum PartitionReport) {
	for _, p := range r.Partitions {
		sum.Records += p.Records
		sum.Rows += p.Rows
		sum.Missing += p.Missing
		sum.Double += p.Double
		sum.Different += p.Different
		sum.Superfluous += p.Superfluous
		sum.Repaired += p.Repaired
		sum.SetAside += p.SetAside
		sum.Older += p.Older
		sum.Compacted += p.Compacted
	}
	return sum
}

// Pending is how many offsets of the log are not archived yet.
func (r *Report) Pending() int64 {
	n := int64(0)
	for _, p := range r.Partitions {
		n += max(0, p.End-p.To)
	}
	return n
}

// Err is nil when each archived record stands in the warehouse exactly once, as it
// is, and each rollup is the aggregate of its table; what was repaired counts as so.
func (r *Report) Err() error {
	all := r.Total()
	wrong := all.Missing + all.Double + all.Different + all.Superfluous - all.Repaired
	buckets := 0
	for _, x := range r.Rollups {
		buckets += x.Different - x.Repaired
	}
	if wrong == 0 && buckets == 0 {
		return nil
	}
	for _, f := range r.Faults {
		if !f.Repaired {
			return fmt.Errorf("%d rows of the warehouse and %d buckets of its rollups are not as the log has them; first: %s", wrong, buckets, f)
		}
	}
	return fmt.Errorf("%d rows of the warehouse and %d buckets of its rollups are not as the log has them", wrong, buckets)
}
