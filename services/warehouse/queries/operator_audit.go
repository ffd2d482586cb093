package queries

import (
	"strconv"
	"time"
)

// OperatorAct is something that a person did.
type OperatorAct struct {
	ReceivedAt time.Time `ch:"received_at"`
	Kind       string    `ch:"kind"`
	Site       uint64    `ch:"site"`
	Incident   string    `ch:"incident"`
	Result     string    `ch:"result"`
	Status     string    `ch:"status"`
	Reason     string    `ch:"reason"`
}

// OperatorAudit lists at most limit acts of a person in a range, the oldest first.
func OperatorAudit(operator string, from, to time.Time, limit uint32) Call[OperatorAct] {
	args := window(from, to)
	args["operator"], args["limit"] = operator, strconv.FormatUint(uint64(limit), 10)
	return call[OperatorAct]("operator_audit", args)
}
