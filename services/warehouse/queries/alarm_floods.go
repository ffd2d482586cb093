package queries

import (
	"strconv"
	"time"
)

// AlarmFlood is ten minutes with more alarms than those who acted can take.
type AlarmFlood struct {
	BeganAt     time.Time `ch:"began_at"`
	Alarms      uint64    `ch:"alarms"`
	Operators   uint64    `ch:"operators"`
	PerOperator float64   `ch:"per_operator"`
}

// AlarmFloods lists the floods of a range: more than perOperator alarms in ten
// minutes for each who acted; ANSI/ISA-18.2 says 10.
func AlarmFloods(from, to time.Time, perOperator uint32) Call[AlarmFlood] {
	args := window(from, to)
	args["per_operator"] = strconv.FormatUint(uint64(perOperator), 10)
	return call[AlarmFlood]("alarm_floods", args)
}
