package scenario

import (
	"testing"
	"time"
)

func TestX(t *testing.T) {
	for _, c := range []Config{{Lockdown, 1, 2000, 300, 10 * time.Minute}, {NormalDay, 1, 2000, 300, 10 * time.Minute}, {Lockdown, 1, 1000, 200, 70 * time.Second}, {Lockdown, 1, 5000, 500, 10 * time.Minute},{Lockdown, 1, 50, 50, 10 * time.Second}} {
		p, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		n := map[Class]int{}
		all := 0
		acts := map[Act]int{}
		for m := range p.Messages() {
			n[m.Do.Class()]++
			acts[m.Do]++
			all++
		}
		t.Log(c.Name, c.Sites, float64(all)/c.Duration.Seconds(), n, acts, p.PollEvery, p.Pace)
	}
}
