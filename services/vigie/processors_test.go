//go:build long

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/eventlog"
)

// defaultProcessorKills are those that `make test` does; PROCESSOR_KILLS asks for
// another number of them.
const defaultProcessorKills = 4

// processors are three members of one group, on Apache Kafka, under traffic.
type processors struct {
	*deployment
	all []*roleUnderTest
	// alive are those that run.
	alive  []*roleUnderTest
	panels *traffic
	pauses []time.Duration
}

// Two processors, then three, then one, then kill -9 at random: partitions move,
// and what readers of committed records see is the single-threaded fold's, once
// each. How long no partition of a mover spoke is told.
func TestProcessorsComeGoAndDie(t *testing.T) {
	kills := defaultProcessorKills
	if s := os.Getenv("PROCESSOR_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("PROCESSOR_KILLS=%q: a number is expected", s)
		}
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d kills, seed %d", kills, seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	p := newProcessors(t)
	p.move("two", p.all[0], p.all[1])
	p.move("three", p.all...)
	p.move("one", p.all[2])
	p.move("two", p.all[1], p.all[2])
	for k := 1; k <= kills; k++ {
		p.kill(k, rng)
	}
	slices.Sort(p.pauses)
	if n := len(p.pauses); n > 0 {
		t.Logf("from kill -9 to every partition's next commit: median %.1f s, longest of %d %.1f s", p.pauses[n/2].Seconds(), n, p.pauses[n-1].Seconds())
	}
	sent := p.panels.finish()
	p.wantOneEffectEach(sent)
	p.wantOracle()
}

func newProcessors(t *testing.T) *processors {
	p := &processors{deployment: newLog(t)}
	receiver := p.role("receiver", "receiver", "VIGIE_RECEIVER_LISTEN="+local(freePort(t)))
	for _, name := range []string{"a", "b", "c"} {
		p.all = append(p.all, p.role("processor "+name, "processor", "VIGIE_PROCESSOR_INSTANCE="+name, "VIGIE_PROCESSOR_SNAPSHOT_SECONDS=2"))
	}
	p.startKafka()
	p.provision()
	receiver.start()
	p.panels = send(t, address(receiver))
	return p
}

// move makes these the ones that run: who is new is started, who is not among
// them told to stop.
func (p *processors) move(what string, want ...*roleUnderTest) {
	p.t.Helper()
	at := time.Now()
	for _, r := range p.alive {
		if !slices.Contains(want, r) {
			r.stop()
		}
	}
	for _, r := range want {
		if !slices.Contains(p.alive, r) {
			r.start()
		}
	}
	p.alive = want
	p.shared()
	p.t.Logf("with %s, every partition goes on %.1f s after the word", what, time.Since(at).Seconds())
	p.panels.awaitMore(p, 30)
}

// kill ends one of those that run, now and then all; the dead come back at once,
// as by a service manager, or when the others have all their partitions.
func (p *processors) kill(k int, rng *rand.Rand) {
	p.t.Helper()
	p.panels.awaitMore(p, 1+rng.IntN(60))
	dead := []*roleUnderTest{p.alive[rng.IntN(len(p.alive))]}
	if rng.IntN(8) == 0 {
		dead = p.alive
	}
	p.t.Logf("kill %d after %d acknowledged messages", k, p.panels.total())
	at := time.Now()
	for _, r := range dead {
		r.kill()
	}
	waits := len(dead) < len(p.alive) && rng.IntN(2) == 0
	if waits {
		all := p.alive
		p.alive = slices.DeleteFunc(slices.Clone(all), func(r *roleUnderTest) bool { return slices.Contains(dead, r) })
		p.shared()
		p.pauses = append(p.pauses, time.Since(at))
		p.alive = all
	}
	for _, r := range dead {
		r.launch()
	}
	p.shared()
	if !waits {
		p.pauses = append(p.pauses, time.Since(at))
	}
}

// shared waits until every partition has gone on, from now, under one that runs.
func (p *processors) shared() {
	p.t.Helper()
	var owners []string
	for _, r := range p.alive {
		owners = append(owners, eventlog.Config{}.TransactionalID(eventlog.GroupProcessor, strings.TrimPrefix(r.name, "processor ")))
	}
	before, said := p.progress(), ""
	if !eventually(startPatience, func() bool {
		on := 0
		said = ""
		for n, now := range p.progress() {
			said += fmt.Sprintf(" %d of %s at %d;", n, now.Owner, now.Offset)
			if slices.Contains(owners, now.Owner) && now.Offset > before[n].GetOffset() {
				on++
			}
		}
		return on == deployedPartitions
	}) {
		p.t.Fatalf("these should go on with every partition: %v; the partitions:%s\n%s", owners, said, p)
	}
}
