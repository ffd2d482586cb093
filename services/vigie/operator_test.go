package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// operator works on incidents at the console: one act after the other, each
// asked for again under its key until it was decided, as the page does.
type operator struct {
	t      *testing.T
	url    string
	client *http.Client
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	decided map[ids.ID]string // the answer, by the act's event
	asked   int               // requests, repeats included
	last    request           // the one decided last
}

// request is an act as it is asked for.
type request struct {
	key  string
	body []byte
}

var loginLink = regexp.MustCompile(`console: (http\S+)/login\?t=\S+`)

// work logs in by the link that the console printed, once, and begins.
func work(t *testing.T, printed string) *operator {
	t.Helper()
	link := loginLink.FindStringSubmatch(printed)
	if link == nil {
		t.Fatalf("the console printed no login link:\n%s", printed)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := &operator{t: t, url: link[1], client: &http.Client{Jar: jar, Timeout: 10 * time.Second}, decided: map[ids.ID]string{}}
	resp, err := o.client.Get(link[0][len("console: "):])
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the login link answers %s", resp.Status)
	}
	ctx, stop := context.WithCancel(t.Context())
	o.stop = stop
	o.done.Go(func() { o.handle(ctx) })
	return o
}

// actEvery is the pace of the acts: a person is slower than the API.
const actEvery = 150 * time.Millisecond

func (o *operator) handle(ctx context.Context) {
	pace := time.NewTicker(actEvery)
	defer pace.Stop()
	for n := 0; ctx.Err() == nil; {
		incident := o.incident(ctx)
		for _, act := range []string{"claim", "note", "release"} {
			if incident != "" {
				o.act(fmt.Sprintf("act-%d", n), act, incident)
				n++
			}
			<-pace.C
		}
	}
}

// incident is one that is open; "" when the console is not there to tell.
func (o *operator) incident(ctx context.Context) string {
	var page struct {
		Incidents []struct{ ID string }
	}
	eventually(startPatience, func() bool {
		resp, err := o.client.Get(o.url + "/api/v1/incidents?limit=1")
		if err != nil {
			return ctx.Err() != nil
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(&page) == nil && len(page.Incidents) > 0 || ctx.Err() != nil
	})
	if len(page.Incidents) == 0 {
		return ""
	}
	return page.Incidents[0].ID
}

// act asks under one key until the log has decided, whatever dies meanwhile. An
// act on its way is finished even when the test stops the operator.
func (o *operator) act(key, act, incident string) {
	body := map[string]string{"act": act, "incident": incident}
	if act == "note" {
		body["note"] = "called back, " + key
	}
	raw, err := json.Marshal(body)
	if err != nil {
		o.t.Error(err)
		return
	}
	status, said := 0, ""
	eventually(startPatience, func() bool {
		status, said = o.post(key, raw)
		return status == http.StatusCreated || status == http.StatusConflict || status == http.StatusNotFound || o.t.Context().Err() != nil
	})
	if status != http.StatusCreated { // nobody else acts, and no incident closes by itself
		o.t.Errorf("%s %s on %s was not accepted: %d %s", key, act, incident, status, said)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.decided[ids.Act("operator", key, act)] = said
	o.last = request{key, raw}
}

func (o *operator) post(key string, body []byte) (int, string) {
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodPost, o.url+"/api/v1/operator-actions", bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	o.mu.Lock()
	o.asked++
	o.mu.Unlock()
	resp, err := o.client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	var said bytes.Buffer
	if _, err := said.ReadFrom(resp.Body); err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, said.String()
}

func (o *operator) total() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.decided)
}

// awaitMore waits until so many more acts were decided.
func (o *operator) awaitMore(said fmt.Stringer, n int) {
	o.t.Helper()
	want := o.total() + n
	if !eventually(startPatience, func() bool { return o.total() >= want }) {
		o.t.Fatalf("%d of %d acts were decided, then no more\n%s", o.total(), want, said)
	}
}

// lastAct is the act that was decided last.
func (o *operator) lastAct() request {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
}

// askAgain asks for an act that was accepted once more, as a page does that lost
// the answer: a console that was started since knows it from the log.
func (o *operator) askAgain(r request) {
	o.t.Helper()
	status, said := 0, ""
	if !eventually(startPatience, func() bool {
		status, said = o.post(r.key, r.body)
		return status == http.StatusCreated
	}) {
		o.t.Errorf("%s was accepted; asked for again: %d %s", r.key, status, said)
	}
}

func (o *operator) finish() {
	o.stop()
	o.done.Wait()
}

// wantEachActOnce: an act that was asked for again, because its answer was lost,
// may stand in the log twice, and was decided once.
func (c *centreUnderTest) wantEachActOnce(o *operator) {
	c.t.Helper()
	decisions, repeats := map[ids.ID]int{}, 0
	for _, records := range c.topic(topics.Outcomes) {
		for _, r := range records {
			outcome := &vigiev1.EventOutcome{}
			if err := proto.Unmarshal(r.Value, outcome); err != nil {
				c.t.Fatal(err)
			}
			id := ids.ID(outcome.EventId)
			if _, ours := o.decided[id]; !ours {
				continue
			}
			if outcome.Status == vigiev1.OutcomeStatus_OUTCOME_STATUS_REPEATED {
				repeats++
			} else {
				decisions[id]++
			}
		}
	}
	for id, answer := range o.decided {
		if decisions[id] != 1 {
			c.t.Errorf("act %s was decided %d times; its answer was %s", id, decisions[id], answer)
		}
	}
	c.t.Logf("%d acts decided once each, asked for %d times; %d more records were repeats", len(o.decided), o.asked, repeats)
}
