package seed_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed"
)

var end = time.Date(2026, 11, 20, 21, 30, 0, 0, time.UTC)

func TestPrint(t *testing.T) {
	start := time.Now()
	h := seed.New(1, end, 7*24*time.Hour, 2000)
	t.Log(time.Since(start))
	v := reflect.ValueOf(*h)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice {
			t.Log(v.Type().Field(i).Name, f.Len())
		}
	}
	kinds := map[string]int{}
	for _, e := range h.Events { kinds[e.Kind+" "+e.Class]++ }
	t.Log(kinds)
	d := map[string]int{}
	for _, e := range h.Detections { d[e.Kind+" "+e.Status+" "+e.CloseReason]++ }
	t.Log(d)
	o := map[string]int{}
	for _, e := range h.Outcomes { o[e.Status]++ }
	t.Log(o)
	inc := map[string]seed.Incident{}
	for _, i := range h.Incidents { inc[i.ID] = i }
	st := map[string]int{}
	for _, i := range inc { st[i.Status+" "+i.ClassGroup]++ }
	t.Log(len(inc), st)
	cl := map[uint64]seed.SiteState{}
	for _, s := range h.SiteStates { cl[s.Site] = s }
	st = map[string]int{}
	for _, s := range cl { st[s.Closure]++; if s.CommunicationLost {st["lost"]++}; if len(s.Areas)>0 {st[s.Areas[0].Mode]++ ; if s.Closure != "none" && s.Areas[0].Mode != "armed_full" {st["closed not armed"]++}}}
	t.Log(len(cl), st)
}
