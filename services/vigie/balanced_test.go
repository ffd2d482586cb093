package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/child"
	"github.com/open-vigie/vigie/services/panel"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// machineToken lets a test declare sites.
const machineToken = "a-token-of-the-tests-of-32-characters"

// The site whose two paths are supervised, and its account.
const (
	watchedSite    = 71
	watchedAccount = "4100"
	// watchedEvery is the interval agreed for both paths.
	watchedEvery = 15 * time.Second
	// twice is the account whose only alarm comes to both receivers.
	twice = "4200"
)

// Two receivers behind one address, a balancer that speaks the PROXY protocol, as
// deploy/haproxy has it. Panels are moved from one receiver to the other in the middle
// of a message; each receiver is killed, and one is frozen, while they send. What was
// acknowledged is in the log and has one effect, and a path lives whoever heard it.
func TestTwoReceiversBehindOneAddress(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	for _, r := range c.receivers {
		r.env = append(r.env, "VIGIE_RECEIVER_PROXIES=127.0.0.1")
	}
	c.console.env = append(c.console.env, "VIGIE_HTTP_TOKEN="+machineToken)
	c.startKafka()
	c.provision()
	for _, r := range []*roleUnderTest{c.receivers[0], c.receivers[1], c.processors[0], c.console} {
		r.start()
	}
	address := c.balance()
	c.declareWatched()
	c.sendTwice(address)
	c.panels = sendOver(t, []string{"tcp"}, address)
	polls := c.poll(address)
	c.panels.awaitMore(c, 50)
	for _, r := range c.receivers {
		r.kill()
		c.panels.awaitMore(c, 100)
		r.start()
		c.panels.awaitMore(c, 50)
	}
	c.thaw(c.receivers[0], func() { c.panels.awaitMore(c, 100) })
	c.panels.awaitMore(c, 50)
	sent := c.panels.finish()
	sent[twice] = 1
	if late := c.lateOfWatched(); len(late) > 0 {
		t.Errorf("%d paths are late that were heard all the time, by the one receiver or the other", len(late))
	}
	polls()
	c.wantOneEffectEach(sent)
	c.wantOracle()
	c.wantBothHeard(sent)
	if !eventually(startPatience, func() bool { return len(c.lateOfWatched()) == 2 }) {
		t.Errorf("nobody hears the site any more, and %d of its 2 paths are late", len(c.lateOfWatched()))
	}
}

// balance runs HAProxy as deploy/haproxy says, until the test ends.
func (c *centre) balance() string {
	c.t.Helper()
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		haproxy, err = exec.LookPath("/usr/sbin/haproxy") // not on everybody's PATH
	}
	if err != nil {
		c.t.Fatal("haproxy is not installed: run `make setup`")
	}
	listen := local(freePort(c.t))
	cmd := exec.Command(haproxy, "-db", "-f", filepath.Join(repo(c.t), "deploy", "haproxy", "haproxy.cfg"))
	out := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = []string{"PANELS_LISTEN=" + listen}
	for i, r := range c.receivers {
		_, ready, _ := net.SplitHostPort(strings.TrimPrefix(r.metrics, "http://"))
		cmd.Env = append(cmd.Env, fmt.Sprintf("RECEIVER_%d=%s", i+1, address(r)), fmt.Sprintf("READY_%d=%s", i+1, ready))
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	c.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	if !eventually(startPatience, func() bool {
		select {
		case err := <-ended:
			ended <- err
			c.t.Fatalf("haproxy ended: %v\n%s", err, out)
		default:
		}
		conn, err := net.Dial("tcp", listen)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}) {
		c.t.Fatalf("haproxy does not listen on %s\n%s", listen, out)
	}
	return listen
}

// declareWatched tells the desk of the site, and waits until its account leads there.
func (c *centre) declareWatched() {
	c.t.Helper()
	paths := []map[string]any{{"path": 1, "interval_ms": watchedEvery.Milliseconds()}, {"path": 2, "interval_ms": watchedEvery.Milliseconds()}}
	declare(c.t, loginLink.FindStringSubmatch(c.console.out.String())[1], map[string]any{
		"site": watchedSite, "label": "Two paths", "class": "demo", "time_zone": "UTC", "stage": "in-service",
		"accounts": []map[string]any{{"account": watchedAccount}}, "paths": paths,
	})
	if !eventually(startPatience, func() bool { return len(c.topic(topics.Accounts)) > 0 }) {
		c.t.Fatal("the declared account is bound to no site")
	}
}

// declare declares a site at a console.
func declare(t *testing.T, console string, site map[string]any) {
	t.Helper()
	body, err := json.Marshal(site)
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	if !eventually(startPatience, func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, console+"/api/v1/sites", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+machineToken)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", fmt.Sprintf("site-%v", site["site"]))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			said = err.Error()
			return false
		}
		defer resp.Body.Close()
		answer, _ := io.ReadAll(resp.Body)
		said = resp.Status + " " + string(answer)
		return resp.StatusCode == http.StatusCreated
	}) {
		t.Fatalf("site %v is not declared: %s", site["site"], said)
	}
}

// sendTwice sends an alarm to one receiver, and before its answer the same to the
// other, as a panel does whose connection broke.
func (c *centre) sendTwice(address string) {
	c.t.Helper()
	frame, err := dc09.Append(nil, dc09.Frame{Token: dc09.TokenSIA, Sequence: 7, Account: twice, Data: []byte("#" + twice + "|NBA07")})
	if err != nil {
		c.t.Fatal(err)
	}
	var conns []net.Conn
	for range c.receivers {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			c.t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(frame); err != nil {
			c.t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	want := dc09.AppendACK(nil, dc09.Frame{Sequence: 7, Account: twice})
	for _, conn := range conns {
		got := make([]byte, len(want))
		if err := conn.SetReadDeadline(time.Now().Add(startPatience)); err != nil {
			c.t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
			c.t.Fatalf("%q, %v; want %q\n%s", got, err, want, c)
		}
	}
}

// poll tests the links of the watched site's paths, each time by a new connection, so
// by the receivers in turn, until it is told to stop.
func (c *centre) poll(address string) (stop func()) {
	ctx, cancel := context.WithCancel(c.t.Context())
	var polling sync.WaitGroup
	polling.Go(func() {
		for n := uint32(0); ctx.Err() == nil; n++ {
			line, err := panel.Dial("tcp", address, panel.Tries(1, time.Second))
			if err != nil {
				continue // it is killed, frozen or being found dead: the other is next
			}
			_, _ = line.Send(ctx, panel.Poll(watchedAccount, 1+n%2))
			_ = line.Close()
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return func() {
		cancel()
		polling.Wait()
	}
}

// thaw freezes a receiver, for which its system still takes bytes, and lets it go on
// after what happens meanwhile.
func (c *centre) thaw(r *roleUnderTest, meanwhile func()) {
	c.t.Helper()
	pid := r.cmd.Process.Pid
	if err := child.Signal(pid, syscall.SIGSTOP); err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = child.Signal(pid, syscall.SIGCONT) }()
	meanwhile()
}

// lateOfWatched lists the paths of the watched site that were ever late.
func (c *centre) lateOfWatched() map[string]bool {
	c.t.Helper()
	late := map[string]bool{}
	for _, records := range c.topic(topics.Detections) {
		for _, r := range records {
			d := &vigiev1.Detection{}
			if err := proto.Unmarshal(r.Value, d); err != nil {
				c.t.Fatal(err)
			}
			if d.GetSite() == watchedSite && d.GetKind() == vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE {
				late[string(d.GetId())] = true
			}
		}
	}
	return late
}

// wantBothHeard: each receiver took messages of each account.
func (c *centre) wantBothHeard(sent map[string]int) {
	c.t.Helper()
	heard := map[string]map[string]bool{}
	for _, records := range c.topic(topics.Events) {
		for _, r := range records {
			record := &vigiev1.LogRecord{}
			if err := proto.Unmarshal(r.Value, record); err != nil {
				c.t.Fatal(err)
			}
			if p := record.GetEvent().GetSource().GetPanel(); p != nil {
				if heard[p.Account] == nil {
					heard[p.Account] = map[string]bool{}
				}
				heard[p.Account][p.Receiver] = true
			}
		}
	}
	for account := range sent {
		if len(heard[account]) != len(c.receivers) {
			c.t.Errorf("account %s was heard by %v, want both receivers", account, heard[account])
		}
	}
}
