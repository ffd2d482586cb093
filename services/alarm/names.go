package alarm

import "strconv"

// names gives each of a bounded set of names a small number, 0 being "".
type names struct {
	list  []string
	index map[string]uint16
	bound int
}

func newNames(bound int) names {
	return names{list: []string{""}, index: map[string]uint16{"": 0}, bound: bound}
}

// number of a name, given now if it is new; 0 past the bound.
func (n *names) number(name string) uint16 {
	if i, ok := n.index[name]; ok {
		return i
	}
	if len(n.list) >= n.bound {
		return 0
	}
	i := uint16(len(n.list))
	n.list = append(n.list, name)
	n.index[name] = i
	return i
}

func (n *names) name(i uint16) string { return n.list[i] }

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
