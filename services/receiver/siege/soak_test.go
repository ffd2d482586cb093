//go:build long

package siege

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/internal/child"
)

// The soak: everything that panels and attackers do, mixed and at a moderate rate,
// with a Kafka that is stopped for seconds now and then, and in the long form killed
// as well. What the receiver's process is made of is sampled; whether that is flat is
// decided by a rule (trend), not by looking.

// sampleEvery in the long form; the short one takes as many in seconds.
const sampleEvery = 10 * time.Second

// soakRound is one turn of the mixture.
const soakRound = time.Minute

// sample is the receiver's process at a moment.
type sample struct {
	Seconds    float64 `json:"seconds"`
	RSS        int64   `json:"rss_bytes"`
	Anonymous  int64   `json:"anonymous_bytes"`
	Heap       int64   `json:"heap_bytes"`
	Goroutines int     `json:"goroutines"`
	Files      int     `json:"files"`
	// Connections of panels and attackers at that moment.
	Connections int `json:"connections"`
	// Classes of the runtime's memory in bytes: what grew, when something did.
	Classes map[string]int64 `json:"memory_classes"`
}

// round is what good panels saw in a turn of the mixture; Seconds has the wait for the
// last answer in it.
type round struct {
	Seconds  float64 `json:"seconds"`
	Planned  int     `json:"planned"`
	Answered int     `json:"answered"`
	Retried  int     `json:"retried"`
}

// soaked is the result.
type soaked struct {
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	Cores   int       `json:"cores"`
	Panels  int       `json:"panels"`
	// Answered of Planned messages of the good panels, and of the log: alarms of the
	// ledger that were looked for in it, and how many of them were not there.
	Planned  int `json:"planned"`
	Answered int `json:"answered"`
	Ledger   int `json:"ledger"`
	Missing  int `json:"missing"`
	// Stops and Kills of Kafka.
	Stops   int        `json:"kafka_stopped"`
	Kills   int        `json:"kafka_killed"`
	Rounds  []round    `json:"rounds"`
	Attacks []repelled `json:"attacks"`
	Trends  []trend    `json:"trends"`
	// Classes are the trends of the runtime's memory, which nothing is asked of.
	Classes []trend  `json:"memory_class_trends"`
	Samples []sample `json:"samples"`
}

// soak is a running one.
type soak struct {
	t      *testing.T
	length time.Duration
	w      *ward
	result soaked
	begin  time.Time
	random *rand.Rand
}

func TestSoak(t *testing.T) {
	s := &soak{t: t, length: cmp.Or(*soakFlag, 6*time.Second), begin: time.Now(), random: rand.New(rand.NewPCG(3, 4))}
	s.result = soaked{Began: s.begin.UTC(), Cores: runtime.NumCPU(), Panels: 300}
	k := newKafka(t, t.TempDir(), findJava(t))
	cfg := wardConfig{panels: s.result.Panels, fleet: fleetConfig{Redial: 30, Datagrams: 20, Retry: 2 * time.Second, Tries: 300}} // on a busy machine Kafka is away for minutes once it is killed
	s.w = newWard(t, k.config(), cfg)
	s.w.recruit(cfg)
	attacker := spawn(t, "attacker", s.w.doors, nil, 0)
	var beside sync.WaitGroup
	stop := make(chan struct{})
	beside.Go(func() { s.sample(stop) })
	if *soakFlag > 0 {
		beside.Go(func() { s.disturb(stop, k) })
	}
	// Two heaps: what grew between them can be seen with go tool pprof -base.
	early := sync.OnceFunc(func() { s.heap("early") })
	for s.begin = time.Now(); time.Since(s.begin) < s.length; {
		s.round(attacker)
		if time.Since(s.begin) > s.length/6 {
			early()
		}
	}
	s.heap("late")
	close(stop)
	beside.Wait()
	s.result.Seconds = time.Since(s.begin).Seconds()
	attacker.stop()
	s.w.panels.stop()
	s.judge(k)
}

// round sends one turn of the mixture and adds up what came of it.
func (s *soak) round(attacker *process) {
	seconds := min(soakRound, s.length).Seconds()
	attacker.tell("attack", []attack{
		{Kind: slowloris, Seconds: seconds, Connections: 60, Sources: 20},
		{Kind: storm, Seconds: seconds, Rate: 50, Connections: 4, Sources: 50},
		{Kind: floodValid, Seconds: seconds, Rate: 300, Connections: 5, Sources: 1},
		{Kind: floodJunk, Seconds: seconds, Rate: 200, Connections: 5, Sources: 5},
		{Kind: floodNew, Seconds: seconds, Rate: 100, Connections: 2, Sources: 2},
		{Kind: floodPackets, Seconds: seconds / 10, Rate: 5_000, Sources: 1},
	})
	var p phase
	s.w.panels.ask("send", load{Name: "soak", Seconds: seconds, Alarms: 60, Polls: 60}, &p)
	var got []repelled
	attacker.read(&got)
	total := p.total()
	s.result.Rounds = append(s.result.Rounds, round{p.Seconds, total.Planned, total.Answered, total.Retried})
	s.result.Planned += total.Planned
	s.result.Answered += total.Answered
	for i, r := range got {
		if len(s.result.Attacks) <= i {
			s.result.Attacks = append(s.result.Attacks, repelled{Kind: r.Kind})
		}
		a := &s.result.Attacks[i]
		a.Seconds += r.Seconds
		a.Connected += r.Connected
		a.Closed += r.Closed
		a.Failed += r.Failed
		a.Sent += r.Sent
		a.Answered += r.Answered
	}
}

// disturb stops Kafka for 1 to 8 s about every two minutes, and kills it each fourth time.
func (s *soak) disturb(stop <-chan struct{}, k *kafka) {
	const killEach = 4
	wait := func(d time.Duration) bool {
		select {
		case <-time.After(d):
			return true
		case <-stop:
			return false
		}
	}
	for n := 1; wait(90*time.Second + time.Duration(s.random.IntN(60))*time.Second); n++ {
		if n%killEach == 0 {
			s.result.Kills++
			_ = child.Signal(k.broker.Pid(), syscall.SIGKILL) // its keeper starts it again
			continue
		}
		s.result.Stops++
		pid := k.broker.Pid()
		_ = child.Signal(pid, syscall.SIGSTOP)
		wait(time.Second + time.Duration(s.random.IntN(7000))*time.Millisecond)
		_ = child.Signal(pid, syscall.SIGCONT)
	}
}

// sample asks the receiver until told to stop.
func (s *soak) sample(stop <-chan struct{}) {
	every := min(sampleEvery, s.length/20)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		f := s.w.facts()
		s.result.Samples = append(s.result.Samples, sample{
			Seconds: time.Since(s.begin).Seconds(), RSS: f.RSS, Anonymous: f.Anonymous, Heap: f.Heap, Goroutines: f.Goroutines, Files: f.Files,
			Connections: int(f.count("vigie_receiver_connections")), Classes: f.Classes,
		})
	}
}

// judge says what the soak showed.
func (s *soak) judge(k *kafka) {
	s.result.Ledger, s.result.Missing = s.w.compare(k.config())
	if s.result.Missing > 0 || s.result.Ledger == 0 {
		s.t.Errorf("%d of %d acknowledged alarms are not in the log", s.result.Missing, s.result.Ledger)
	}
	if s.result.Answered != s.result.Planned {
		s.t.Errorf("%d of %d messages of good panels were answered", s.result.Answered, s.result.Planned)
	}
	s.result.Trends = trends(s.result.Samples)
	for _, tr := range s.result.Trends {
		s.t.Log(tr)
		// A short soak is over before the first caches are full.
		if !tr.Flat && *soakFlag > 0 {
			s.t.Errorf("not flat: %s", tr)
		}
	}
	s.result.Classes = classTrends(s.result.Samples)
	for _, tr := range s.result.Classes {
		s.t.Log(tr)
	}
	s.t.Logf("%.0f s: %d messages answered, %d alarms in the log, Kafka stopped %d times and killed %d times, %d samples",
		s.result.Seconds, s.result.Answered, s.result.Ledger, s.result.Stops, s.result.Kills, len(s.result.Samples))
	if *soakFile == "" {
		return
	}
	b, err := json.MarshalIndent(s.result, "", " ")
	if err == nil {
		err = os.WriteFile(*soakFile, append(b, '\n'), 0o600)
	}
	if err != nil {
		s.t.Error(err)
	}
}

// heap writes the receiver's heap beside the report.
func (s *soak) heap(name string) {
	dir := s.t.TempDir()
	if *soakFile != "" {
		dir = filepath.Dir(*soakFile)
	}
	s.w.heap(filepath.Join(dir, name+".heap"))
}

// trend says whether something grew. The rule: of the samples after the first sixth
// (ten minutes of an hour, in which caches fill) take the median of the slopes between
// all pairs (Theil and Sen), which a few high samples do not move. What that adds over
// the time looked at may be at most a twentieth of the median, or Slack when that is
// more.
type trend struct {
	What   string  `json:"what"`
	Median float64 `json:"median"`
	// Grew is what the slope adds over the time looked at.
	Grew  float64 `json:"grew"`
	Slack float64 `json:"slack"`
	Flat  bool    `json:"flat"`
}

func (t trend) String() string {
	return fmt.Sprintf("%s: median %.0f, grew by %.0f, flat: %t", t.What, t.Median, t.Grew, t.Flat)
}

const (
	// slackBytes and slackCount are less than the noise of one collection, and of the
	// attackers' coming and going.
	slackBytes = 4 << 20
	slackCount = 20
)

func trends(samples []sample) []trend {
	samples = settled(samples)
	of := func(what string, slack float64, value func(sample) float64) trend {
		return newTrend(what, slack, samples, value)
	}
	return []trend{
		of("RSS, bytes", slackBytes, func(s sample) float64 { return float64(s.RSS) }),
		of("live heap, bytes", slackBytes, func(s sample) float64 { return float64(s.Heap) }),
		of("goroutines", slackCount, func(s sample) float64 { return float64(s.Goroutines) }),
		of("files", slackCount, func(s sample) float64 { return float64(s.Files) }),
	}
}

// classTrends tell what memory is made of, and what of it grew.
func classTrends(samples []sample) (of []trend) {
	samples = settled(samples)
	if len(samples) == 0 {
		return nil
	}
	for _, class := range slices.Sorted(maps.Keys(samples[0].Classes)) {
		of = append(of, newTrend(class+", bytes", slackBytes, samples, func(s sample) float64 { return float64(s.Classes[class]) }))
	}
	return append(of, newTrend("of files, bytes", slackBytes, samples, func(s sample) float64 { return float64(s.RSS - s.Anonymous) }))
}

// settled are the samples after the first sixth.
func settled(samples []sample) []sample { return samples[len(samples)/6:] }

func newTrend(what string, slack float64, samples []sample, value func(sample) float64) trend {
	t := trend{What: what}
	var values, slopes []float64
	for i, a := range samples {
		values = append(values, value(a))
		for _, b := range samples[:i] {
			slopes = append(slopes, (value(a)-value(b))/(a.Seconds-b.Seconds))
		}
	}
	if len(slopes) == 0 {
		return t
	}
	t.Median = median(values)
	t.Grew = median(slopes) * (samples[len(samples)-1].Seconds - samples[0].Seconds)
	t.Slack = max(slack, t.Median/20)
	t.Flat = t.Grew <= t.Slack
	return t
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// TestTrend: the rule tells a leak from noise and from a pause.
func TestTrend(t *testing.T) {
	const mb = 1 << 20
	noise := rand.New(rand.NewPCG(5, 6))
	draw := func(of func(second float64) float64) trend {
		var s []sample
		for at := 600.0; at < 3600; at += 10 {
			s = append(s, sample{Seconds: at, RSS: int64(of(at) + noise.Float64()*10*mb)})
		}
		return newTrend("RSS", slackBytes, s, func(s sample) float64 { return float64(s.RSS) })
	}
	for name, c := range map[string]struct {
		of   func(float64) float64
		flat bool
	}{
		"level":                 {func(float64) float64 { return 100 * mb }, true},
		"a pause each 2 min":    {func(at float64) float64 { return 100*mb + 80*mb*float64(int(at/10)%12/11) }, true},
		"falling":               {func(at float64) float64 { return 100*mb - at*1000 }, true},
		"a leak of 4 kB a s":    {func(at float64) float64 { return 100*mb + at*4096 }, false},
		"a leak under a pause ": {func(at float64) float64 { return 100*mb + at*4096 + 80*mb*float64(int(at/10)%12/11) }, false},
	} {
		if got := draw(c.of); got.Flat != c.flat {
			t.Errorf("%s: %s", name, got)
		}
	}
}
