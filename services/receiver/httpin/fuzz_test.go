package httpin

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/open-vigie/vigie/services/internal/httpserver"
)

// FuzzEvents reads any body as each media type would have it. What is accepted
// means the same, under the same identity, when it is written again by another
// hand: in structured mode, members in the order of the alphabet.
func FuzzEvents(f *testing.F) {
	one := event("1", `{"account":"1234","sia":"BA","zone":"7","text":"été","occurred_at":"2026-03-01T08:00:00Z"}`)
	for _, body := range []string{
		one, "[" + one + "," + one + "]", `{"account":"1234","poll":true}`, `[]`, `null`, `{"data":{}}`, `[[1]]`,
		`{"specversion":"1.0","id":"2","source":"/g","type":"vigie.v1.PanelEvent","data_base64":"eyJhY2NvdW50IjoiMTIzNCIsInBvbGwiOnRydWV9"}`,
		event("3", `{"account":"12aB","contact_id":"130","restored":true,"line":16777215,"path":15}`),
		event("4", `{"account":"1234","class":"mains"}`), event("5", `{"account":"1234","line":1e400}`),
	} {
		f.Add([]byte(body))
	}
	d := &Door{}
	Register(httpserver.NewAPI(http.NewServeMux(), "test"), d)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, kind := range []string{typeEvent, typeBatch, typeJSON} {
			in := request{contentType: kind, body: body, attributes: map[string]any{}}
			if kind == typeJSON {
				in.attributes = map[string]any{"specversion": "1.0", "id": "9", "source": "/cameras/1", "type": EventType}
			}
			items, err := in.items()
			if err != nil {
				continue
			}
			for _, it := range items {
				again(t, d, it)
			}
		}
	})
}

func again(t *testing.T, d *Door, it item) {
	t.Helper()
	e, err := d.read(it)
	if err != nil {
		return
	}
	m, err := e.message(it.event["data"])
	if err != nil {
		return
	}
	whole, err := json.Marshal(it.event)
	if err != nil {
		t.Fatal(err)
	}
	second := readItem(whole)
	if second.unread != nil && len(whole) > maxEventBytes {
		return // Escaping made it longer than an event may be.
	}
	e2, err := d.read(second)
	if err != nil {
		t.Fatalf("%s was read once, and not again: %v", whole, err)
	}
	m2, err := e2.message(second.event["data"])
	if err != nil {
		t.Fatalf("%s had a meaning once: %v", whole, err)
	}
	if string(m.Identity) != string(m2.Identity) || string(m.Data) != string(m2.Data) || m.Poll != m2.Poll || len(m.Reports) != len(m2.Reports) {
		t.Fatalf("%s\nmeans %+v\nand then %+v", whole, m, m2)
	}
}
