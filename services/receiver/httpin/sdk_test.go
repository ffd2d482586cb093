package httpin

import (
	"net/http"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	ce "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/open-vigie/vigie/services/receiver/receivertest"
)

// What others' libraries send is understood: the CloudEvents SDK, in its three modes.
func TestSDKOfCloudEvents(t *testing.T) {
	w := newWorld(t, nil)
	say := func(id string) ce.Event {
		e := cloudevents.NewEvent()
		e.SetID(id)
		e.SetSource("/sdk/é")
		e.SetType(EventType)
		e.SetTime(time.Date(2026, 11, 23, 13, 45, 12, 0, time.UTC))
		e.SetExtension("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		if err := e.SetData(cloudevents.ApplicationJSON, map[string]any{"account": "1234", "sia": "BA", "zone": id}); err != nil {
			t.Fatal(err)
		}
		return e
	}
	defer http.DefaultClient.CloseIdleConnections()
	send := func(mode string, write func(r *http.Request) error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+Path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if err := write(r); err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+w.token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusCreated {
			t.Errorf("%s: %s", mode, res.Status)
		}
	}
	one, two := say("1"), say("2")
	send("binary", func(r *http.Request) error { return cehttp.WriteRequest(t.Context(), binding.ToMessage(&one), r) })
	send("structured", func(r *http.Request) error {
		return cehttp.WriteRequest(binding.WithForceStructured(t.Context()), binding.ToMessage(&two), r)
	})
	send("batch", func(r *http.Request) error {
		batch, err := cehttp.NewHTTPRequestFromEvents(t.Context(), r.URL.String(), []ce.Event{say("3"), say("4")})
		if err == nil {
			r.Body, r.ContentLength = batch.Body, batch.ContentLength
			r.Header = batch.Header
		}
		return err
	})
	zones := map[string]bool{}
	events, _ := w.Events()
	for _, e := range events {
		if e.GetSite() != receivertest.BoundSite || e.GetOccurredAtMs() == 0 {
			t.Errorf("%v", e)
		}
		zones[e.GetAlarmRaised().GetSignal().GetZone()] = true
	}
	if len(events) != 4 || len(zones) != 4 {
		t.Errorf("%d events in zones %v", len(events), zones)
	}
}
