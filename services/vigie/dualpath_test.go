package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// dualPath is a run of a third party's dialler over two paths.
type dualPath struct {
	transport string
	bits      int // 0: in clear
	account   string
	sent      []string // "line:code", as the dialler says that it was acknowledged
}

// A third party's dialler of two paths, in clear and with keys of vigie keys, over
// both transports: its main path is cut and mended. What it sent is in the log once, by
// the path that took it, and the life of each path is seen. (It knows keys of 128 and
// 256 bits; those of 192 are read with other third parties' codecs.)
func TestThirdPartysDiallerFailsOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := newInstallation(t, "--ephemeral")
	in.env = []string{"VIGIE_RECEIVER_KEYRING=" + filepath.Join(dir, "panels.keyring"), "VIGIE_RECEIVER_MASTER_KEY_FILE=" + filepath.Join(dir, "panels.master")}
	in.start()
	var runs []*dualPath
	for _, transport := range []string{"TCP", "UDP"} {
		for _, bits := range []int{0, 128, 256} {
			runs = append(runs, &dualPath{transport: transport, bits: bits, account: strconv.Itoa(5100 + len(runs))})
		}
	}
	t.Run("dial", func(t *testing.T) {
		for _, d := range runs {
			t.Run(fmt.Sprintf("%s %d", d.transport, d.bits), func(t *testing.T) {
				t.Parallel()
				d.run(t, in)
			})
		}
	})
	in.wantFailOver(runs)
}

// key adds a key to the running centre and returns it.
func (d *dualPath) key(t *testing.T, in *installationUnderTest, line int) string {
	t.Helper()
	cmd := vigie(t.Context(), t, "keys", "add", "--account", d.account, "--line", strconv.Itoa(line), "--generate", "--bits", strconv.Itoa(d.bits))
	cmd.Env = append(cmd.Env, in.env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("vigie keys add: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func (d *dualPath) run(t *testing.T, in *installationUnderTest) {
	network := strings.ToLower(d.transport)
	receiver := map[string]string{"TCP": in.DC09.TCP, "UDP": in.DC09.UDP}[d.transport]
	main := local(freePort(t))
	cut := relay(t, network, main, receiver)
	args := []string{"-u", "testdata/dualpath.py", d.transport, d.account, main, receiver}
	if d.bits > 0 {
		args = append(args, d.key(t, in, 1), d.key(t, in, 2))
	}
	cmd := exec.CommandContext(t.Context(), python(t), args...)
	var why strings.Builder
	cmd.Stderr = &why
	answer, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch said := lines.Text(); said {
		case "cut":
			cut()
			_, _ = io.WriteString(answer, "\n")
		case "mend":
			relay(t, network, main, receiver)
			_, _ = io.WriteString(answer, "\n")
		default:
			d.sent = strings.Fields(said)
		}
	}
	if err := cmd.Wait(); err != nil || len(d.sent) != 5 {
		t.Fatalf("the dialler: %v, it sent %v\n%s", err, d.sent, why.String())
	}
}

// wantFailOver: every message once, by the line that took it, encrypted as it was to be;
// polls by both lines; and each line's account shows its path alive.
func (in *installationUnderTest) wantFailOver(runs []*dualPath) {
	in.t.Helper()
	in.awaitProcessed()
	got, polls := map[string][]string{}, map[uint64]int{}
	for _, records := range in.topic(topics.Events) {
		for _, r := range records {
			record := &vigiev1.LogRecord{}
			if err := proto.Unmarshal(r.Value, record); err != nil {
				in.t.Fatal(err)
			}
			for _, site := range record.GetBeat().GetSite() {
				polls[site]++
			}
			if p := record.GetEvent().GetSource().GetPanel(); p != nil {
				got[p.Account] = append(got[p.Account], fmt.Sprintf("%d:%s %t %s", p.Line, normal([]string{codeOf(record.GetEvent())})[0], p.Encrypted, p.Transport))
			}
		}
	}
	states := in.siteStates()
	for _, d := range runs {
		var want []string
		for _, s := range d.sent {
			want = append(want, fmt.Sprintf("%s %t TRANSPORT_%s", s, d.bits > 0, d.transport))
		}
		slices.Sort(want) // the two lines may be of two partitions
		slices.Sort(got[d.account])
		if !slices.Equal(got[d.account], want) {
			in.t.Errorf("%s, %d bits: the log has %v, want %v", d.transport, d.bits, got[d.account], want)
		}
		for line := range uint32(2) {
			site := ids.UndeclaredSite(line+1, d.account)
			paths := states[site].GetPaths()
			if polls[site] < 2 || len(paths) != 1 || paths[0].GetStatus() != vigiev1.PathStatus_PATH_STATUS_OK {
				in.t.Errorf("%s, %d bits, line %d: %d polls in the log, paths %v", d.transport, d.bits, line+1, polls[site], paths)
			}
		}
	}
}

// siteStates is the last state of each site.
func (c *centreUnderTest) siteStates() map[uint64]*vigiev1.SiteState {
	c.t.Helper()
	states := map[uint64]*vigiev1.SiteState{}
	for _, records := range c.topic(topics.SiteStates) {
		for _, r := range records {
			state := &vigiev1.SiteState{}
			if err := proto.Unmarshal(r.Value, state); err != nil {
				c.t.Fatal(err)
			}
			states[state.GetSite()] = state
		}
	}
	return states
}

// relay is a path to the receiver that can be cut: then nobody listens there.
func relay(t *testing.T, network, listen, to string) (cut func()) {
	t.Helper()
	r := &relayed{to: to}
	if network == "udp" {
		conn, err := net.ListenPacket("udp", listen)
		if err != nil {
			t.Fatal(err)
		}
		r.closers = append(r.closers, conn)
		r.all.Go(func() { r.packets(conn) })
	} else {
		ln, err := net.Listen("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		r.closers = append(r.closers, ln)
		r.all.Go(func() { r.accept(ln) })
	}
	cut = sync.OnceFunc(r.cut)
	t.Cleanup(cut)
	return cut
}

type relayed struct {
	to  string
	all sync.WaitGroup

	mu      sync.Mutex
	done    bool
	closers []io.Closer
}

// keep closes what is open when the path is cut; at once when it is cut already.
func (r *relayed) keep(c io.Closer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closers = append(r.closers, c); r.done {
		_ = c.Close()
	}
}

func (r *relayed) cut() {
	r.mu.Lock()
	r.done = true
	for _, c := range r.closers {
		_ = c.Close() // some have ended by themselves
	}
	r.mu.Unlock()
	r.all.Wait()
}

func (r *relayed) accept(ln net.Listener) {
	for {
		from, err := ln.Accept()
		if err != nil {
			return
		}
		r.keep(from)
		to, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = from.Close()
			continue
		}
		r.keep(to)
		r.all.Go(func() { r.copy(from, to) })
		r.all.Go(func() { r.copy(to, from) })
	}
}

func (r *relayed) copy(to, from net.Conn) {
	_, _ = io.Copy(to, from) // it ends when either side does
	_, _ = to.Close(), from.Close()
}

// packets gives each datagram a socket of its own for its answer.
func (r *relayed) packets(conn net.PacketConn) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		to, err := net.Dial("udp", r.to)
		if err != nil {
			continue
		}
		r.keep(to)
		if _, err := to.Write(buf[:n]); err != nil {
			continue
		}
		r.all.Go(func() {
			answer := make([]byte, 64<<10)
			if n, err := to.Read(answer); err == nil {
				_, _ = conn.WriteTo(answer[:n], from)
			}
			_ = to.Close()
		})
	}
}
