package driver

import (
	"time"

	"github.com/open-vigie/vigie/loadtest/scenario"
	"github.com/open-vigie/vigie/schemas/ids"
)

// State is what became of a message.
type State uint8

// The states.
const (
	// Waiting: it has no answer yet.
	Waiting State = iota
	// Acknowledged: the receiver said ACK; it must be in the log.
	Acknowledged
	// Unanswered: every try met silence; it may or may not be in the log.
	Unanswered
	// Refused: NAK or DUH.
	Refused
	// NotSent: too many messages waited in its panel, or the run ended.
	NotSent
)

// Event is one message and its fate. Polls are not kept: they are counted.
type Event struct {
	// Panel is the index of the panel and of its site.
	Panel int
	// Due and Answered count from the start of the run.
	Due, Answered time.Duration
	Fingerprint   ids.ID
	Do            scenario.Act
	Zone          uint8
	Class         scenario.Class
	State         State
	Tries         uint8
}

// Polls of one panel.
type Polls struct {
	Acknowledged int
	// Tries are frames sent, repeats included.
	Tries int
	Lost  int
}

func (p *Polls) count(s State, tries int) {
	p.Tries += tries
	if s == Acknowledged {
		p.Acknowledged++
	} else {
		p.Lost++
	}
}

// Result of a run.
type Result struct {
	// Events offered that are no polls, in order of Due.
	Events []*Event
	// Polls by panel.
	Polls []Polls
	// Offered and Acknowledged by class.
	Offered, Acknowledged [scenario.Classes]int
	// Late left more than Config.LateBound after their time although their panel was
	// free; Latest is the worst of them.
	Late   int
	Latest time.Duration
	// Queued waited in a panel for the answer to its message before.
	Queued int
	// NotSent, Unanswered, Refused: without an ACK, by reason. Repeated counts
	// the messages that were sent more than once.
	NotSent, Unanswered, Refused, Repeated int
	// Unread answers were none that a panel knows.
	Unread uint64
	// Elapsed from the start to the last message offered.
	Elapsed time.Duration
}

func (r *Result) total() {
	for _, e := range r.Events {
		switch e.State {
		case Unanswered, Waiting:
			r.Unanswered++
		case Refused:
			r.Refused++
		default:
		}
		if e.Tries > 1 {
			r.Repeated++
		}
	}
	for _, p := range r.Polls {
		r.Unanswered += p.Lost
		r.Repeated += max(0, p.Tries-p.Acknowledged-p.Lost)
	}
}

// All messages offered.
func (r *Result) All() int {
	n := 0
	for _, c := range r.Offered {
		n += c
	}
	return n
}

// LateShare is the part of all messages that the generator itself held up.
func (r *Result) LateShare() float64 {
	if r.All() == 0 {
		return 0
	}
	return float64(r.Late) / float64(r.All())
}
