package baseline_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/baseline"
	"github.com/open-vigie/vigie/services/chain"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/brokertest"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/processor/snapshot"
	"github.com/open-vigie/vigie/services/processor/snapshot/s3test"
	"github.com/open-vigie/vigie/services/sitefold"
)

var discard = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) {
	code := m.Run()
	s3test.Stop()
	os.Exit(code)
}

func TestALogBeginsWithABaseline(t *testing.T) {
	t.Parallel()
	begin(t, kfakeLog(t, "old."), kfakeLog(t, "new."))
}

func TestALogBeginsWithABaselineOnApacheKafka(t *testing.T) {
	t.Parallel()
	cfg := brokertest.Kafka(t)
	before, after := cfg, cfg
	before.TopicPrefix, after.TopicPrefix = "old.", "new."
	begin(t, before, after)
}

// begin lets a log live, moves its states to an empty one, and lets that live on: what
// it says is what the first would have said, and its chain is the same chain.
func begin(t *testing.T, before, after eventlog.Config) {
	old := provisioned(t, before)
	stop := old.process(sitefold.New(discard))
	old.firstLife()
	dir := old.export()
	stop()

	key := old.signer(t)
	fresh := newLog(t, after, old.now)
	fresh.keys = old.keys
	loaded := fresh.load(dir, key.trusted)
	fresh.wantSaidAnew(old)
	stop = fresh.process(sitefold.New(discard))
	fresh.secondLife()
	fresh.snapshots(func(_ int32, named []*vigiev1.Snapshot) bool { return len(named) == 2 && named[1].GetOffset() > 0 })
	fresh.settle()
	stop()

	fresh.wantAsIfItHadNeverMoved(old, dir)
	fresh.wantChain(loaded.ID, key.trusted)
	fresh.wantRestoredFromTheBaseline()
	fresh.wantOtherRulesRefused()
	fresh.wantNoSecondBeginning(key.trusted)
}

// A baseline in a bucket is one: written once, proven, loaded.
func TestABaselineInABucket(t *testing.T) {
	t.Parallel()
	s := s3test.Server(t)
	store, err := snapshot.NewS3(snapshot.S3Config{Endpoint: s.Endpoint, Bucket: s.Bucket, Prefix: "baselines/one", AccessKey: s.AccessKey, SecretKey: s.SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	at := baseline.InBucket(store)
	old := provisioned(t, kfakeLog(t, "old."))
	stop := old.process(sitefold.New(discard))
	old.firstLife()
	dir := old.export()
	old.exportTo(at)
	stop()
	if err := at.Free(t.Context()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("its place is free: %v", err)
	}
	key := old.signer(t)
	fresh := newLog(t, kfakeLog(t, "new."), old.now)
	if _, _, err := baseline.Load(t.Context(), at, key.trusted, fresh.loading()); err != nil {
		t.Fatal(err)
	}
	in, err := baseline.Read(t.Context(), baseline.In(dir), key.trusted)
	if err != nil {
		t.Fatal(err)
	}
	for n, p := range fresh.progress() {
		if want := in.Partitions[n].Checkpoint; p.GetChainOrdinal() < want.Ordinal || p.GetOffset() != 0 {
			t.Errorf("partition %d goes on after %d records at offset %d", n, p.GetChainOrdinal(), p.GetOffset())
		}
	}
}

// wantSaidAnew: who reads the new topics knows what readers of the old ones do.
func (l *log) wantSaidAnew(old *log) {
	l.t.Helper()
	for _, topic := range []string{topics.SiteStates, topics.Directory, topics.Accounts, topics.Incidents} {
		was, is := old.newest(topic), l.newest(topic)
		if len(was) == 0 {
			l.t.Errorf("nothing was said on %s", topic)
		}
		for key, value := range was {
			if !bytes.Equal(known(topic, is[key]), known(topic, value)) {
				l.t.Errorf("%s %q is\n%x, was\n%x", topic, key, is[key], value)
			}
			delete(is, key)
		}
		if len(is) > 0 {
			l.t.Errorf("%s says %d things more", topic, len(is))
		}
	}
}

// known is what a record of a compacted topic says, without when and why it was said
// and what has been heard since.
func known(topic string, value []byte) []byte {
	if topic != topics.SiteStates || value == nil {
		return value
	}
	state := &vigiev1.SiteState{}
	if err := proto.Unmarshal(value, state); err != nil {
		return nil
	}
	state.ChangedAtMs, state.CauseEventId = 0, nil
	for _, path := range state.GetPaths() {
		path.LastHeardMs = 0
	}
	value, _ = proto.MarshalOptions{Deterministic: true}.Marshal(state)
	return value
}

// wantAsIfItHadNeverMoved folds both logs in one thread as one, and compares.
func (l *log) wantAsIfItHadNeverMoved(old *log, dir string) {
	l.t.Helper()
	b, err := baseline.Read(l.t.Context(), baseline.In(dir), old.signer(l.t).trusted)
	if err != nil {
		l.t.Fatal(err)
	}
	for p := range int32(parts) {
		oracle := processor.NewReplayer(p, sitefold.New(discard)())
		at := b.Partitions[p].Checkpoint.Offset
		for _, r := range old.records(topics.Events, p) {
			if r.Offset < at {
				if err := oracle.Apply(r); err != nil {
					l.t.Fatal(err)
				}
			}
		}
		oracle.Take()
		var want []string
		for _, r := range l.records(topics.Events, p) {
			r.Offset += at
			if err := oracle.Apply(r); err != nil {
				l.t.Fatal(err)
			}
			for _, out := range oracle.Take() {
				want = append(want, saying(out))
			}
		}
		got := l.saidSince(p)
		for _, say := range want {
			if !strings.HasPrefix(say, topics.Fleet) && !got[say] {
				l.t.Errorf("partition %d never said %q", p, say)
			}
		}
		if len(want) < 5 {
			l.t.Errorf("partition %d had only %d things to say", p, len(want))
		}
	}
}

// wantChain: the chain is proven from the baseline on, and says so.
func (l *log) wantChain(id string, trusted note.Verifiers) {
	l.t.Helper()
	report, err := chain.Verify(l.t.Context(), chain.Options{Kafka: l.cfg, Log: discard, Trusted: trusted})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := report.Err(); err != nil {
		l.t.Error(err)
	}
	for _, p := range report.Partitions {
		if p.From.Source != chain.Based || p.From.Baseline != id || p.From.Ordinal == 0 || p.Records == 0 {
			l.t.Errorf("partition %d: %d records proven from %v, baseline %q", p.Partition, p.Records, p.From, p.From.Baseline)
		}
	}
}

// wantNoSecondBeginning: who has the key may sign another beginning; two contradict
// each other.
func (l *log) wantNoSecondBeginning(trusted note.Verifiers) {
	l.t.Helper()
	first := l.records(topics.Checkpoints, 0)[0]
	other, err := chain.OpenCheckpoint(first.Value, trusted)
	if err != nil {
		l.t.Fatal(err)
	}
	other.Ordinal, other.Hash[0], other.Baseline = other.Ordinal+1, other.Hash[0]^1, strings.Repeat("0", 64)
	signed, err := other.Sign(l.signer(l.t).signer)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.cl.ProduceSync(l.t.Context(), &kgo.Record{Topic: l.cfg.Topic(topics.Checkpoints), Value: signed}).FirstErr(); err != nil {
		l.t.Fatal(err)
	}
	report, err := chain.Verify(l.t.Context(), chain.Options{Kafka: l.cfg, Log: discard, Trusted: trusted, Partitions: []int32{0}})
	if err != nil {
		l.t.Fatal(err)
	}
	if faults := report.Faults(); len(faults) == 0 || faults[0].Kind != chain.Contradiction {
		l.t.Errorf("a second beginning gives %v", faults)
	}
}

// wantRestoredFromTheBaseline: with both snapshots damaged the state is that of the
// baseline and the log after it.
func (l *log) wantRestoredFromTheBaseline() {
	l.t.Helper()
	before := l.progress()
	for _, p := range before {
		if len(p.GetSnapshots()) != 2 || p.GetBaseline() == nil {
			l.t.Fatalf("partition %d names %d snapshots and the baseline %v", p.GetPartition(), len(p.GetSnapshots()), p.GetBaseline())
		}
		for _, name := range p.GetSnapshots() {
			if bytes.Equal(name.GetId(), p.GetBaseline().GetId()) {
				l.t.Fatal("the baseline is still one of the two")
			}
			l.damage(name)
		}
	}
	stop := l.process(sitefold.New(discard))
	l.pass(5)
	l.settle()
	stop()
	for n, p := range l.progress() {
		if p.GetSites() != before[n].GetSites() || p.GetChainOrdinal() <= before[n].GetChainOrdinal() {
			l.t.Errorf("partition %d: %d sites, were %d", n, p.GetSites(), before[n].GetSites())
		}
	}
}

// wantOtherRulesRefused: a program of other rules has no state to begin with, and says so.
func (l *log) wantOtherRulesRefused() {
	l.t.Helper()
	p, err := processor.New(processor.Config{Instance: "a", NewFold: func() processor.Fold { return otherRules{sitefold.New(discard)()} }}, processor.Deps{Log: discard, Kafka: l.cfg})
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, done := context.WithTimeout(l.t.Context(), time.Minute)
	defer done()
	if err := p.Run(ctx); err == nil || !strings.Contains(err.Error(), "began with a baseline") {
		l.t.Errorf("a program of other rules: %v", err)
	}
}

type otherRules struct{ processor.Fold }

func (f otherRules) Version() uint32 { return f.Fold.Version() + 1 }

// What is not to be loaded changes nothing.
func TestWhatIsNotLoaded(t *testing.T) {
	t.Parallel()
	old := provisioned(t, kfakeLog(t, "old."))
	stop := old.process(sitefold.New(discard))
	old.firstLife()
	dir := old.export()
	stop()
	key := old.signer(t)
	fresh := newLog(t, kfakeLog(t, "new."), old.now)
	loading := fresh.loading()

	stranger := newKey(t)
	fresh.wantRefused(dir, stranger.trusted, loading, chain.ErrUnknownKey)
	loading.NewFold = func() processor.Fold { return otherRules{sitefold.New(discard)()} }
	fresh.wantRefused(dir, key.trusted, loading, processor.ErrOtherRules)
	fresh.wantRefused(touched(t, dir), key.trusted, fresh.loading(), snapshot.ErrUnusable)
	if n := fresh.topicCount(); n != 0 {
		t.Errorf("%d topics were made", n)
	}

	taken := provisioned(t, kfakeLog(t, "taken."))
	taken.now = old.now
	taken.pass(1)
	taken.wantRefused(dir, key.trusted, taken.loading(), baseline.ErrNotEmpty)

	// Cut off in the middle: no role begins on the rest, and a second try is refused.
	cut := fresh.loading()
	cut.Store = failing{cut.Store}
	fresh.wantRefused(dir, key.trusted, cut, errStore)
	p, err := processor.New(processor.Config{Instance: "a", NewFold: sitefold.New(discard)}, processor.Deps{Log: discard, Kafka: fresh.cfg})
	if err != nil {
		t.Fatal(err)
	}
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	if err := p.Run(ctx); err == nil || !strings.Contains(err.Error(), "vigie provision") {
		t.Errorf("a processor on half a cluster: %v", err)
	}
	fresh.wantRefused(dir, key.trusted, fresh.loading(), baseline.ErrNotEmpty)
}

var errStore = errors.New("the store is full")

type failing struct{ snapshot.Store }

func (failing) Write(context.Context, *vigiev1.Snapshot, iter.Seq[[]byte]) error {
	return errStore
}

func (l *log) wantRefused(dir string, trusted note.Verifiers, loading baseline.Loading, want error) {
	l.t.Helper()
	if _, _, err := baseline.Load(l.t.Context(), baseline.In(dir), trusted, loading); !errors.Is(err, want) {
		l.t.Errorf("loaded with %v, want %v", err, want)
	}
}

// touched is a copy of a baseline with one bit of a state another.
func touched(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "touched")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(to, "1", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 8
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}
