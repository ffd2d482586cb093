package siege

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// attack is one hostile load. The zero value of Rate is as fast as it goes.
type attack struct {
	Kind    string
	Seconds float64
	// Rate of frames, datagrams or connections a second.
	Rate float64
	// Connections at a time, spread over Sources addresses.
	Connections, Sources int
	// Accounts in use of the attackers', one for each partition (1).
	Accounts int
}

// The kinds of attacks.
const (
	slowloris    = "slowloris"
	storm        = "connections"
	floodValid   = "valid frames"
	floodJunk    = "junk"
	floodNew     = "new accounts"
	floodPackets = "datagrams"
)

// repelled is what an attack got done.
type repelled struct {
	Kind    string
	Seconds float64
	// Connected, and closed by the receiver; Sent frames, bytes or datagrams; Answered.
	Connected, Closed, Failed, Sent, Answered int64
}

// attacker runs one attack.
type attacker struct {
	attack
	doors
	ctx   context.Context
	pace  *rate.Limiter
	work  sync.WaitGroup
	count atomic.Int64

	connected, closed, failed, sent, answered atomic.Int64
}

var attacks = map[string]func(a *attacker, n int){
	slowloris:    (*attacker).halfFrames,
	storm:        (*attacker).connections,
	floodValid:   (*attacker).validFrames,
	floodJunk:    (*attacker).junk,
	floodNew:     (*attacker).newAccounts,
	floodPackets: (*attacker).datagrams,
}

// attackers have declared accounts, one whose site is in each partition.
var attackers = func() (of [partitions]string) {
	for p := range of {
		of[p] = account(1<<20 - 1 - p)
	}
	return of
}()

// attackerSite is the site of an attackers' account.
func attackerSite(partition int) uint64 {
	for s := uint64(1); ; s++ {
		if int(topics.PartitionOf(s, partitions)) == partition {
			return s
		}
	}
}

// known is the next alarm of the attackers' accounts.
func (a *attacker) known() []byte {
	n, accounts := int(a.count.Add(1)), max(a.Accounts, 1)
	return alarm(attackers[n%accounts], uint32(1+n/accounts%sequences), n)
}

// run attacks for as long as told, or until ctx ends.
func (k attack) run(ctx context.Context, to doors) (repelled, error) {
	how, known := attacks[k.Kind]
	if !known {
		return repelled{}, fmt.Errorf("no attack %q", k.Kind)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(k.Seconds*float64(time.Second)))
	defer cancel()
	limit := rate.Inf
	if k.Rate > 0 {
		limit = rate.Limit(k.Rate)
	}
	a := &attacker{attack: k, doors: to, ctx: ctx, pace: rate.NewLimiter(limit, int(max(k.Rate/20, chunk)))}
	begin := time.Now()
	for n := range max(k.Connections, 1) {
		a.work.Go(func() {
			for ctx.Err() == nil {
				how(a, n)
			}
		})
	}
	a.work.Wait()
	return repelled{k.Kind, time.Since(begin).Seconds(), a.connected.Load(), a.closed.Load(), a.failed.Load(), a.sent.Load(), a.answered.Load()}, nil
}

const (
	// chunk of frames that a flood writes at once.
	chunk = 20
	// drip is how often a slow sender sends a byte, to look alive.
	drip = 2 * time.Second
	// beforeAgain is how long an attacker that got no connection waits.
	beforeAgain = 20 * time.Millisecond
)

// from is the n-th attacker's source: 127.200.0.1 and what follows, 200 in a network.
func (a *attacker) from(n int) netip.Addr {
	n %= max(a.Sources, 1)
	return netip.AddrFrom4([4]byte{127, 200, byte(n / 200), byte(1 + n%200)})
}

// turn waits until n more may be sent, or the attack is over.
func (a *attacker) turn(n int) bool {
	if a.pace.WaitN(a.ctx, n) == nil {
		return true
	}
	<-a.ctx.Done() // the next turn would have come behind the end
	return false
}

// dial connects; the connection ends with the attack.
func (a *attacker) dial(n int) net.Conn {
	d := net.Dialer{Timeout: dialPatience, LocalAddr: &net.TCPAddr{IP: a.from(n).AsSlice()}}
	conn, err := d.DialContext(a.ctx, "tcp", a.TCP)
	if a.ctx.Err() != nil {
		if err == nil {
			_ = conn.Close()
		}
		return nil
	}
	if err != nil {
		a.failed.Add(1)
		sleepUntil(a.ctx, time.Now().Add(beforeAgain))
		return nil
	}
	a.connected.Add(1)
	// No trace in the system's table when it ends, or ports run out.
	_ = conn.(*net.TCPConn).SetLinger(0)
	return conn
}

// halfFrames holds a connection with a frame that never ends.
func (a *attacker) halfFrames(n int) {
	conn := a.dial(n)
	if conn == nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(a.ctx, func() { _ = conn.Close() })()
	raw := a.known()
	if _, err := conn.Write(raw[:len(raw)/2]); err != nil {
		a.closed.Add(1)
		return
	}
	for _, b := range raw[len(raw)/2 : len(raw)-1] {
		a.sent.Add(1)
		_ = conn.SetReadDeadline(time.Now().Add(drip))
		_, err := conn.Read(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if _, err := conn.Write([]byte{b}); err != nil {
			break
		}
	}
	if a.ctx.Err() == nil {
		a.closed.Add(1)
		sleepUntil(a.ctx, time.Now().Add(beforeAgain))
	}
}

// connections connects, says nothing, and goes.
func (a *attacker) connections(int) {
	if !a.turn(1) {
		return
	}
	a.sent.Add(1)
	if conn := a.dial(int(a.count.Add(1))); conn != nil {
		_ = conn.Close()
	}
}

// validFrames sends alarms of known accounts, as fast as they are taken.
func (a *attacker) validFrames(n int) {
	a.stream(n, func(b []byte) []byte {
		return append(b, a.known()...)
	})
}

// newAccounts sends alarms of accounts that nobody declared, each once; in the next
// attack the same, and then more.
func (a *attacker) newAccounts(n int) {
	a.stream(n, func(b []byte) []byte {
		return append(b, alarm(fmt.Sprintf("F%07X", a.count.Add(1)), 1, 1)...)
	})
}

// junk sends what is no frame. It is cut off soon, and comes again.
func (a *attacker) junk(n int) {
	a.stream(n, func(b []byte) []byte { return append(b, "GET /\x00\xff HTTP/1.1\r"...) })
}

// stream writes pieces until the receiver closes the connection.
func (a *attacker) stream(n int, piece func([]byte) []byte) {
	conn := a.dial(n)
	if conn == nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(a.ctx, func() { _ = conn.Close() })()
	a.work.Go(func() { a.drain(conn) })
	for buf := []byte(nil); a.turn(chunk); {
		buf = buf[:0]
		for range chunk {
			buf = piece(buf)
		}
		if _, err := conn.Write(buf); err != nil {
			if a.ctx.Err() == nil {
				a.closed.Add(1)
				sleepUntil(a.ctx, time.Now().Add(beforeAgain))
			}
			return
		}
		a.sent.Add(chunk)
	}
}

// drain counts answers: each ends with CR.
func (a *attacker) drain(from io.Reader) {
	buf := make([]byte, 4<<10)
	for {
		n, err := from.Read(buf)
		for _, c := range buf[:n] {
			if c == '\r' {
				a.answered.Add(1)
			}
		}
		if err != nil {
			return
		}
	}
}

// datagrams sends valid frames over UDP, and looks at no answer.
func (a *attacker) datagrams(n int) {
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: a.from(n).AsSlice()}}
	conn, err := d.DialContext(a.ctx, "udp", a.UDP)
	if err != nil {
		a.failed.Add(1)
		sleepUntil(a.ctx, time.Now().Add(beforeAgain))
		return
	}
	defer conn.Close()
	for a.turn(chunk) {
		for range chunk {
			_, _ = conn.Write(a.known()) // a full buffer is its own affair
		}
		a.sent.Add(chunk)
	}
}

// alarm is a frame; it fits when the account is a hexadecimal number.
func alarm(account string, sequence uint32, zone int) []byte {
	raw, err := dc09.Append(nil, dc09.Frame{
		Token: dc09.TokenSIA, Sequence: sequence, Account: account, Data: fmt.Appendf(nil, "#%s|Nri1/BA%d", account, zone),
	})
	if err != nil {
		panic(err)
	}
	return raw
}

// playAttacker attacks as told, several ways at once.
func playAttacker(raw json.RawMessage) (*part, error) {
	var to doors
	if err := json.Unmarshal(raw, &to); err != nil {
		return nil, err
	}
	return &part{stop: func() error { return nil }, orders: map[string]func(json.RawMessage) (any, error){
		"attack": func(raw json.RawMessage) (any, error) {
			var all []attack
			if err := json.Unmarshal(raw, &all); err != nil {
				return nil, err
			}
			done := make([]repelled, len(all))
			errs := make([]error, len(all))
			var work sync.WaitGroup
			for i, k := range all {
				work.Go(func() { done[i], errs[i] = k.run(context.Background(), to) })
			}
			work.Wait()
			return done, errors.Join(errs...)
		},
	}}, nil
}
