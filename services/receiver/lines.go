package receiver

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/open-vigie/vigie/services/receiver/keyring"
)

// Lines is a set of line numbers; the zero value is empty.
type Lines struct {
	all    bool
	number map[uint32]bool
}

// AllLines is every line.
var AllLines = Lines{all: true}

// ParseLines reads line numbers in hexadecimal, as panels send them, or "all".
func ParseLines(text []string) (Lines, error) {
	out := Lines{number: map[uint32]bool{}}
	for _, t := range text {
		if t = strings.TrimSpace(t); strings.EqualFold(t, "all") {
			return AllLines, nil
		}
		n, err := strconv.ParseUint(t, 16, 32)
		if err != nil || n > keyring.MaxLine {
			return Lines{}, fmt.Errorf("line %q: 1 to 6 hexadecimal digits, or all, are expected", t)
		}
		out.number[uint32(n)] = true
	}
	return out, nil
}

// Has tells whether a line is among them.
func (l Lines) Has(line uint32) bool { return l.all || l.number[line] }

// Any tells whether there is one.
func (l Lines) Any() bool { return l.all || len(l.number) > 0 }

// String is "all", or the numbers in order.
func (l Lines) String() string {
	if l.all {
		return "all"
	}
	var text []string
	for _, n := range slices.Sorted(maps.Keys(l.number)) {
		text = append(text, fmt.Sprintf("%X", n))
	}
	return strings.Join(text, ",")
}
