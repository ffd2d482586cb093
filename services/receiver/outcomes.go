package receiver

import "time"

// What became of a frame of which the account is known.
const (
	outcomeACK     = "ack"
	outcomeNAK     = "nak"
	outcomeSilence = "silence" // the panel sends again
	outcomeRefused = "refused" // set aside: sent again as it is, it is refused again
)

var (
	outcomes  = []string{outcomeACK, outcomeNAK, outcomeSilence, outcomeRefused}
	standings = []string{"declared", "keyed", "undeclared"}
)

// kin is what tells the frames of one line, path and standing of account apart, for
// the metrics: as many as there can be labels, whatever senders choose.
type kin int

const kins = lineCount * pathCount * 3

// kinOf; path 0 is one that could not be read.
func kinOf(line, path uint32, w whereabouts) kin {
	standing := 2
	switch {
	case w.keyed:
		standing = 1
	case w.known():
		standing = 0
	}
	return kin((int(min(line, lineCount-1))*pathCount+int(min(path, pathCount-1)))*len(standings) + standing)
}

// became counts what became of a frame.
func (m *metrics) became(k kin, outcome string) {
	o, place := place(outcomes, outcome), int(k)/len(standings)
	m.outcomes.inc(int(k)*len(outcomes)+o, lineLabels[place/pathCount], pathLabels[place%pathCount], standings[int(k)%len(standings)], outcomes[o])
}

// instant is a moment on the monotonic clock, since the process began; 0 is none.
type instant time.Duration

var processBegan = time.Now()

func instantNow() instant { return instant(time.Since(processBegan)) }

// wrote notes that the answers to frames that were read at some instants are written.
func (m *metrics) wrote(read []instant) {
	now := instantNow()
	for _, at := range read {
		m.answerSeconds.Observe(time.Duration(now - at).Seconds())
	}
}
