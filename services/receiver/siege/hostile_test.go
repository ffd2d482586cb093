package siege

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// siegePlan is the hostile load: the good panels go on all the time, first in calm,
// then under one attack after the other.
type siegePlan struct {
	panels      int
	seconds     float64
	connections int
	load        load
	attacks     []attack
}

// largeFleet is from where on the load is the large one.
const largeFleet = 1000

// plan grows with the number of good panels: in the large form thousands of half
// frames and tens of thousands of connections, in the small one some.
func plan() siegePlan {
	seconds := phaseFlag.Seconds()
	large := *panelsFlag >= largeFleet
	size := func(few, many int) int {
		if large {
			return many
		}
		return few
	}
	// Fewer connections than panels and attackers want together.
	p := siegePlan{panels: *panelsFlag, seconds: seconds, connections: size(100, 12_000)}
	// Polls each 25 s and an alarm each 100 s: a fleet of 10,000 sends 400 and 100 a second.
	p.load = load{Seconds: seconds, Alarms: max(float64(p.panels)/100, 30), Polls: max(float64(p.panels)/25, 30)}
	p.attacks = []attack{
		{Kind: slowloris, Connections: size(120, 5_000), Sources: size(10, 2_000)},
		{Kind: storm, Rate: float64(size(200, 50_000)) / seconds, Connections: size(8, 64), Sources: size(8, 500)},
		{Kind: floodValid, Rate: float64(size(4_000, 20_000)), Connections: size(4, 16), Sources: 1},
		{Kind: floodJunk, Rate: float64(size(2_000, 20_000)), Connections: size(4, 16), Sources: 1},
		{Kind: floodNew, Rate: float64(size(4_000, 10_000)), Connections: size(4, 16), Sources: 1},
		{Kind: floodPackets, Rate: float64(size(5_000, 30_000)), Connections: 1, Sources: 1},
	}
	return p
}

// TestHostileLoad asserts facts: every good panel is answered in every phase, the
// bounds of a source hold, what was acknowledged is in the log, and nothing is left
// behind. Times are told, not asserted; see -report.
func TestHostileLoad(t *testing.T) {
	p := plan()
	k := newKafka(t, t.TempDir(), findJava(t))
	cfg := wardConfig{
		panels: p.panels, connections: p.connections, precedence: p.panels >= largeFleet,
		// A tenth of the good panels connect for each message, a tenth send over UDP.
		fleet: fleetConfig{Redial: 10, Datagrams: 10, Retry: 2 * time.Second, Tries: 30},
	}
	w := newWard(t, k.config(), cfg)
	idle := w.facts()
	w.recruit(cfg)
	givesWay := 10 // on a busy machine the small form's attackers must come to something
	if cfg.precedence {
		givesWay = whenIdle
	}
	attacker := spawn(t, "attacker", w.doors, nil, givesWay)
	// The first alarm of a site makes its key, which is on the disk before the answer: a
	// fleet that was there before has its keys.
	first := load{Name: "first alarms", Seconds: max(1, float64(p.panels)/500)}
	first.Alarms = 1.2 * float64(p.panels) / first.Seconds
	w.panels.ask("send", first, nil)
	table := &table{plan: p}
	table.add(w.phase(nil, p.load, attack{}))
	for _, a := range p.attacks {
		a.Seconds = p.seconds
		table.add(w.phase(attacker, p.load, a))
		w.recovered(idle)
	}
	for _, r := range table.rows {
		w.check(r)
	}
	attacker.stop()
	w.panels.stop()
	w.left(idle)
	if ledger, missing := w.compare(k.config()); missing > 0 || ledger == 0 {
		t.Errorf("%d of %d acknowledged alarms are not in the log", missing, ledger)
	}
	t.Log("\n" + table.markdown())
	if *reportFlag != "" {
		if err := os.WriteFile(*reportFlag, []byte(table.markdown()), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// row is a phase: what the panels saw, what the attacker got done, and what the
// receiver counted meanwhile.
type row struct {
	phase
	repelled
	before, after facts
}

// phase sends a load, beside an attack when there is one.
func (w *ward) phase(attacker *process, l load, a attack) (r row) {
	w.t.Helper()
	l.Name = "calm"
	r.before = w.facts()
	if attacker != nil {
		l.Name = a.Kind
		attacker.tell("attack", []attack{a})
	}
	if *profiles != "" {
		w.receiver.tell("cpu", filepath.Join(*profiles, strings.ReplaceAll(l.Name, " ", "-")+".cpu"))
	}
	w.panels.ask("send", l, &r.phase)
	if *profiles != "" {
		w.receiver.read(nil)
	}
	if attacker != nil {
		var got []repelled
		attacker.read(&got)
		r.repelled = got[0]
	}
	r.after = w.facts()
	return r
}

// recovered waits until an attack's connections are gone and its frames settled.
func (w *ward) recovered(idle facts) {
	w.t.Helper()
	// Files too: who was turned away is not counted among the connections.
	await(w.t, "the attacker's connections to be closed", func() bool {
		now := w.facts()
		return int(now.count("vigie_receiver_connections")) <= *panelsFlag && now.Files-idle.Files <= *panelsFlag
	})
}

// check asserts what must hold in a phase.
func (w *ward) check(r row) {
	w.t.Helper()
	if total := r.total(); total.Answered != total.Planned || total.Planned == 0 {
		w.t.Errorf("%s: %d of %d messages of good panels were answered", r.phase.Name, total.Answered, total.Planned)
	}
	if r.Sent == 0 && r.repelled.Kind != "" {
		w.t.Errorf("%s: the attacker got nothing done", r.phase.Name)
	}
	counted := func(name string, words ...string) int {
		return int(r.after.count(name, words...) - r.before.count(name, words...))
	}
	// What a source may have in a phase: its share a second, and what it saved up.
	share := func(perSecond, saved float64) int { return int(perSecond*r.repelled.Seconds + saved) }
	switch r.repelled.Kind {
	case slowloris:
		if counted("vigie_receiver_connections_closed_total", "reason=gave-way") == 0 {
			w.t.Errorf("%s: no half frame gave way to a panel", r.phase.Name)
		}
		if counted("vigie_receiver_connections_refused_total", "reason=waits") == 0 {
			w.t.Errorf("%s: nobody waits who held connections so", r.phase.Name)
		}
	case floodValid, floodPackets:
		if most := share(1_000, 2_000) + r.total().Planned*2; counted("vigie_receiver_taken_total", "cipher=clear") > most {
			w.t.Errorf("%s: %d frames were taken, one source and the panels may have %d", r.phase.Name, counted("vigie_receiver_taken_total"), most)
		}
	case floodNew:
		if made, most := counted("vigie_receiver_taken_total", "account=new"), share(10.0/60, 100)+1; made == 0 || made > most {
			w.t.Errorf("%s: %d new accounts were let in, want some and at most %d", r.phase.Name, made, most)
		}
	case floodJunk:
		if counted("vigie_receiver_rejected_total", "reason=junk") == 0 {
			w.t.Errorf("%s: nothing was set aside", r.phase.Name)
		}
	}
}

// left: without panels and attackers a receiver is what it was before they came.
func (w *ward) left(idle facts) {
	w.t.Helper()
	// The three clients of Kafka have a few connections each, and goroutines for them.
	const connections, goroutines = 12, 24
	var now facts
	given := func() bool {
		now = w.facts()
		return now.Files <= idle.Files+connections && now.Goroutines <= idle.Goroutines+goroutines
	}
	if !eventually(given) {
		w.t.Errorf("%d files and %d goroutines are left of what panels and attackers made", now.Files-idle.Files, now.Goroutines-idle.Goroutines)
		w.receiver.ask("goroutines", nil, nil)
	}
	w.t.Logf("idle before: %d files, %d goroutines, %d MB; after: %d, %d, %d MB",
		idle.Files, idle.Goroutines, idle.RSS>>20, now.Files, now.Goroutines, now.RSS>>20)
}

// table is the report.
type table struct {
	plan siegePlan
	rows []row
}

func (t *table) add(r row) { t.rows = append(t.rows, r) }

// markdown gives each phase, and its ratio to the calm one of the same run.
func (t *table) markdown() string {
	var b strings.Builder
	calm := t.rows[0]
	fmt.Fprintf(&b, "%d good panels, each from an address of its own, a tenth of them connecting for each message and a tenth over UDP; %.0f alarms and %.0f polls a second; phases of %.0f s; %d cores for receiver, Kafka, panels and attackers together. Times in ms from the planned moment to the ACK; x is p99 against calm.\n",
		t.plan.panels, t.plan.load.Alarms, t.plan.load.Polls, t.plan.seconds, runtime.NumCPU())
	if late := t.invalid(); late > 0 {
		fmt.Fprintf(&b, "\n**INVALID: in %d of %d phases the panels' own process was late (below). Times are upper bounds, ratios mean nothing.**\n", late, len(t.rows))
	}
	for _, kind := range kinds {
		fmt.Fprintf(&b, "\n| %s | answered | p50 | p99 | p99.9 | most | x |\n|---|---|---|---|---|---|---|\n", kind)
		for _, r := range t.rows {
			f, c := r.of(kind), calm.of(kind)
			ratio := "–"
			if r.repelled.Kind != "" && c.P99 > 0 {
				ratio = fmt.Sprintf("%.1f", float64(f.P99)/float64(c.P99))
			}
			fmt.Fprintf(&b, "| %s | %d of %d, %d sent again | %s | %s | %s | %s | %s |\n",
				r.phase.Name, f.Answered, f.Planned, f.Retried, ms(f.P50), ms(f.P99), ms(f.P999), ms(f.Max), ratio)
		}
	}
	b.WriteString("\n| phase | what the attacker got done | receiver's memory, MB | frames of the panels that left late |\n|---|---|---|---|\n")
	for _, r := range t.rows {
		late := fmt.Sprintf("%.2f %%, p99 %s", 100*r.LateShare, ms(r.LateP99))
		if why := r.invalid(); why != "" {
			late = "**" + why + "**"
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s |\n", r.phase.Name, r.repelled, r.after.RSS>>20, late)
	}
	return b.String()
}

// invalid counts the phases whose times are not the receiver's.
func (t *table) invalid() (n int) {
	for _, r := range t.rows {
		if r.invalid() != "" {
			n++
		}
	}
	return n
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }

func (r repelled) String() string {
	if r.Kind == "" {
		return "–"
	}
	return fmt.Sprintf("%d connections (%d closed by the receiver, %d failed), %d sent, %d answered", r.Connected, r.Closed, r.Failed, r.Sent, r.Answered)
}
