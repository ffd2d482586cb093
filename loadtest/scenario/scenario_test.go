package scenario

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawConfig draws a fleet and a schedule that are small enough to look at whole.
func drawConfig(t *rapid.T) Config {
	return Config{
		Name: rapid.SampledFrom([]Name{NormalDay, Lockdown}).Draw(t, "scenario"), Seed: rapid.Uint64().Draw(t, "seed"),
		Sites: rapid.IntRange(130, 400).Draw(t, "sites"), Rate: rapid.Float64Range(42, 65).Draw(t, "rate"),
		Duration: time.Duration(rapid.IntRange(10, 40).Draw(t, "seconds")) * time.Second,
	}
}

func drawPlan(t *rapid.T) *Plan {
	p, err := New(drawConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlanFollowsFromItsConfigurationAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		again, err := New(p.Config)
		if err != nil {
			t.Fatal(err)
		}
		first := slices.Collect(p.Messages())
		if !slices.Equal(p.Sites, again.Sites) || !slices.Equal(first, slices.Collect(again.Messages())) || !slices.Equal(first, slices.Collect(p.Messages())) {
			t.Fatal("two plans of one configuration differ")
		}
		other := p.Config
		other.Seed++
		if q, err := New(other); err == nil && slices.Equal(first, slices.Collect(q.Messages())) {
			t.Fatal("another seed gives the same schedule")
		}
	})
}

func TestMessagesAreInOrderAndKeepTheStory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		from, to := p.Outage()
		story := p.Story()
		last := time.Duration(0)
		storms := map[int]int{}
		for m := range p.Messages() {
			site := p.Sites[m.Site]
			switch {
			case m.Due < last || m.Due >= p.Duration:
				t.Fatalf("a message due at %s after one at %s, in a run of %s", m.Due, last, p.Duration)
			case site.InOutage && m.Due >= from && m.Due < to:
				t.Fatalf("site %d speaks at %s, while its carrier is silent from %s to %s", m.Site, m.Due, from, to)
			case m.Do == Opening && site.Closed:
				t.Fatalf("site %d, closed around the clock, opens at %s", m.Site, m.Due)
			case m.Do == LinkTest && !site.Polls:
				t.Fatalf("site %d polls and is no polling site", m.Site)
			}
			if _, mad := story.Storms[m.Site]; mad && m.Do.Class() == Alarm {
				storms[m.Site]++
			}
			last = m.Due
		}
		for site := range story.Storms {
			if storms[site] != StormAlarms {
				t.Fatalf("storm of site %d has %d alarms, want %d and no others", site, storms[site], StormAlarms)
			}
		}
	})
}

// What is no storm by the story is none by the policy's figures: at most five
// alarms in any 20 s of a lockdown and in any 10 min of a day.
func TestOrdinaryAlarmsAreNoStorm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		window := 20 * time.Second
		if p.Name == NormalDay {
			window = 10 * time.Minute
		}
		recent := map[int][]time.Duration{}
		for m := range p.Messages() {
			if m.Do.Class() != Alarm || p.Sites[m.Site].Storms {
				continue
			}
			list := slices.DeleteFunc(recent[m.Site], func(at time.Duration) bool { return m.Due-at > window })
			if recent[m.Site] = append(list, m.Due); len(recent[m.Site]) > 5 {
				t.Fatalf("site %d has %d alarms within %s", m.Site, len(recent[m.Site]), window)
			}
		}
	})
}

func TestPollsKeepWithinTheAgreedInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		last := map[int]time.Duration{}
		for m := range p.Messages() {
			if m.Do != LinkTest {
				continue
			}
			if gap := m.Due - last[m.Site]; gap > p.Interval*9/10 && !p.Sites[m.Site].InOutage {
				t.Fatalf("site %d does not poll for %s, agreed are %s", m.Site, gap, p.Interval)
			}
			if gap := m.Due - last[m.Site]; gap < minPollEvery/2 && last[m.Site] > 0 {
				t.Fatalf("site %d polls again after %s", m.Site, gap)
			}
			last[m.Site] = m.Due
		}
	})
}

func TestRateIsTheOneAskedFor(t *testing.T) {
	for _, c := range []Config{
		{Lockdown, 1, 2000, 300, 10 * time.Minute}, {Lockdown, 7, 5000, 500, 2 * time.Minute}, {NormalDay, 1, 2000, 300, 10 * time.Minute},
	} {
		p, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for range p.Messages() {
			n++
		}
		if got := float64(n) / c.Duration.Seconds(); math.Abs(got/c.Rate-1) > 0.02 {
			t.Errorf("%+v: %.1f messages/s", c, got)
		}
	}
}

func TestWaveHasMeanOne(t *testing.T) {
	p := &Plan{Config: Config{Name: Lockdown, Duration: time.Hour}}
	sum, n := 0.0, 0
	for at := time.Duration(0); at < p.Duration; at += time.Second {
		sum += p.wave(at)
		n++
	}
	if mean := sum / float64(n); math.Abs(mean-1) > 0.001 {
		t.Errorf("the wave's mean is %f", mean)
	}
}

func TestBadConfigurationsAreNamed(t *testing.T) {
	good := Config{Lockdown, 1, 100, 100, time.Minute}
	for want, change := range map[string]func(*Config){
		"no scenario":        func(c *Config) { c.Name = "holiday" },
		"--sites 9":          func(c *Config) { c.Sites = 9 },
		"--duration 1s":      func(c *Config) { c.Duration = time.Second },
		"--rate":             func(c *Config) { c.Rate = math.NaN() },
		"a panel would poll": func(c *Config) { c.Name = NormalDay },
		"events to remember": func(c *Config) { c.Sites, c.Rate, c.Duration = 100_000, 1e5, time.Hour },
		"raise --rate":       func(c *Config) { c.Sites, c.Rate = 20_000, 1 },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}
