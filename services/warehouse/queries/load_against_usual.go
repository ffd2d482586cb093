package queries

import "time"

// Load is the one row of LoadAgainstUsual.
type Load struct {
	Alarms uint64 `ch:"alarms"`
	// Usual is the median of UsualWindows earlier windows.
	Usual        float64 `ch:"usual"`
	UsualWindows uint64  `ch:"usual_windows"`
	// Ratio is nil when there is too little to compare with.
	Ratio *float64 `ch:"ratio"`
}

// LoadAgainstUsual compares the alarms of the window that ends at to with those
// of earlier windows of the same length.
func LoadAgainstUsual(to time.Time, window time.Duration) Call[Load] {
	return call[Load]("load_against_usual", lately(to, window))
}
