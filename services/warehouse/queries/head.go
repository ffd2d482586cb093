package queries

import "strings"

// Param is a parameter of a query.
type Param struct {
	Name string
	// Type is ClickHouse's: Int64, UInt32, UInt64, String.
	Type string
	Unit string
	Doc  string
}

// Column is a column of a query's result.
type Column struct {
	Name string
	Unit string
	Doc  string
}

// Units of parameters and columns, as the head of a file writes them. A name, a
// word or a truth has none, written "-".
const (
	// UnitNone is a name, a text, a truth.
	UnitNone = ""
	// UnitTime is an instant: Unix ms UTC as a parameter, a time as a column.
	UnitTime = "time"
	// UnitMS is a duration in milliseconds.
	UnitMS = "ms"
	// UnitCount is a number of things.
	UnitCount = "count"
	// UnitShare is a part of a whole, 0 to 1.
	UnitShare = "share"
	// UnitRatio is one figure over another of the same kind, 1 when they are equal.
	UnitRatio = "ratio"
	// UnitDays is a number of days of sites: one site for two days is 2.
	UnitDays = "days"
	// UnitRate is a number of things a day.
	UnitRate = "per_day"
)

// readHead reads the comment at the head of the file: lines of text, then
//
//	-- param name Type unit meaning
//	-- column name unit meaning
func (q *Query) readHead() {
	var doc []string
	for line := range strings.Lines(q.text) {
		rest, ok := strings.CutPrefix(line, "-- ")
		if !ok {
			break
		}
		switch words := strings.Fields(rest); {
		case len(words) > 4 && words[0] == "param":
			q.Params = append(q.Params, Param{Name: words[1], Type: words[2], Unit: unit(words[3]), Doc: strings.Join(words[4:], " ")})
		case len(words) > 3 && words[0] == "column":
			q.Columns = append(q.Columns, Column{Name: words[1], Unit: unit(words[2]), Doc: strings.Join(words[3:], " ")})
		default:
			doc = append(doc, strings.TrimSpace(rest))
		}
	}
	q.Doc = strings.Join(doc, " ")
}

func unit(word string) string {
	if word == "-" {
		return UnitNone
	}
	return word
}
