package driver

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/open-vigie/vigie/loadtest/scenario"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// simulated is a receiver in virtual time: it answers after service, loses what
// lose says, and during a stall answers nothing before its end.
type simulated struct {
	mu      sync.Mutex
	d       *Driver
	start   time.Time
	service time.Duration
	stall   scenario.Span
	lose    func(frame dc09.Frame, try int) bool
	tries   map[string]int
	sent    map[string][]byte
	changed bool
}

func (s *simulated) Send(_ int, raw []byte) {
	f, err := dc09.Parse(raw, dc09.Options{})
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := f.Account + string(rune(f.Sequence))
	s.tries[key]++
	s.changed = s.changed || s.sent[key] != nil && !bytes.Equal(s.sent[key], raw)
	s.sent[key] = raw
	if s.lose != nil && s.lose(f, s.tries[key]) {
		return
	}
	at := time.Since(s.start) + s.service
	if at >= s.stall.From && at < s.stall.To {
		at = s.stall.To
	}
	time.AfterFunc(at-time.Since(s.start), func() { s.d.Answer(dc09.AppendACK(nil, f)) })
}

func (s *simulated) Close() error { return nil }

// play runs messages against a simulated receiver.
func play(t *testing.T, cfg Config, s *simulated, messages []scenario.Message) (*Driver, *Result) {
	t.Helper()
	cfg.Duration = 10 * time.Second
	d := New(cfg)
	s.d, s.start, s.tries, s.sent = d, time.Now(), map[string]int{}, map[string][]byte{}
	d.Use(s)
	r, err := d.Run(t.Context(), s.start, slices.Values(messages))
	if err != nil {
		t.Fatal(err)
	}
	return d, r
}

func panels(n int) []Panel {
	list := make([]Panel, n)
	for i := range list {
		list[i] = Panel{Site: uint64(1 + i), Account: string(rune('A'+i%6)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10)) + "0", ContactID: i%2 == 1}
	}
	return list
}

func alarms(n, sites int, every time.Duration) []scenario.Message {
	list := make([]scenario.Message, n)
	for i := range list {
		list[i] = scenario.Message{Due: time.Duration(i) * every, Site: i % sites, Do: scenario.Intrusion, Zone: 1}
	}
	return list
}

// A stall of 800 ms is charged to each message that was due in it, whichever
// panel it waits in; a closed loop would show it once.
func TestLatencyCountsFromTheIntendedTime(t *testing.T) {
	for name, sites := range map[string]int{"one panel": 1, "forty panels": 40} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stall := scenario.Span{From: time.Second, To: 1800 * time.Millisecond}
				d, r := play(t, Config{Panels: panels(sites)}, &simulated{service: time.Millisecond, stall: stall}, alarms(400, sites, 10*time.Millisecond))
				if r.Acknowledged[scenario.Alarm] != 400 || r.Late != 0 || r.Repeated != 0 {
					t.Fatalf("%+v", r)
				}
				slow, worst := 0, time.Duration(0)
				for _, e := range r.Events {
					waited := e.Answered - e.Due
					worst = max(worst, waited)
					if waited > 100*time.Millisecond {
						slow++
					}
				}
				// Due from 1 s to 1.7 s, one each 10 ms.
				if slow < 69 || slow > 80 || worst < 790*time.Millisecond || worst > 810*time.Millisecond {
					t.Errorf("%d messages waited more than 100 ms, the longest %s", slow, worst)
				}
				got := d.Recorder().Latency(scenario.Alarm)
				if got.Count != 400 || got.P90 < 400*time.Millisecond || got.P50 > 2*time.Millisecond {
					t.Errorf("percentiles %+v", got)
				}
				if service := d.Recorder().Service(scenario.Alarm); sites == 1 && service.P90 > 2*time.Millisecond {
					t.Errorf("from the first try one panel met the stall once: %+v", service)
				}
			})
		})
	}
}

func TestSilenceIsRepeatedWithTheSameBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulated{service: time.Millisecond, lose: func(_ dc09.Frame, try int) bool { return try < 3 }}
		d, r := play(t, Config{Panels: panels(1)}, s, alarms(1, 1, 0))
		e := r.Events[0]
		if e.State != Acknowledged || e.Tries != 3 || r.Repeated != 1 || s.changed {
			t.Errorf("%+v, changed %t", e, s.changed)
		}
		if got := d.Recorder().Latency(scenario.Alarm).Max; got < 2*UDPWait || got > 2*UDPWait+4*scanEvery {
			t.Errorf("the answer to the third try took %s", got)
		}
	})
}

func TestWhatNobodyAnswersIsGivenUpAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulated{service: time.Millisecond, lose: func(f dc09.Frame, _ int) bool { return f.Sequence == 1 }}
		d, r := play(t, Config{Panels: panels(1)}, s, alarms(2, 1, 0))
		if r.Events[0].State != Unanswered || r.Events[0].Tries != UDPTries || r.Unanswered != 1 || r.Queued != 1 {
			t.Errorf("%+v, %+v", r.Events[0], r)
		}
		if r.Events[1].State != Acknowledged || r.Events[1].Answered < UDPTries*UDPWait {
			t.Errorf("the message behind it: %+v", r.Events[1])
		}
		if got := d.Recorder().Latency(scenario.Alarm); got.Count != 2 || got.Max < UDPTries*UDPWait {
			t.Errorf("what got no ACK must count too: %+v", got)
		}
	})
}

func TestRefusalIsNoAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulated{}
		s.lose = func(f dc09.Frame, _ int) bool {
			time.AfterFunc(10*time.Millisecond, func() { s.d.Answer(dc09.AppendDUH(nil, f)) })
			return true
		}
		_, r := play(t, Config{Panels: panels(1)}, s, alarms(1, 1, 0))
		if r.Events[0].State != Refused || r.Refused != 1 || r.Acknowledged[scenario.Alarm] != 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestPanelQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulated{lose: func(dc09.Frame, int) bool { return true }}
		_, r := play(t, Config{Panels: panels(1)}, s, alarms(maxQueue+6, 1, 0))
		if r.NotSent < 5 || r.NotSent+r.Unanswered != maxQueue+6 {
			t.Errorf("%d not sent, %d unanswered of %d", r.NotSent, r.Unanswered, maxQueue+6)
		}
	})
}

func TestPhantomIsCountedAndNeverSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulated{service: time.Millisecond}
		_, r := play(t, Config{Panels: panels(1), Break: Break{PhantomEvery: 3}}, s, alarms(9, 1, 10*time.Millisecond))
		acknowledged := 0
		for _, e := range r.Events {
			if e.State == Acknowledged {
				acknowledged++
			}
		}
		if acknowledged != 9 || len(s.sent) != 6 {
			t.Errorf("%d acknowledged, %d sent", acknowledged, len(s.sent))
		}
	})
}

func TestPollsAreCountedByPanel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulated{service: time.Millisecond, lose: func(f dc09.Frame, try int) bool { return f.Sequence == 2 && try == 1 }}
		polls := alarms(6, 2, 10*time.Millisecond)
		for i := range polls {
			polls[i].Do = scenario.LinkTest
		}
		_, r := play(t, Config{Panels: panels(2)}, s, polls)
		if want := (Polls{Acknowledged: 3, Tries: 4}); r.Polls[0] != want || r.Polls[1] != want || r.Repeated != 2 || len(r.Events) != 0 {
			t.Errorf("%+v", r.Polls)
		}
	})
}

func TestFramesAreReadAsMeant(t *testing.T) {
	for _, c := range []struct {
		panel Panel
		do    scenario.Act
		want  string
	}{
		{Panel{Account: "12AB"}, scenario.Intrusion, "#12AB|NBA003"},
		{Panel{Account: "12AB"}, scenario.Opening, "#12AB|Nid3/OP"},
		{Panel{Account: "12AB"}, scenario.PeriodicTest, "#12AB|NRP"},
		{Panel{Account: "12AB", ContactID: true}, scenario.TamperRestored, "#12AB|3137 00 003"},
		{Panel{Account: "12AB", ContactID: true}, scenario.Closing, "#12AB|3401 00 003"},
	} {
		f := c.panel.Frame(c.do, 3, 7, 1_700_000_000_000)
		if string(f.Data) != c.want || f.Sequence != 7 || string(f.Extended) != "[H22:13:20,11-14-2023]" {
			t.Errorf("%+v %d: %s %s, want %s", c.panel, c.do, f.Data, f.Extended, c.want)
		}
	}
}
