package processor

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/note"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/chain"
)

// signing gives the world's processors a key and a quick pace of checkpoints.
func (w *world) signing() note.Verifiers {
	w.t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, "test")
	if err != nil {
		w.t.Fatal(err)
	}
	if w.signer, err = note.NewSigner(secret); err != nil {
		w.t.Fatal(err)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		w.t.Fatal(err)
	}
	return note.VerifierList(v)
}

func (w *world) verify(trusted note.Verifiers) *chain.Report {
	w.t.Helper()
	report, err := chain.Verify(w.t.Context(), chain.Options{Kafka: w.cfg, Log: quiet(), Trusted: trusted, Snapshots: w.snapshotChains})
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

func (w *world) snapshotChains(ctx context.Context, p *vigiev1.Progress) (marks []chain.Anchor, err error) {
	for _, name := range p.GetSnapshots() {
		offset, c, err := SnapshotChain(ctx, w.storeOf("looks-only", w.cfg), name)
		if err != nil {
			return nil, err
		}
		marks = append(marks, chain.Anchor{Source: chain.Snapshot, Offset: offset, Ordinal: c.Ordinal, Hash: c.Hash})
	}
	return marks, nil
}

// A log that grew under processors that came, died and shared the work is proven,
// each of its records; a forged checkpoint in it is found.
func TestCheckpointsProveALogOverRestartsAndRebalances(t *testing.T) {
	w := newWorld(t, 21)
	trusted := w.signing()
	first := w.start("a")
	w.live(4)
	first.kill()
	second := w.start("a")
	w.live(3)
	third := w.start("b")
	w.live(3)
	second.stop()
	<-second.done
	w.liveUntilNamed(1)
	w.liveUntil("every partition has four checkpoints", func() bool {
		for n := range int32(testPartitions) {
			if len(w.read(topics.Checkpoints, n)) < 4 {
				return false
			}
		}
		return true
	})
	third.stop()
	<-third.done
	report := w.verify(trusted)
	if err := report.Err(); err != nil {
		t.Errorf("an honest log: %v", report.Faults())
	}
	for _, p := range report.Partitions {
		if p.Checkpoints < 4 || p.Records < p.To || p.From.Source != chain.Beginning || p.Newest.Source != chain.Signed {
			t.Errorf("partition %d was not compared as it should: %+v", p.Partition, p)
		}
	}

	secret, _, err := note.GenerateKey(rand.Reader, "test")
	if err != nil {
		t.Fatal(err)
	}
	forger, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := chain.Checkpoint{Partition: 1, Offset: 1, Ordinal: 1, At: time.UnixMilli(w.now)}.Sign(forger)
	if err != nil {
		t.Fatal(err)
	}
	w.produce(&kgo.Record{Topic: w.cfg.Topic(topics.Checkpoints), Partition: 1, Value: signed})
	if err := w.cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if faults := w.verify(trusted).Faults(); len(faults) != 1 || faults[0].Kind != chain.BadCheckpoint || faults[0].Partition != 1 {
		t.Errorf("one forged checkpoint in partition 1 was expected: %v", faults)
	}
}
