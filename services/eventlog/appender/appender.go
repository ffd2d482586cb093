// Package appender is the one writer of vigie.events within a process: the
// receiver and the desk hand it what they took, and it appends, beats, and says
// when each thing is durable.
//
// Each partition has one critical section in which the time is read, the record
// is made and handed to the Kafka client. So the order of a partition is the
// order of received_at, and when a beat says T, all that this writer took before
// T stands earlier in the partition.
package appender

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// Errors of Append and Heartbeat. Each means that nothing was kept: no answer
// may be given for it.
var (
	// ErrBusy says that the partition's room is taken, because Kafka does not
	// keep up or is away. Try again later.
	ErrBusy = errors.New("the log has no room for this partition now")
	// ErrNotRunning says that the appender has not reached the log yet, or has stopped.
	ErrNotRunning = errors.New("the appender is not running")
	// ErrTooLarge says that the record passes MaxRecordBytes.
	ErrTooLarge = errors.New("the record is larger than the log takes")
)

// Bounds. Each partition has its own, so that a dead one takes nothing from the
// others, and events have theirs apart from beats, so that polls take nothing
// from alarms.
const (
	// MaxRecordBytes of one encoded record: the topic takes 1 MiB with framing.
	MaxRecordBytes = 900_000
	// maxEvents in flight for one partition.
	maxEvents = 16_384
	// allEventBytes in flight, shared evenly by the partitions, each at least
	// minEventBytes.
	allEventBytes = 256 << 20
	minEventBytes = 2 << 20
	// maxBeats in flight for one partition; past it polls are shed.
	maxBeats = 2
	// maxPolls that wait for one partition's next beat.
	maxPolls = 65_536
	// maxBeatBytes of one record of a beat; a longer beat is cut into pieces.
	maxBeatBytes = 512_000
	// stopWait is how long a stopping appender waits for Kafka.
	stopWait = 5 * time.Second
)

// Config says who writes. Writer, Kind and Partitions are mandatory.
type Config struct {
	// Writer is the stable name of the writer, unique among living ones: for a
	// receiver its receiver.id.
	Writer string
	Kind   vigiev1.WriterKind
	// Group of receivers whose supervision clock the beats run; "" for a desk.
	Group string
	// Partitions that vigie.events has; Run fails when it has another number.
	Partitions int32
	// BeatEvery when polls came (250 ms by default), IdleBeatEvery when none
	// did (1 s by default).
	BeatEvery     time.Duration
	IdleBeatEvery time.Duration
	// Program is the version told when a receiver starts.
	Program string
}

// Deps are what the appender is given.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Kafka   eventlog.Config
	// Now is time.Now unless a test has its own clock. It is read once for the
	// wall clock; all later times are monotonic from there.
	Now func() time.Time
}

// Appender appends to vigie.events. Make it with New, then Run it.
type Appender struct {
	cfg     Config
	log     *slog.Logger
	kafka   eventlog.Config
	topic   string
	boot    []byte
	clock   clock
	client  *kgo.Client
	parts   []*partition
	metrics *metrics
	ready   chan struct{}
	flying  sync.WaitGroup

	mu        sync.Mutex
	listeners []*Listener
}

// New checks the configuration and makes an appender that does nothing yet.
func New(cfg Config, deps Deps) (*Appender, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := deps.Kafka.Check(); err != nil {
		return nil, err
	}
	if cfg.BeatEvery == 0 {
		cfg.BeatEvery = 250 * time.Millisecond
	}
	if cfg.IdleBeatEvery == 0 {
		cfg.IdleBeatEvery = time.Second
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	boot, err := newBoot()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(deps.Metrics, cfg.Writer)
	if err != nil {
		return nil, fmt.Errorf("metrics of the appender of %s: %w", cfg.Writer, err)
	}
	a := &Appender{
		cfg: cfg, log: deps.Log.With("writer", cfg.Writer), kafka: deps.Kafka,
		topic: deps.Kafka.Topic(topics.Events), boot: boot, clock: newClock(deps.Now),
		metrics: m, ready: make(chan struct{}),
	}
	for p := range cfg.Partitions {
		a.parts = append(a.parts, newPartition(a, p))
	}
	return a, nil
}

func (c Config) check() error {
	switch {
	case c.Writer == "":
		return errors.New("the appender needs the name of its writer, for example the receiver.id")
	case c.Kind == vigiev1.WriterKind_WRITER_KIND_UNSPECIFIED:
		return errors.New("the appender needs the kind of its writer")
	case c.Kind == vigiev1.WriterKind_WRITER_KIND_RECEIVER && c.Group == "":
		return errors.New("the appender of a receiver needs its receiver group")
	case c.Partitions <= 0:
		return errors.New("the appender needs the number of partitions of vigie.events")
	case !utf8.ValidString(c.Writer + c.Group + c.Program):
		return errors.New("the names of writer, group and program must be valid UTF-8")
	}
	return nil
}

// newBoot is a random UUID (version 4).
func newBoot() ([]byte, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("drawing the boot id: %w", err)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return b, nil
}

// Boot is the id of this start of the writer, 16 bytes. Not to be changed.
func (a *Appender) Boot() []byte { return a.boot }

// NowMS is the writer's clock, Unix ms UTC: the wall clock at the start plus
// what the monotonic clock has counted since.
func (a *Appender) NowMS() int64 { return a.clock.nowMS() }

// Ready is closed once the log was reached and the first records were handed over.
func (a *Appender) Ready() <-chan struct{} { return a.ready }

// Run connects, says that the writer started, and beats until ctx ends. Then it
// takes nothing more, says the last beat of each partition, and waits up to
// stopWait for all that is in flight. It fails when vigie.events has another
// number of partitions than configured, or is missing.
func (a *Appender) Run(ctx context.Context) error {
	client, err := kgo.NewClient(append(a.kafka.IngestOpts(a.log), a.clientBounds()...)...)
	if err != nil {
		return fmt.Errorf("the Kafka client of %s: %w", a.cfg.Writer, err)
	}
	defer client.Close()
	a.client = client
	if err := a.awaitLog(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	a.sayLife(vigiev1.ReceiverLife_CHANGE_STARTED)
	for _, p := range a.parts {
		p.start()
	}
	a.beatAll(false)
	close(a.ready)

	tick := time.NewTicker(a.cfg.BeatEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			a.beatAll(false)
		case <-ctx.Done():
			a.stop()
			return nil
		}
	}
}

// clientBounds lifts the client's own limits above the sum of the partitions':
// the client's limit is one for all, and a dead partition must not fill it.
func (a *Appender) clientBounds() []kgo.Opt {
	perPartition := maxEvents + maxBeats*(1+maxPolls*maxPollBytes/maxBeatBytes) + maxLife
	return []kgo.Opt{
		kgo.MaxBufferedRecords(int(a.cfg.Partitions) * perPartition),
		kgo.MaxBufferedBytes(0),
	}
}

// stop refuses what is new, says the last beats, and waits for the answers.
func (a *Appender) stop() {
	a.sayLife(vigiev1.ReceiverLife_CHANGE_STOPPED)
	a.beatAll(true) // closes each partition in the critical section of its last beat
	done := make(chan struct{})
	go func() {
		a.flying.Wait()
		close(done)
	}()
	late := time.NewTimer(stopWait)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		a.log.Warn("stopped without Kafka's answer for what was in flight; its senders got none and will send again", "waited", stopWait)
		a.client.Close() // fails what is in flight
		<-done
	}
}

// Append appends an event of a site. build gets the event's id and received_at,
// which it must use, and is called at most once, before Append returns; it must
// be quick, since it runs inside the partition's critical section. done is
// called exactly once when Append returned nil: with nil once all in-sync
// replicas have the record, or with what went wrong. done must not block, nor
// call this appender. Append itself never waits for Kafka.
func (a *Appender) Append(site uint64, build func(id ids.ID, receivedAtMS int64) *vigiev1.LogRecord, done func(error)) error {
	err := a.parts[topics.PartitionOf(site, a.cfg.Partitions)].build(site, build, done)
	if err != nil {
		a.metrics.refused(err)
	}
	return err
}

// AppendEvent is Append for an event that its caller has encoded already, a
// vigiev1.Event without id and received_at, which are given to it here. event may
// be used again once AppendEvent returns.
func (a *Appender) AppendEvent(site uint64, event []byte, done func(error)) error {
	err := a.parts[topics.PartitionOf(site, a.cfg.Partitions)].event(site, event, done)
	if err != nil {
		a.metrics.refused(err)
	}
	return err
}

// Heartbeat puts a poll of a site's path into the next beat. done is as for
// Append: called with nil once that beat is durable.
func (a *Appender) Heartbeat(site uint64, path uint32, done func(error)) error {
	err := a.parts[topics.PartitionOf(site, a.cfg.Partitions)].poll(site, path, done)
	if err != nil {
		a.metrics.refused(err)
	}
	return err
}

// Listener counts the frames that came through one door, for the beats.
type Listener struct {
	name   string
	frames atomic.Uint64
}

// Frame counts one frame taken.
func (l *Listener) Frame() { l.frames.Add(1) }

// Listener registers a door by name ("tcp", "udp"). Beats tell its frames.
func (a *Appender) Listener(name string) *Listener {
	l := &Listener{name: name}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listeners = append(a.listeners, l)
	return l
}

func (a *Appender) listenerList() []*Listener {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.listeners[:len(a.listeners):len(a.listeners)]
}

func (a *Appender) beatAll(last bool) {
	listeners := a.listenerList()
	for _, p := range a.parts {
		p.beat(listeners, last)
	}
}

// clock gives Unix ms from one reading of the wall clock and the monotonic one.
type clock struct {
	now   func() time.Time
	start time.Time
}

func newClock(now func() time.Time) clock { return clock{now: now, start: now()} }

func (c clock) nowMS() int64 {
	return c.start.UnixMilli() + c.now().Sub(c.start).Milliseconds()
}
