package receiver

import (
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// tally is a vector of counters of which each is found by its number once it was
// used: to find one by its labels takes longer than to count, and each frame counts
// in several.
type tally struct {
	vec  *prometheus.CounterVec
	used []atomic.Pointer[prometheus.Counter]
}

func tallyOf(vec *prometheus.CounterVec, n int) tally {
	return tally{vec, make([]atomic.Pointer[prometheus.Counter], n)}
}

// inc counts in the counter with a number and its labels.
func (t tally) inc(n int, labels ...string) {
	c := t.used[n].Load()
	if c == nil {
		found := t.vec.WithLabelValues(slices.Clone(labels)...) // a copy: the caller's stay on the stack
		c = &found
		t.used[n].Store(c)
	}
	(*c).Inc()
}

// What tells the counters of a tally apart, the last of each for all others: senders
// choose tokens and lines, and a metric's labels are bounded.
var (
	tokens      = []string{dc09.TokenNull, dc09.TokenXNM, dc09.TokenSIA, dc09.TokenCID, FormatCloudEvent, FormatSurGardCID, FormatSurGardSIA, "other"}
	answerKinds = []string{"ack", "nak", "duh", "other"}
	ciphers     = []string{"clear", "aes", "gateway", "other"}
	accountsAre = []string{"known", "new"}
)

const (
	transports = int(vigiev1.Transport_TRANSPORT_SURGARD) + 1
	lineCount  = 16 + 1
	pathCount  = 15 + 1
)

func place(list []string, of string) int {
	if i := slices.Index(list, of); i >= 0 {
		return i
	}
	return len(list) - 1
}

// frame counts a well-formed frame, or a gateway's message of a format.
func (m *metrics) frame(t vigiev1.Transport, token string) {
	i := place(tokens, token)
	m.frames.inc(int(t)*len(tokens)+i, transportName(t), tokens[i])
}

// answered counts an answer by its kind.
func (m *metrics) answered(t vigiev1.Transport, kind string) {
	i := place(answerKinds, kind)
	m.answers.inc(int(t)*len(answerKinds)+i, transportName(t), answerKinds[i])
}

// took counts a frame that is taken in.
func (m *metrics) took(f dc09.Frame, known bool) {
	cipher := "clear"
	if f.Encrypted {
		cipher = "aes"
	}
	m.tookBy(f.Line, f.Path(), known, cipher)
}

// tookBy counts by line, path (1 to 15), whether the account is known, and cipher.
func (m *metrics) tookBy(line, path uint32, known bool, cipher string) {
	line, path = min(line, lineCount-1), min(path, pathCount-1)
	account := 1
	if known {
		account = 0
	}
	c := place(ciphers, cipher)
	n := ((int(line)*pathCount+int(path))*len(accountsAre)+account)*len(ciphers) + c
	m.taken.inc(n, lineLabels[line], pathLabels[path], accountsAre[account], ciphers[c])
}

var (
	lineLabels = [lineCount]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F", "other"}
	pathLabels = [pathCount]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"}
)
