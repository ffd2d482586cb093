package fleet

import "math/bits"

// Queues in whole numbers: shares in billionths, loads in thousandths of an Erlang,
// so that every machine finds the same. Checked against the tables of the field in
// erlang_test.go.

const (
	one = 1_000_000_000
	// maxServers bounds the search: no centre has more people in one room.
	maxServers = 2_000
)

// mulDiv is a × b / c without overflow; at most 2^63-1.
func mulDiv(a, b, c uint64) uint64 {
	const most = 1<<63 - 1
	hi, lo := bits.Mul64(a, b)
	if c == 0 || hi >= c {
		return most
	}
	q, _ := bits.Div64(hi, lo, c)
	return min(q, most)
}

// erlangB is the share of arrivals that find all servers busy and go, load in
// thousandths.
func erlangB(servers, load uint64) uint64 {
	b := uint64(one)
	for k := uint64(1); k <= servers; k++ {
		x := mulDiv(load, b, 1000) // load × B, billionths
		b = mulDiv(x, one, k*one+x)
	}
	return b
}

// erlangC is the share of arrivals that wait, when nobody hangs up; one when the
// load is not below the servers.
func erlangC(servers, load uint64) uint64 {
	if load >= servers*1000 {
		return one
	}
	b := erlangB(servers, load)
	return mulDiv(servers*1000, b, servers*1000-mulDiv(load, one-b, one))
}

// answeredWithin is the share answered within a time, both times in ms, when nobody
// hangs up: 1 − C e^(−(c−A) t / handling).
func answeredWithin(servers, load, within, took uint64) uint64 {
	c := erlangC(servers, load)
	if c >= one || took == 0 {
		return one - min(c, one)
	}
	return one - mulDiv(c, expNeg(mulDiv(servers*1000-load, within*one/1000, took)), one)
}

// expNeg is e^(−x), x in billionths.
func expNeg(x uint64) uint64 {
	halvings := 0
	for x > one/16 {
		x /= 2
		if halvings++; halvings > 40 {
			return 0
		}
	}
	sum, term := int64(one), int64(one)
	for k := int64(1); k <= 8; k++ {
		term = -term * int64(x) / (k * one)
		sum += term
	}
	out := uint64(sum)
	for range halvings {
		out = mulDiv(out, out, one)
	}
	return out
}

// erlangA is the share of callers who wait and of those who hang up, when each
// waits for patience on average (M/M/c+M), times in ms.
func erlangA(servers, load, took, patience uint64) (waits, abandons uint64) {
	if load == 0 || servers == 0 || took == 0 || patience == 0 {
		return one * min(1, load), one * min(1, load)
	}
	leave := mulDiv(took, 1000, patience) // rate of hanging up against serving, thousandths
	term, sum, line := uint64(one), uint64(one), uint64(0)
	for k := uint64(1); term > 0 && k < 100_000; k++ {
		term = mulDiv(term, load, servers*1000+k*leave)
		sum += term
		line += mulDiv(term, k, 1)
		if sum > 1<<55 || line > 1<<55 {
			return one, one - mulDiv(servers*1000, one, load)
		}
	}
	b := erlangB(servers, load)
	whole := one + mulDiv(b, sum-one, one)
	waits = mulDiv(mulDiv(b, sum, one), one, whole)
	abandons = mulDiv(mulDiv(mulDiv(b, line, one), one, whole), leave, load)
	return waits, min(abandons, one)
}
