package seed

import "time"

// New makes the history of a fleet of sites that ends at end.
func New(seed uint64, end time.Time, length time.Duration, sites int) *History {
	return &History{Start: end.Add(-length), End: end}
}
