package receiver

import (
	"cmp"
	"slices"
)

// bindings is a table of the sites of accounts. Each of many small parts is sorted:
// an account takes 32 bytes and an eighth more, where a map takes twice as many, and
// nothing is held twice while the table grows. The zero value is empty.
type bindings struct {
	parts [1 << partBits][]bound
	n     int
}

// partBits: of ten million accounts a part has about 600.
const partBits = 14

type bound struct {
	name name
	binding
}

// part spreads names by the upper bits of a multiplication with 2^64 by the golden ratio.
func (b *bindings) part(n name) *[]bound {
	const golden = 0x9E3779B97F4A7C15
	return &b.parts[((n.lo^n.hi*golden)*golden)>>(64-partBits)]
}

func (b *bindings) find(n name) (part *[]bound, at int, ok bool) {
	part = b.part(n)
	at, ok = slices.BinarySearchFunc(*part, n, func(e bound, n name) int {
		if c := cmp.Compare(e.name.hi, n.hi); c != 0 {
			return c
		}
		return cmp.Compare(e.name.lo, n.lo)
	})
	return part, at, ok
}

func (b *bindings) get(n name) (binding, bool) {
	part, at, ok := b.find(n)
	if !ok {
		return binding{}, false
	}
	return (*part)[at].binding, true
}

func (b *bindings) set(n name, to binding) {
	part, at, ok := b.find(n)
	if ok {
		(*part)[at].binding = to
		return
	}
	*part = slices.Insert(*part, at, bound{n, to})
	b.n++
}

func (b *bindings) delete(n name) {
	if part, at, ok := b.find(n); ok {
		*part = slices.Delete(*part, at, at+1)
		b.n--
	}
}
