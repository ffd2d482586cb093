package receiver

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// undeclaredBytes of living heap, on average, is the most that an account may cost
// which nobody declared and which was heard of once. It costs about 150: its key, the
// mark that it was let in, and the free places of the maps of both.
const undeclaredBytes = 256

// Who reaches the port can make up any number of accounts, and each gets a key and is
// let in. The receiver is a process of its own, on real sockets.
func TestAnAccountHeardOfOnceIsSmall(t *testing.T) {
	const before, after = 500, 3_500 // all of them among the keys that are kept
	p := holder{Brokers: fakeBroker(t).Brokers, Dir: t.TempDir()}.start(t)
	address := p.line()
	makeUp(t, address, 0, before) // buffers, and what the Kafka client needs, are there from now on
	first := p.ask()
	makeUp(t, address, before, after)
	last := p.ask()
	each := (int64(last.Heap) - int64(first.Heap)) / (after - before)
	t.Logf("%d bytes an account", each)
	if each > undeclaredBytes {
		t.Errorf("an account that was heard of once takes %d bytes, at most %d", each, undeclaredBytes)
	}
}

// benchUndeclared: of many made-up accounts, most are forgotten but for a mark, and
// their keys stand in the file, which is mapped.
func benchUndeclared(b *testing.B, n int) {
	for range b.N {
		dir := b.TempDir()
		p := holder{Brokers: fakeBroker(b).Brokers, Dir: dir}.start(b)
		address := p.line()
		makeUp(b, address, 0, n/100)
		before := p.ask()
		makeUp(b, address, n/100, n)
		after := p.ask()
		b.ReportMetric(float64(after.RSS)/1e6, "RSS-MB")
		b.ReportMetric(float64(after.Heap)/1e6, "heap-MB")
		b.ReportMetric((float64(after.Heap)-float64(before.Heap))/float64(n-n/100), "B/account")
		keys, err := os.Stat(filepath.Join(dir, "keys.db"))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(keys.Size())/float64(n), "file-B/account")
	}
}

// makeUp sends an alarm of each account that has a number in from to to, and waits for
// the answers. Each connection waits for its accounts' keys one after the other; many
// share a write to the disk.
func makeUp(tb testing.TB, address string, from, to int) {
	tb.Helper()
	const connections = 250
	var all sync.WaitGroup
	for c := range connections {
		all.Go(func() {
			var raw []byte
			n := 0
			for i := from + c; i < to; i += connections {
				account := fmt.Sprintf("F%07X", i)
				var err error
				if raw, err = dc09.Append(raw, dc09.Frame{Token: dc09.TokenSIA, Sequence: 1, Account: account, Data: fmt.Appendf(nil, "#%s|Nri1/BA1", account)}); err != nil {
					tb.Error(err)
					return
				}
				n++
			}
			if err := exchange(address, raw, n); err != nil {
				tb.Error(err)
			}
		})
	}
	all.Wait()
	if tb.Failed() {
		tb.FailNow()
	}
}

// exchange sends frames, at most maxUnanswered, and reads as many answers.
func exchange(address string, raw []byte, answers int) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(3 * patience)); err != nil {
		return err
	}
	if _, err := conn.Write(raw); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	for n := range answers {
		if _, err := in.ReadSlice('\r'); err != nil {
			return fmt.Errorf("after %d of %d answers: %w", n, answers, err)
		}
	}
	return nil
}
