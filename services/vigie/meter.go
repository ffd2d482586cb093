package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// meter shows how far a long piece of work is: a bar on a terminal, a line now and
// then elsewhere. Short work shows nothing.
type meter struct {
	what        string
	done, total atomic.Int64
	begun       time.Time
	out         io.Writer
	terminal    bool
	stop        chan struct{}
	ended       sync.WaitGroup
}

const (
	// meterAfter is what work may take before anything is shown.
	meterAfter = time.Second
	// barEvery is the pace of a bar, lineEvery that of lines.
	barEvery  = 200 * time.Millisecond
	lineEvery = 10 * time.Second
	barWidth  = 30
)

// startMeter shows on standard error, so that what a command says can be piped.
func startMeter(what string) *meter {
	m := &meter{what: what, begun: time.Now(), out: os.Stderr, terminal: isTerminal(os.Stderr), stop: make(chan struct{})}
	m.ended.Go(m.run)
	return m
}

func (m *meter) run() {
	every := lineEvery
	if m.terminal {
		every = barEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-m.stop:
			if m.terminal && time.Since(m.begun) > meterAfter {
				fmt.Fprint(m.out, "\r\x1b[K")
			}
			return
		case now := <-tick.C:
			if since := now.Sub(m.begun); since > meterAfter {
				m.show(since)
			}
		}
	}
}

func (m *meter) show(since time.Duration) {
	line := m.line(since)
	if m.terminal {
		fmt.Fprint(m.out, "\r\x1b[K"+line)
		return
	}
	fmt.Fprintln(m.out, line)
}

// line says how far it is after so long.
func (m *meter) line(since time.Duration) string {
	done, total := m.done.Load(), m.total.Load()
	rate := float64(done) / since.Seconds()
	if total <= 0 {
		return fmt.Sprintf("%s: %d records, %.0f/s", m.what, done, rate)
	}
	share := min(1, float64(done)/float64(total))
	left := "?"
	if rate > 0 {
		left = time.Duration(max(0, float64(total-done)/rate) * float64(time.Second)).Round(time.Second).String()
	}
	bar := ""
	if m.terminal {
		full := int(share * barWidth)
		bar = "[" + strings.Repeat("█", full) + strings.Repeat("·", barWidth-full) + "] "
	}
	return fmt.Sprintf("%s: %s%3.0f %%, %d of %d records, %.0f/s, %s left", m.what, bar, 100*share, done, total, rate, left)
}

// end takes the bar away.
func (m *meter) end() {
	close(m.stop)
	m.ended.Wait()
}
