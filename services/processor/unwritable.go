package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// One transaction holds the outputs of every partition of a session; one partition
// whose outputs cannot be written would stall them all. A transaction that is not
// sent in time is aborted, and goes out again without the partition that held it
// up: that one's input is paused, its outputs are kept, and it is tried again, less
// and less often while it fails.

const (
	// flushPatience is how long outputs may take to be written before those that
	// are not wait.
	flushPatience = 2 * time.Second
	// trialPatience is what the others wait at the first trial of a partition that
	// was parked; it doubles with each, up to flushPatience.
	trialPatience = 250 * time.Millisecond
	// firstPause comes before the first trial; it doubles, up to longestPause.
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// unwritable is a partition of which no output can be written.
type unwritable struct {
	because error
	fails   int
	until   time.Time
	// onTrial: its input is read again.
	onTrial bool
}

// sending follows the records of one transaction, by partition.
type sending struct {
	// first aborts what is still to be sent when a record is refused.
	first   *kgo.FirstErrPromise
	mu      sync.Mutex
	left    map[int32]int
	refused map[int32]error
}

func newSending(cl *kgo.Client) *sending {
	return &sending{first: kgo.AbortingFirstErrPromise(cl), left: map[int32]int{}, refused: map[int32]error{}}
}

// promise is for one record that a partition's input caused.
func (t *sending) promise(number int32) func(*kgo.Record, error) {
	t.mu.Lock()
	t.left[number]++
	t.mu.Unlock()
	then := t.first.Promise()
	return func(r *kgo.Record, err error) {
		t.mu.Lock()
		t.left[number]--
		if ofThePartition(err) {
			t.refused[number] = fmt.Errorf("%s partition %d: %w", r.Topic, r.Partition, err)
		}
		t.mu.Unlock()
		then(r, err)
	}
}

// ofThePartition says whether an error tells of where a record was to go, or of
// the record: all others are the producer's, and every partition's.
func ofThePartition(err error) bool {
	for _, e := range []error{
		kerr.InvalidRecord, kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.CorruptMessage, kerr.PolicyViolation,
		kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.TopicAuthorizationFailed, kerr.InvalidTopicException,
		kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.KafkaStorageError, kerr.LeaderNotAvailable,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// unwritable are the partitions that had a record refused, so far.
func (t *sending) unwritable() map[int32]error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.refused)
}

// has says whether a partition has records in the transaction.
func (t *sending) has(number int32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, sends := t.left[number]
	return sends
}

// late marks those among the partitions that have records not yet written, unless
// that is true of all: then it is Kafka that is slow, not a partition.
func (t *sending) late(among func(number int32) bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	late, written := map[int32]error{}, false
	for n, left := range t.left {
		written = written || left == 0
		if left > 0 && among(n) {
			late[n] = fmt.Errorf("%d outputs were not written in time", left)
		}
	}
	if !written || len(late) == 0 {
		return false
	}
	t.refused = late
	return true
}

// flush waits for the outputs to be written; it returns early, without an error,
// when some partitions hold up the others.
func (s *session) flush(ctx context.Context, sent *sending) error {
	onTrial := func(n int32) bool { return s.p.unwritable[n] != nil }
	if patience := s.trial(sent); patience > 0 && (s.flushed(ctx, patience) || sent.late(onTrial)) {
		return nil
	}
	if s.flushed(ctx, flushPatience) || ctx.Err() == nil && sent.late(func(int32) bool { return true }) {
		return nil
	}
	return s.cl.Flush(ctx) // Err of the promise would wait for an absent Kafka for ever
}

func (s *session) flushed(ctx context.Context, patience time.Duration) bool {
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	return s.cl.Flush(ctx) == nil
}

// trial is how long the others wait for partitions on trial; 0 when there are none.
func (s *session) trial(sent *sending) (patience time.Duration) {
	for n, u := range s.p.unwritable {
		if sent.has(n) {
			patience = max(patience, min(trialPatience<<min(u.fails-1, 8), flushPatience))
		}
	}
	return patience
}

// park pauses the input of partitions that cannot be written; the transaction that
// holds their outputs is aborted by the caller.
func (s *session) park(bad map[int32]error) {
	for n, err := range bad {
		u := s.p.unwritable[n]
		if u == nil {
			u = &unwritable{}
			s.p.unwritable[n] = u
		}
		pause := min(firstPause<<min(u.fails, 8), longestPause)
		u.because, u.fails, u.until, u.onTrial = err, u.fails+1, time.Now().Add(pause), false
		s.cl.PauseFetchPartitions(map[string][]int32{s.topic: {n}})
		s.p.deps.Log.Error("processor: outputs of a partition cannot be written; it waits, the others go on", "partition", n, "for", pause, "because", err)
		s.p.metrics.stopped(n, reasonUnwritable, fmt.Errorf("partition %d waits, its outputs cannot be written: %w", n, err))
	}
}

// tryAgain reads partitions again whose pause is over: what they say goes out
// with the next transaction.
func (s *session) tryAgain() {
	for n, u := range s.p.unwritable {
		if _, owned := s.owned[n]; owned && !u.onTrial && !time.Now().Before(u.until) {
			u.onTrial = true
			s.cl.ResumeFetchPartitions(map[string][]int32{s.topic: {n}})
		}
	}
}

// resume reads a partition that was restored, unless it waits.
func (s *session) resume(number int32) {
	if u := s.p.unwritable[number]; u != nil {
		u.onTrial = false // tryAgain resumes it in its time.
		return
	}
	s.cl.ResumeFetchPartitions(map[string][]int32{s.topic: {number}})
}

// waits says whether a partition's input is paused because of its outputs.
func (p *Processor) waits(number int32) bool {
	u := p.unwritable[number]
	return u != nil && !u.onTrial
}

// wrote notes that a partition's outputs were committed.
func (p *Processor) wrote(number int32) {
	if p.unwritable[number] == nil {
		return
	}
	delete(p.unwritable, number)
	p.metrics.goesOn(number)
	p.deps.Log.Info("processor: outputs of a partition are written again", "partition", number)
}

// leave forgets what is known of a partition that another member has now.
func (p *Processor) leave(number int32) {
	delete(p.unwritable, number)
	p.metrics.gone(number)
}
