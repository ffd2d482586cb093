package receiver

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/open-vigie/vigie/services/panel"
	"github.com/open-vigie/vigie/services/receiver/dc09"
	"github.com/open-vigie/vigie/services/receiver/keyring"
)

// outcomesOf are the counters of outcomes: "line path account outcome" and how many.
func (w *world) outcomesOf() map[string]int {
	w.t.Helper()
	out := map[string]int{}
	for _, m := range w.family("vigie_receiver_outcomes_total").GetMetric() {
		of := map[string]string{}
		for _, l := range m.GetLabel() {
			of[l.GetName()] = l.GetValue()
		}
		out[fmt.Sprintf("%s %s %s %s", of["line"], of["path"], of["account"], of["outcome"])] = int(m.GetCounter().GetValue())
	}
	return out
}

func (w *world) family(name string) *dto.MetricFamily {
	w.t.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f
		}
	}
	return nil
}

// TestOutcomesByAccountLineAndPath: each way that a frame can end, once, and what
// senders choose without bound under labels that have one.
func TestOutcomesByAccountLineAndPath(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.CheckStamp, c.EncryptedOnly, c.KnownOnly = ofLines(t, "2"), ofLines(t, "3"), ofLines(t, "4")
	})
	w.ring.edit(t, func(e *keyring.Editor) error {
		return errors.Join(e.Add(keyring.Name{Line: 1, Account: "55AA"}, rightKey, time.Now()), e.Add(keyring.Name{Line: 3, Account: "66AA"}, rightKey, time.Now()))
	})
	key := cipherKey(t, rightKey)
	udp := w.panel("udp", panel.Tries(1, quiet))
	ask := func(m panel.Message, line uint32, key *dc09.Key) {
		t.Helper()
		m.Line, m.Key = line, key
		_, _ = udp.Send(t.Context(), m) // what became of it is in the counters
	}
	ask(panel.Poll("1234", 2), 0, nil)
	ask(panel.Poll("55AA", 0), 1, key)
	ask(panel.Poll("ABCD", 0), 0xFFFF, nil)
	ask(panel.Poll("ABCE", 0), 4, nil) // known accounts only
	ask(panel.Poll("66AA", 0), 3, nil) // encrypted only
	old := panel.Poll("ABCF", 0)
	conn := w.dial("udp")
	send(t, conn, string(frameOf(t, dc09.Frame{Token: dc09.TokenNull, Sequence: 1, Line: 2, Account: old.Account, SentAtMS: 1_700_000_000_000})))
	if a := readAnswer(t, conn); a.Token != dc09.TokenNak {
		t.Fatalf("%+v", a)
	}
	want := map[string]int{
		"0 2 declared ack": 1, "1 1 keyed ack": 1, "other 1 undeclared ack": 1,
		"4 1 undeclared silence": 1, "3 1 keyed refused": 1, "2 1 undeclared nak": 1,
	}
	if got := w.outcomesOf(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := w.family("vigie_receiver_outcomes_total").GetMetric(); len(got) > kins*len(outcomes) {
		t.Errorf("%d series", len(got))
	}
}

// TestAnswerTimeRunsUntilItIsWritten: one observation an answer, over both transports,
// in classic and native buckets.
func TestAnswerTimeRunsUntilItIsWritten(t *testing.T) {
	w := newWorld(t, nil)
	for _, network := range []string{"tcp", "udp"} {
		p := w.panel(network)
		for range 3 {
			if a, err := p.Send(t.Context(), panel.Poll("1234", 1)); err != nil || a.Kind != panel.ACK {
				t.Fatalf("%+v, %v", a, err)
			}
		}
	}
	w.await("six answers are observed", func() bool {
		return w.family("vigie_receiver_answer_seconds").GetMetric()[0].GetHistogram().GetSampleCount() == 6
	})
	h := w.family("vigie_receiver_answer_seconds").GetMetric()[0].GetHistogram()
	// A poll waits for its beat, 20 ms here: what ran from another moment shows.
	if len(h.GetBucket()) == 0 || len(h.GetPositiveSpan()) == 0 || h.GetSampleSum() <= 0 || h.GetSampleSum() > 6*patience.Seconds() {
		t.Errorf("%v", h)
	}
}

func ofLines(t *testing.T, text string) Lines {
	t.Helper()
	l, err := ParseLines(strings.Fields(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func frameOf(t *testing.T, f dc09.Frame) []byte {
	t.Helper()
	b, err := dc09.Append(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
