package capture

import (
	"strings"
	"time"

	"github.com/open-vigie/vigie/services/panel"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// Message is a frame of a panel with the answer that it got, both explained.
type Message struct {
	At        time.Time         `json:"at"`
	Transport string            `json:"transport"`
	From      string            `json:"from"`
	To        string            `json:"to"`
	Frame     panel.Explanation `json:"frame"`
	// Again: the same bytes had come before, by the same way.
	Again bool `json:"again,omitempty"`
	// Answer is nil when the capture has none.
	Answer *Answer `json:"answer,omitempty"`
	// Stray is an answer to nothing that the capture has.
	Stray bool `json:"stray,omitempty"`
}

// Answer is what a receiver said.
type Answer struct {
	At      time.Time         `json:"at"`
	DelayMS float64           `json:"delay_ms"`
	Frame   panel.Explanation `json:"frame"`
}

// asked is what an answer repeats of the message that it is to.
type asked struct {
	way      string
	line     uint32
	account  string
	sequence uint32
}

// Dialogue pairs messages with their answers, in the order in which they passed, and
// explains both. keys opens encrypted frames; nil opens none.
func (c *Capture) Dialogue(keys panel.KeysOf) []*Message {
	var out []*Message
	open := map[asked][]*Message{}
	sent := map[string]bool{}
	last := map[string]*Message{}
	for _, f := range c.Frames {
		x := panel.Read(f.Raw, f.At, keys)
		way, back := f.Transport+f.From.String()+f.To.String(), f.Transport+f.To.String()+f.From.String()
		m := &Message{At: f.At, Transport: f.Transport, From: f.From.String(), To: f.To.String(), Frame: x}
		if x.Header != nil && dc09.IsAnswer(x.Header.Token) {
			if of := answered(open, last, back, x.Header); of != nil {
				of.Answer = &Answer{At: f.At, DelayMS: float64(f.At.Sub(of.At).Microseconds()) / 1000, Frame: x}
				continue
			}
			m.Stray = true
		} else if x.Header != nil {
			k := askedOf(way, x.Header)
			open[k], last[way] = append(open[k], m), m
			m.Again = sent[way+string(f.Raw)]
			sent[way+string(f.Raw)] = true
		}
		out = append(out, m)
	}
	return out
}

func askedOf(way string, h *panel.Header) asked {
	return asked{way, h.Line, strings.ToUpper(h.Account), h.Sequence}
}

// answered finds the message that an answer is to: of copies the newest that waits,
// since a panel sends again what got no answer. A NAK has sequence 0000, and of most
// receivers no account: it is to what came last on its way.
func answered(open map[asked][]*Message, last map[string]*Message, way string, h *panel.Header) *Message {
	k := askedOf(way, h)
	for waiting := open[k]; len(waiting) > 0; {
		m := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		open[k] = waiting
		if m.Answer == nil {
			return m
		}
	}
	if m := last[way]; h.Token == dc09.TokenNak && m != nil && m.Answer == nil {
		return m
	}
	return nil
}
