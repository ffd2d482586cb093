package receiver

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// generator is what the panels' process of BenchmarkWire is told. Each connection is
// a panel of its own; it keeps Window frames unanswered, or all together send Rate a
// second, whether they are answered or not.
type generator struct {
	Network     string
	Connections int
	Window      int
	Poll        bool
	Rate        int
	Address     string
	Frames      int
}

// measured is what that process says. Latencies at a rate count from when a frame was
// to be sent: what a stall holds up is late by all of it. Those of a window count from
// when it was sent, and only say how long the queue was.
type measured struct {
	Seconds           float64
	P50, P99, P999    time.Duration
	Answered, Retried int
}

func (m measured) perSecond() float64 { return float64(m.Answered) / m.Seconds }

func (g generator) String() string {
	kind := "alarm"
	if g.Poll {
		kind = "poll"
	}
	if g.Window == 0 {
		return fmt.Sprintf("%s,connections=%d,rate=%d,%s", g.Network, g.Connections, g.Rate, kind)
	}
	return fmt.Sprintf("%s,connections=%d,window=%d,%s", g.Network, g.Connections, g.Window, kind)
}

const generatorEnv = "VIGIE_BENCH_PANELS"

// send lets the panels send in a process of their own, and calls before and after
// around what is measured.
func (g generator) send(b *testing.B, before, after func()) (m measured) {
	b.Helper()
	told, err := json.Marshal(g)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), generatorEnv+"="+string(told))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	said := bufio.NewReader(out)
	if _, err := said.ReadString('\n'); err != nil {
		b.Fatalf("the panels could not connect: %v", errors.Join(err, cmd.Wait()))
	}
	before()
	_, _ = io.WriteString(in, "go\n")
	err = json.NewDecoder(said).Decode(&m)
	after()
	if err := errors.Join(err, cmd.Wait()); err != nil || m.Answered != g.Frames && g.Rate == 0 {
		b.Fatalf("%d of %d frames were answered: %v", m.Answered, g.Frames, err)
	}
	return m
}

// The panels' process is this test binary, told by its environment.
func init() {
	told := os.Getenv(generatorEnv)
	if told == "" {
		return
	}
	var g generator
	err := json.Unmarshal([]byte(told), &g)
	if err == nil {
		err = g.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "panels:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (g generator) run() error {
	seen := make([]*latencies, min(g.Connections, histograms))
	for i := range seen {
		seen[i] = &latencies{seen: newHistogram()}
	}
	panels := make([]*benchPanel, g.Connections)
	for i := range panels {
		conn, err := net.Dial(g.Network, g.Address)
		if err != nil {
			return err
		}
		share := g.Frames / g.Connections
		if i < g.Frames%g.Connections {
			share++
		}
		numbers := max(min(share, dc09.MaxSequence), 1)
		panels[i] = &benchPanel{g: g, n: i, conn: conn, in: bufio.NewReaderSize(conn, 4<<10), share: share, numbers: numbers, sent: make([]atomic.Int64, numbers+1), seen: seen[i%len(seen)]}
	}
	if err := each(panels, (*benchPanel).warm); err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := fmt.Scanln(new(string)); err != nil {
		return err
	}
	begin := time.Now()
	var err error
	if g.Rate > 0 {
		var paced sync.WaitGroup
		var late error
		paced.Go(func() { late = g.pace(panels, begin) })
		err = each(panels, (*benchPanel).listen)
		paced.Wait()
		err = errors.Join(err, late)
	} else {
		err = each(panels, (*benchPanel).send)
	}
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(sum(panels, seen, begin)))
}

// each lets all panels do something at a time, and returns the first error: the
// others are likely the same.
func each(panels []*benchPanel, do func(*benchPanel) error) error {
	var all sync.WaitGroup
	var first atomic.Pointer[error]
	for _, p := range panels {
		all.Go(func() {
			if err := do(p); err != nil {
				err = fmt.Errorf("panel %d after %d of %d answers: %w", p.n, p.answered, p.share, err)
				first.CompareAndSwap(nil, &err)
			}
		})
	}
	all.Wait()
	if err := first.Load(); err != nil {
		return *err
	}
	return nil
}

// latencies of several panels, in µs: ten thousand histograms would be gigabytes.
type latencies struct {
	mu   sync.Mutex
	seen *hdrhistogram.Histogram
}

const histograms = 16

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 600_000_000, 3) }

func (l *latencies) record(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.seen.RecordValue(max(d.Microseconds(), 1))
}

func sum(panels []*benchPanel, seen []*latencies, begin time.Time) measured {
	var m measured
	total := newHistogram()
	for _, l := range seen {
		total.Merge(l.seen)
	}
	end := begin
	for _, p := range panels {
		m.Answered += p.answered
		m.Retried += p.retried
		if p.last.After(end) {
			end = p.last
		}
	}
	m.Seconds = end.Sub(begin).Seconds()
	quantile := func(q float64) time.Duration { return time.Duration(total.ValueAtQuantile(q)) * time.Microsecond }
	m.P50, m.P99, m.P999 = quantile(50), quantile(99), quantile(99.9)
	return m
}

// benchPanel is one connection of the panels' process.
type benchPanel struct {
	g                 generator
	n, share          int
	conn              net.Conn
	in                *bufio.Reader
	seen              *latencies
	answered, retried int
	last              time.Time
	buf               []byte
	// numbers is how many sequence numbers it uses in turn, from 0001 on.
	numbers int
	// sent is when the frame of a sequence number left, or was to leave, Unix ns.
	sent []atomic.Int64
}

const (
	// warmFrame is the number of the first frame, which no other has.
	warmFrame = 1 << 30
	// answerLate ends the wait for an answer; over UDP what is lost goes again then.
	answerLate         = 30 * time.Second
	answerLateDatagram = 3 * time.Second
	// notComing ends the wait for answers to what was sent at a rate.
	notComing = 5 * time.Second
)

// warm has the panel's first frame answered: what an account's first event costs, a
// key that must be on the disk, is not the speed of the wire.
func (p *benchPanel) warm() error {
	for range 10 {
		if err := p.frame(warmFrame); err != nil {
			return err
		}
		if err := p.flush(); err != nil {
			return err
		}
		_, err := p.answer(answerLateDatagram)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
	return errors.New("the first frame was never answered")
}

// paceStep is how often frames that are due leave together.
const paceStep = time.Millisecond

// pace sends every frame at its time, on the connections in turn.
func (g generator) pace(panels []*benchPanel, begin time.Time) error {
	due := func(i int) time.Time { return begin.Add(time.Duration(float64(i) / float64(g.Rate) * 1e9)) }
	for i := 0; i < g.Frames; {
		now := time.Now()
		from := i
		for ; i < g.Frames && i-from < len(panels)*64 && !due(i).After(now); i++ {
			p, n := panels[i%len(panels)], i/len(panels)
			p.sent[1+n%p.numbers].Store(due(i).UnixNano())
			if err := p.frame(n); err != nil {
				return err
			}
		}
		for k := from; k < min(i, from+len(panels)); k++ {
			if err := panels[k%len(panels)].flush(); err != nil {
				return err
			}
		}
		if i == from {
			time.Sleep(min(paceStep, time.Until(due(i))))
		}
	}
	return nil
}

// listen counts answers until all have come, or none comes any more.
func (p *benchPanel) listen() error {
	for p.answered < p.share {
		seq, err := p.answer(notComing)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		p.saw(seq)
	}
	return nil
}

func (p *benchPanel) saw(seq int) {
	p.answered++
	p.last = time.Now()
	p.seen.record(time.Duration(p.last.UnixNano() - p.sent[seq].Load()))
}

// send keeps the window full until its share is answered. Over UDP what is lost
// goes again, as a panel does.
func (p *benchPanel) send() error {
	frames := make([]int, p.numbers+1)
	next, low := 0, 0
	wait := answerLate
	if p.g.Network == "udp" {
		wait = answerLateDatagram
	}
	for p.answered < p.share {
		for ; next < p.share && next-p.answered < p.g.Window && next-low < p.numbers; next++ {
			seq := 1 + next%p.numbers
			p.sent[seq].Store(time.Now().UnixNano())
			frames[seq] = next + 1
			if err := p.frame(next); err != nil {
				return err
			}
		}
		if err := p.flush(); err != nil {
			return err
		}
		seq, err := p.answer(wait)
		if errors.Is(err, os.ErrDeadlineExceeded) && p.g.Network == "udp" {
			if err := p.again(low, next, frames); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if frames[seq] == 0 {
			continue // answered twice, as it was sent twice
		}
		frames[seq] = 0
		p.saw(seq)
		for low < next && frames[1+low%p.numbers] == 0 {
			low++
		}
	}
	return nil
}

// again sends what has no answer.
func (p *benchPanel) again(low, next int, frames []int) error {
	for i := low; i < next; i++ {
		if frames[1+i%p.numbers] != i+1 {
			continue
		}
		p.retried++
		if err := p.frame(i); err != nil {
			return err
		}
	}
	return p.flush()
}

// frame appends frame i to what flush sends, or over UDP sends it at once.
func (p *benchPanel) frame(i int) error {
	account := strconv.Itoa(100_000 + p.n)
	f := dc09.Frame{Token: dc09.TokenSIA, Sequence: uint32(1 + i%p.numbers), Line: 0, Account: account}
	f.Data = fmt.Appendf(nil, "#%s|Nri1/BA%d", account, i)
	if p.g.Poll {
		f.Token, f.Data = dc09.TokenNull, nil
	}
	var err error
	if p.buf, err = dc09.Append(p.buf, f); err == nil && p.g.Network == "udp" {
		return p.flush()
	}
	return err
}

func (p *benchPanel) flush() error {
	if len(p.buf) == 0 {
		return nil
	}
	_, err := p.conn.Write(p.buf)
	p.buf = p.buf[:0]
	return err
}

// answer reads one answer and gives its sequence number.
func (p *benchPanel) answer(wait time.Duration) (int, error) {
	if p.in.Buffered() == 0 {
		if err := p.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return 0, err
		}
	}
	line, err := p.in.ReadSlice('\r')
	if err != nil {
		return 0, err
	}
	i := bytes.IndexByte(line, '"') + 1
	j := i + bytes.IndexByte(line[i:], '"')
	if string(line[i:j]) != dc09.TokenAck {
		return 0, fmt.Errorf("the answer is %q", line)
	}
	return strconv.Atoi(string(line[j+1 : j+5]))
}
