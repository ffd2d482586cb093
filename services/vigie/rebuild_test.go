package main

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Kill -9 of a rebuild at random moments, under traffic, on Apache Kafka: begun again
// it ends, and then each record of the log is in ClickHouse once, as it is, and each
// rollup is the aggregate of its table. No panel goes without an answer meanwhile.
func TestRebuildKilledAnywhere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d kills, seed %d", rebuildKills, seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	in := newInstallation(t)
	in.start()
	tr := send(t, in.DC09.UDP)
	tr.awaitMore(in.out, 100)
	killed := 0
	for range rebuildKills {
		cmd := vigie(t.Context(), t, "warehouse", "rebuild", "--data", in.data)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(rng.IntN(6_000))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		if err := cmd.Wait(); err != nil {
			killed++
		}
		kill.Stop()
		tr.awaitMore(in.out, 10)
	}
	out, err := vigie(t.Context(), t, "warehouse", "rebuild", "--data", in.data).CombinedOutput()
	if err != nil {
		t.Fatalf("the rebuild after %d kills: %v\n%s", killed, err, out)
	}
	t.Logf("%d rebuilds were killed on their way; the last: %s", killed, out)
	tr.awaitMore(in.out, 10)
	sent := tr.finish()
	in.wantOneEffectEach(sent)
	in.wantWarehouse()
}
