package queries_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/warehouse/enginetest"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// callStep is a row of the table outcomes for a step of a call.
type callStep struct {
	call, step, status, to             string
	offered, answered, ended, received time.Time
}

// ringing makes the calls of a window and its surroundings, each with its steps.
func ringing() (all []callStep) {
	r := rand.New(rand.NewPCG(11, 12))
	zero := time.UnixMilli(0).UTC()
	for i := range 300 {
		// Names come back: a call is known by its name and its beginning.
		c := callStep{call: fmt.Sprint("k", i%250), step: "offered", status: "accepted", answered: zero, ended: zero}
		c.offered = from.Add(time.Duration(r.IntN(14*60_000)-2*60_000) * time.Millisecond)
		switch i {
		case 0:
			c.offered = from
		case 1:
			c.offered = to
		}
		c.received = c.offered
		all = append(all, c)
		if i%9 == 0 {
			refused := c
			refused.step, refused.status, refused.answered = "answered", "refused", c.offered.Add(time.Second)
			all = append(all, refused)
		}
		wait := time.Duration(r.IntN(40_000)) * time.Millisecond
		if i%7 == 0 {
			wait = 20 * time.Second // the edge is in time
		}
		c.received = c.offered.Add(wait)
		switch r.IntN(4) {
		case 0:
			c.step, c.ended = "abandoned", c.received
			all = append(all, c)
		case 1, 2:
			c.step, c.answered = "answered", c.received
			all = append(all, c)
			if r.IntN(3) == 0 {
				c.step, c.to = "transferred", "guard"
				all = append(all, c)
			}
			c.step, c.ended = "ended", c.received.Add(time.Minute)
			all = append(all, c)
		}
	}
	return all
}

// plainCalls counts without SQL.
func plainCalls(all []callStep, within time.Duration) queries.CallsAnsweredIn {
	want := queries.CallsAnsweredIn{Target: 0.8}
	last := map[string]callStep{}
	for _, c := range all {
		if c.status == "accepted" && !c.offered.Before(from) && c.offered.Before(to) {
			last[c.call+c.offered.String()] = c
		}
	}
	var waits []int64
	for _, c := range last {
		want.Offered++
		switch {
		case c.answered.UnixMilli() > 0:
			want.Answered++
			waits = append(waits, c.answered.Sub(c.offered).Milliseconds())
			if c.answered.Sub(c.offered) <= within {
				want.InTime++
			}
			if c.to != "" {
				want.Transferred++
			}
		case c.step == "abandoned":
			want.Abandoned++
			if c.ended.Sub(c.offered) <= within {
				want.AbandonedEarly++
			}
		default:
			want.Waiting++
		}
	}
	slices.Sort(waits)
	want.MedianWaitMS, want.P90WaitMS = waits[len(waits)/2], waits[len(waits)*9/10]
	share := float64(want.InTime) / float64(want.Answered+want.Abandoned-want.AbandonedEarly)
	want.Share = &share
	return want
}

func TestCallsAnswered(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	if got := ask(t, db, queries.CallsAnswered(from, to)); len(got) != 1 || got[0].Offered != 0 || got[0].Share != nil {
		t.Fatalf("without a call: %+v", got)
	}
	all := ringing()
	insert(t, db, "outcomes",
		col("received_at", typeTime, each(all, func(c callStep) time.Time { return c.received })),
		col("status", "LowCardinality(String)", each(all, func(c callStep) string { return c.status })),
		col("call", "String", each(all, func(c callStep) string { return c.call })),
		col("call_step", "LowCardinality(String)", each(all, func(c callStep) string { return c.step })),
		col("call_offered_at", typeTime, each(all, func(c callStep) time.Time { return c.offered })),
		col("call_answered_at", typeTime, each(all, func(c callStep) time.Time { return c.answered })),
		col("call_ended_at", typeTime, each(all, func(c callStep) time.Time { return c.ended })),
		col("call_transferred_to", "LowCardinality(String)", each(all, func(c callStep) string { return c.to })),
		col("call_within_ms", "Int64", each(all, func(callStep) int64 { return 20_000 })),
		col("call_share_percent", "UInt8", each(all, func(callStep) uint8 { return 80 })))
	want := plainCalls(all, 20*time.Second)
	if want.Abandoned == want.AbandonedEarly || want.AbandonedEarly == 0 || want.InTime == want.Answered || want.Waiting == 0 || want.Transferred == 0 {
		t.Fatalf("the plain computation tries too little: %+v", want)
	}
	same(t, ask(t, db, queries.CallsAnswered(from, to)), []queries.CallsAnsweredIn{want})
}
