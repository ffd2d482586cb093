//go:build simulation

package processor

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Virtual time passes while everybody waits. A client that is answered at once and
// asks again at once never does: one whose broker has lost the lead of a partition
// asks on until its metadata are new, which on a wire is soon, and for which it waits
// here for ever. So who writes that often in no time waits as long as a wire would
// have kept it.
const (
	spinWrites = 1000
	spinPause  = time.Millisecond
)

// spins counts, over all seeds, how often somebody had to wait.
var spins atomic.Int64

// paced makes connections on which time passes.
func paced(d dial) dial {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := d(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &pacedConn{Conn: c}, nil
	}
}

// pacedConn is written by one goroutine, as the client does.
type pacedConn struct {
	net.Conn
	at time.Time
	n  int
}

func (c *pacedConn) Write(b []byte) (int, error) {
	if now := time.Now(); !now.Equal(c.at) {
		c.at, c.n = now, 0
	}
	if c.n++; c.n > spinWrites {
		spins.Add(1)
		time.Sleep(spinPause)
	}
	return c.Conn.Write(b)
}

func TestSimulationPassesTimeForAClientThatSpins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		go func() {
			b := make([]byte, 1)
			for {
				if _, err := there.Read(b); err != nil {
					return
				}
			}
		}()
		c, err := paced(func(context.Context, string, string) (net.Conn, error) { return here, nil })(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		begun := time.Now()
		for range 2*spinWrites + 1 {
			if _, err := c.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		if passed := time.Since(begun); passed != spinPause {
			t.Errorf("%s passed", passed)
		}
	})
}
