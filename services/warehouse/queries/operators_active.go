package queries

import "time"

// Operators is the one row of OperatorsActive.
type Operators struct {
	Operators uint64 `ch:"operators"`
}

// OperatorsActive counts the people with an act, whatever became of it, in the
// window that ends at to.
func OperatorsActive(to time.Time, window time.Duration) Call[Operators] {
	return call[Operators]("operators_active", lately(to, window))
}
