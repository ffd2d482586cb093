package keyring

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// fleet is a ring of n accounts with AES-256 keys, one in a hundred being changed.
func fleet(tb testing.TB, n int) *Ring {
	tb.Helper()
	ring, err := Empty(testMaster)
	if err != nil {
		tb.Fatal(err)
	}
	ring.current = make(rows, n)
	for i := range n {
		r, err := newRow(Name{uint32(i % 4), fmt.Sprintf("%08X", i)}, keyOf(32, byte(i)), testNow)
		if err != nil {
			tb.Fatal(err)
		}
		ring.current[i] = r
		if i%100 == 0 {
			ring.next = append(ring.next, r)
		}
	}
	if ring.current, err = (rows{}).merge(ring.current, false); err != nil {
		tb.Fatal(err)
	}
	if ring.next, err = (rows{}).merge(ring.next, false); err != nil {
		tb.Fatal(err)
	}
	return ring
}

// livingHeap is what the garbage collector cannot free, in bytes.
func livingHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Ten million accounts must fit into 1.2 GB, while a changed file is being read as
// well. The figure is extrapolated: a line through what fewer accounts take.
func TestTenMillionAccountsFit(t *testing.T) {
	const budget, goal = 1_200_000_000, 10_000_000
	sizes := []int{100_000, 300_000, 600_000, 1_000_000}
	if raceDetector {
		sizes = []int{20_000, 60_000, 120_000} // the same bytes a row, an eighth of the time
	}
	path := filepath.Join(t.TempDir(), "panels.keyring")
	var sx, sy, sxx, sxy float64
	for _, n := range sizes {
		if err := fleet(t, n).write(path, testMaster); err != nil {
			t.Fatal(err)
		}
		before := livingHeap()
		begun := time.Now()
		old, err := Read(path, testMaster)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(begun)
		fresh, err := Read(path, testMaster)
		if err != nil {
			t.Fatal(err)
		}
		held := float64(livingHeap() - before)
		t.Logf("%9d accounts: %.1f bytes each while it is read anew, read in %s", n, held/float64(n), took.Round(time.Millisecond))
		runtime.KeepAlive(old)
		runtime.KeepAlive(fresh)
		x := float64(n)
		sx, sy, sxx, sxy = sx+x, sy+held, sxx+x*x, sxy+x*held
	}
	k := float64(len(sizes))
	slope := (k*sxy - sx*sy) / (k*sxx - sx*sx)
	at := slope*goal + (sy-slope*sx)/k
	t.Logf("extrapolated by a linear fit: %.0f MB for %d accounts while the file is read anew, half of it otherwise", at/1e6, goal)
	if at > budget {
		t.Errorf("%.0f MB, at most %d MB", at/1e6, budget/1_000_000)
	}
}

// BenchmarkFind: axis is the number of accounts; the baseline is a map in the same run.
func BenchmarkFind(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		ring := fleet(b, n)
		accounts := make([]Name, 4096)
		baseline := map[Name][]byte{}
		for i := range accounts {
			at := i * (n / len(accounts))
			accounts[i] = Name{uint32(at % 4), fmt.Sprintf("%08X", at)}
		}
		ring.Export(func(r Record) bool { baseline[r.Name] = r.Key; return true })
		b.Run(fmt.Sprintf("accounts=%d/keyring", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				a := &accounts[i%len(accounts)]
				if k, ok := ring.Find(a.Line, a.Account); !ok || len(k.Current) != 32 {
					b.Fatal("not found")
				}
			}
		})
		b.Run(fmt.Sprintf("accounts=%d/map", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				if k := baseline[accounts[i%len(accounts)]]; len(k) != 32 {
					b.Fatal("not found")
				}
			}
		})
	}
}
