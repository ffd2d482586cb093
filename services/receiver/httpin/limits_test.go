package httpin

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/open-vigie/vigie/services/receiver"
)

// batchOf makes n events; each has its own account when accounts is set.
func batchOf(n int, accounts bool) string {
	var list []string
	for i := range n {
		account := "1234"
		if accounts {
			account = fmt.Sprintf("9%03d", i)
		}
		list = append(list, event(fmt.Sprint(i), fmt.Sprintf(`{"account":%q,"sia":"BA"}`, account)))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// A source that sends more than its share is told to come back; what the log took of
// it is not lost.
func TestSourceBeyondItsRateIsTryAgain(t *testing.T) {
	w := newWorld(t, func(c *receiver.Config) { c.Limits = receiver.Limits{Exempt: []netip.Prefix{}, Frames: 5} })
	const sent = 200
	got := w.post(typeBatch, batchOf(sent, false))
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || len(got.Errors) == 0 || len(got.Errors) == sent {
		t.Fatalf("%d, %d of %d not taken: %s", got.status, len(got.Errors), sent, got.body)
	}
	if events, _ := w.Events(); len(events) != sent-len(got.Errors) {
		t.Errorf("%d events, %d were not told as missing", len(events), sent-len(got.Errors))
	}
}

// Who has a token could still make any number of sites: new accounts have a budget.
func TestNewAccountsHaveABudget(t *testing.T) {
	w := newWorld(t, func(c *receiver.Config) { c.Limits = receiver.Limits{Exempt: []netip.Prefix{}, NewAccounts: 1} })
	const sent = 100
	got := w.post(typeBatch, batchOf(sent, true))
	if got.status != http.StatusAccepted || got.Taken == 0 || got.Refused == 0 || got.Events[sent-1].Reason != reasonNew {
		t.Fatalf("%d: %d taken, %d refused", got.status, got.Taken, got.Refused)
	}
	if events, _ := w.Events(); len(events) != got.Taken {
		t.Errorf("%d events, %d were told as taken", len(events), got.Taken)
	}
	again := w.post(typeBatch, batchOf(got.Taken, true))
	if again.status != http.StatusCreated {
		t.Errorf("those that were let in are not let in again: %s", again.body)
	}
}
