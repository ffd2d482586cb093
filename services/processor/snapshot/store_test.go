package snapshot

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/processor/snapshot/s3test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(stopping{m}) }

// stopping ends the S3 server of the tests before leaks are looked for.
type stopping struct{ *testing.M }

func (s stopping) Run() int {
	code := s.M.Run()
	s3test.Stop()
	return code
}

const testPartition = 2

// kind is a store under test and what a test may do to what it holds.
type kind interface {
	Store
	// altered is a store that holds the same but for what change makes of each
	// part, "0", "1", … or "manifest"; nil takes it away.
	altered(change func(part string, value []byte) []byte) kind
	// snapshots counts those that hold anything.
	snapshots() int
}

type topicStore struct {
	*Topic
	t *testing.T
}

func newTopicStore(t *testing.T) *topicStore {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(testPartition+1, topics.DefaultPrefix+topics.Snapshots))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return &topicStore{NewTopic(eventlog.Config{Brokers: cluster.ListenAddrs()}, topics.Snapshots, slog.New(slog.NewTextHandler(io.Discard, nil))), t}
}

// records are all of the partition, in order.
func (s *topicStore) records() (out []*kgo.Record) {
	start, end, err := s.bounds(s.t.Context(), testPartition)
	if err == nil {
		err = eventlog.ReadRange(s.t.Context(), s.cfg.ReaderOpts(s.log), s.topic(), testPartition, start, end, func(r *kgo.Record) error {
			out = append(out, r)
			return nil
		})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *topicStore) altered(change func(string, []byte) []byte) kind {
	other := newTopicStore(s.t)
	cl, err := other.writer(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	defer cl.Close()
	for _, r := range s.records() {
		if r.Value = change(string(r.Key[bytes.LastIndexByte(r.Key, '/')+1:]), r.Value); r.Value == nil {
			r.Key = []byte("another")
		}
		if err := cl.ProduceSync(s.t.Context(), &kgo.Record{Topic: s.topic(), Partition: testPartition, Key: r.Key, Value: r.Value}).FirstErr(); err != nil {
			s.t.Fatal(err)
		}
	}
	return other
}

func (s *topicStore) snapshots() int {
	live := map[string]bool{}
	for _, r := range s.records() {
		if live[string(r.Key)] = true; r.Value == nil {
			delete(live, string(r.Key))
		}
	}
	of := map[string]bool{}
	for key := range live {
		of[key[:strings.LastIndexByte(key, '/')]] = true
	}
	return len(of)
}

type directoryStore struct {
	*Directory
	t *testing.T
}

func (s *directoryStore) altered(change func(string, []byte) []byte) kind {
	other := &directoryStore{NewDirectory(s.t.TempDir()), s.t}
	err := filepath.WalkDir(s.path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		in, out := bytes.NewReader(b), []byte{}
		put := func(part string, value []byte, length bool) {
			value = change(part, value)
			if value == nil {
				return
			}
			if length {
				out = binary.BigEndian.AppendUint32(out, uint32(len(value)))
			}
			out = append(out, value...)
		}
		for number := 0; ; number++ {
			chunk, err := readChunk(in)
			if err != nil {
				return err
			}
			if chunk == nil {
				break
			}
			put(strconv.Itoa(number), chunk, true)
		}
		rest, _ := io.ReadAll(in)
		out = append(out, 0, 0, 0, 0)
		put(manifestPart, rest, false)
		to := filepath.Join(other.path, strings.TrimPrefix(path, s.path))
		return errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, out, 0o600))
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return other
}

func (s *directoryStore) snapshots() int {
	entries, err := os.ReadDir(s.of(testPartition))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(entries)
}

// Each rule holds for every store.
func TestStores(t *testing.T) {
	for store, make := range map[string]func(*testing.T) kind{
		"topic":     func(t *testing.T) kind { return newTopicStore(t) },
		"s3":        func(t *testing.T) kind { return newS3Store(t) },
		"directory": func(t *testing.T) kind { return &directoryStore{NewDirectory(t.TempDir()), t} },
	} {
		for rule, test := range map[string]func(*testing.T, kind){
			"what is written is read":            writtenIsRead,
			"damage is seen":                     damageIsSeen,
			"what is gone is unusable":           goneIsUnusable,
			"a write cut short leaves no name":   cutShort,
			"a sweep takes what nobody named":    sweepTakesTheUnnamed,
			"two writers at once do not collide": writersDoNotCollide,
		} {
			t.Run(store+"/"+rule, func(t *testing.T) {
				t.Parallel()
				test(t, make(t))
			})
		}
	}
}

func nameAt(offset int64) *vigiev1.Snapshot {
	return &vigiev1.Snapshot{Partition: testPartition, Offset: offset, FoldVersion: 1, Id: NewID(), Format: 1, TopicId: []byte("topic"), TakenAtMs: 5}
}

// some frames, of some chunks together.
func some() [][]byte {
	return [][]byte{[]byte("head"), {}, bytes.Repeat([]byte("a"), 700_000), bytes.Repeat([]byte("bc"), 1_000_000), []byte("tail")}
}

func written(t *testing.T, s Store, offset int64) *vigiev1.Snapshot {
	t.Helper()
	name := nameAt(offset)
	if err := s.Write(t.Context(), name, slices.Values(some())); err != nil {
		t.Fatal(err)
	}
	return name
}

func read(t *testing.T, s Store, name *vigiev1.Snapshot) ([][]byte, error) {
	t.Helper()
	var got [][]byte
	err := s.Read(t.Context(), name, func(frame []byte) error {
		got = append(got, bytes.Clone(frame))
		return nil
	})
	return got, err
}

func mustRead(t *testing.T, s Store, name *vigiev1.Snapshot) {
	t.Helper()
	got, err := read(t, s, name)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(got, some(), bytes.Equal) {
		t.Errorf("%d frames were read, others than the %d written", len(got), len(some()))
	}
}

func mustBeUnusable(t *testing.T, what string, s Store, name *vigiev1.Snapshot) {
	t.Helper()
	if _, err := read(t, s, name); !errors.Is(err, ErrUnusable) {
		t.Errorf("%s: %v", what, err)
	}
}

func writtenIsRead(t *testing.T, s kind) {
	one, two := written(t, s, 10), written(t, s, 20)
	if one.Chunks != 4 || one.Bytes != 2_700_008+9 {
		t.Errorf("%d chunks, %d bytes", one.Chunks, one.Bytes)
	}
	mustRead(t, s, one)
	mustRead(t, s, two)
	if stop := errors.New("enough"); !errors.Is(s.Read(t.Context(), one, func([]byte) error { return stop }), stop) {
		t.Error("the reader's own error is lost")
	}
}

func damageIsSeen(t *testing.T, s kind) {
	name := written(t, s, 10)
	for at := range 4 {
		number := strconv.Itoa(at)
		mustBeUnusable(t, "a flipped bit in chunk "+number, s.altered(func(part string, value []byte) []byte {
			if value = bytes.Clone(value); part == number {
				value[len(value)/2] ^= 4
			}
			return value
		}), name)
		mustBeUnusable(t, "chunk "+number+" missing", s.altered(func(part string, value []byte) []byte {
			if part == number {
				return nil
			}
			return value
		}), name)
	}
	mustBeUnusable(t, "a chunk of three bytes", s.altered(func(part string, value []byte) []byte {
		if part == "1" {
			return value[:3]
		}
		return value
	}), name)
	mustBeUnusable(t, "the manifest missing", s.altered(func(part string, value []byte) []byte {
		if part == manifestPart {
			return nil
		}
		return value
	}), name)
	mustBeUnusable(t, "another manifest", s.altered(func(part string, value []byte) []byte {
		if part == manifestPart {
			return manifest(nameAt(10))
		}
		return value
	}), name)
	// A name that says something else than what is there.
	for what, change := range map[string]func(*vigiev1.Snapshot){
		"another hash": func(n *vigiev1.Snapshot) { n.Hash = make([]byte, 32) }, "more chunks": func(n *vigiev1.Snapshot) { n.Chunks++ },
		"more bytes": func(n *vigiev1.Snapshot) { n.Bytes++ }, "another time": func(n *vigiev1.Snapshot) { n.TakenAtMs++ },
		"another id": func(n *vigiev1.Snapshot) { n.Id = NewID() },
	} {
		other := proto.CloneOf(name)
		change(other)
		mustBeUnusable(t, what, s, other)
	}
	mustRead(t, s, name)
}

// A bit that flipped is seen at its chunk; bytes that were changed on purpose,
// CRC and all, at the end.
func TestTheCRCSeesChanceAndTheHashSeesIntent(t *testing.T) {
	name, chunks := nameAt(10), [][]byte{}
	put := func(_ uint32, chunk []byte) error {
		chunks = append(chunks, chunk)
		return nil
	}
	if err := cut(name, slices.Values(some()), put); err != nil {
		t.Fatal(err)
	}
	joined := func() error {
		j := join(func([]byte) error { return nil })
		for _, chunk := range chunks {
			if err := j.add(chunk); err != nil {
				return err
			}
		}
		return j.end(name)
	}
	if err := joined(); err != nil {
		t.Fatal(err)
	}
	chunks[1][500] ^= 1
	if err := joined(); err == nil || !strings.Contains(err.Error(), "chunk 1 has the CRC") {
		t.Errorf("a flipped bit: %v", err)
	}
	binary.BigEndian.PutUint32(chunks[1], crc32.Checksum(chunks[1][crcBytes:], castagnoli))
	if err := joined(); err == nil || !strings.Contains(err.Error(), "its hash is not the one named") {
		t.Errorf("changed bytes: %v", err)
	}
}

func goneIsUnusable(t *testing.T, s kind) {
	one, two := written(t, s, 10), written(t, s, 20)
	if err := s.Remove(t.Context(), []*vigiev1.Snapshot{one}); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), []*vigiev1.Snapshot{one}); err != nil {
		t.Errorf("removed once more: %v", err)
	}
	mustRead(t, s, two)
	if n := s.snapshots(); n != 1 {
		t.Errorf("%d snapshots are left", n)
	}
	later := nameAt(30)
	later.Start = 1 << 40
	mustBeUnusable(t, "one never written", s, later)
}

func cutShort(t *testing.T, s kind) {
	ctx, stop := context.WithCancel(t.Context())
	name := nameAt(10)
	var frames iter.Seq[[]byte] = func(yield func([]byte) bool) {
		for i, frame := range some() {
			if i == 3 {
				stop()
			}
			if !yield(frame) {
				return
			}
		}
	}
	if err := s.Write(ctx, name, frames); !errors.Is(err, context.Canceled) {
		t.Errorf("the write gave %v", err)
	}
	name.Chunks, name.Hash = 4, make([]byte, 32)
	mustBeUnusable(t, "half a snapshot", s, name)
}

func sweepTakesTheUnnamed(t *testing.T, s kind) {
	old, kept, later := written(t, s, 10), written(t, s, 20), written(t, s, 40)
	n, err := s.Sweep(t.Context(), testPartition, 30, []*vigiev1.Snapshot{kept})
	if err != nil || n != 1 {
		t.Errorf("%d snapshots were swept, %v", n, err)
	}
	mustRead(t, s, kept)
	mustRead(t, s, later) // Of an owner that came after who sweeps.
	if left := s.snapshots(); left != 2 {
		t.Errorf("%d snapshots are left", left)
	}
	if n, err := s.Sweep(t.Context(), testPartition, 30, []*vigiev1.Snapshot{kept}); err != nil || n != 0 {
		t.Errorf("swept again: %d, %v", n, err)
	}
	if _, err := s.Sweep(t.Context(), 0, 30, nil); err != nil {
		t.Errorf("a partition that has none: %v", err)
	}
	_ = old
}

// A zombie writes at the same offset as the owner.
func writersDoNotCollide(t *testing.T, s kind) {
	zombies, owners := nameAt(10), nameAt(10)
	var both iter.Seq[[]byte] = func(yield func([]byte) bool) {
		for i, frame := range some() {
			if i == 3 {
				if err := s.Write(t.Context(), owners, slices.Values(some())); err != nil {
					t.Error(err)
				}
			}
			if !yield(frame) {
				return
			}
		}
	}
	if err := s.Write(t.Context(), zombies, both); err != nil {
		t.Fatal(err)
	}
	mustRead(t, s, owners)
	mustRead(t, s, zombies)
}

// Retention or a person cut the topic off before the end of a snapshot.
func TestATopicCutOffIsSeen(t *testing.T) {
	s := newTopicStore(t)
	name, next := written(t, s, 10), written(t, s, 20)
	cl, err := s.writer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var upTo kadm.Offsets
	upTo.AddOffset(s.topic(), testPartition, 2, -1)
	if _, err := kadm.NewClient(cl).DeleteRecords(t.Context(), upTo); err != nil {
		t.Fatal(err)
	}
	mustBeUnusable(t, "its first chunks deleted", s, name)
	mustRead(t, s, next)
}

// An unfinished file is no snapshot, and goes with the next sweep.
func TestAnUnfinishedFileIsSwept(t *testing.T) {
	s := &directoryStore{NewDirectory(t.TempDir()), t}
	written(t, s, 20)
	left := filepath.Join(s.of(testPartition), "10-1-"+ids.Show(NewID())+fileEnding+unfinished)
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), testPartition, 15, nil); n != 1 || err != nil {
		t.Errorf("%d were swept, %v", n, err)
	}
	if s.snapshots() != 1 {
		t.Error("the file is still there")
	}
}
