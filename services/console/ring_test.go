package console

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func note(topic byte, partition int32, offset int64) *change {
	return &change{from: source{topic, partition}, offset: offset, event: "x", view: offset}
}

func TestVectorReadsAsItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := vector{}
		for range rapid.IntRange(1, 20).Draw(t, "sources") {
			s := source{rapid.SampledFrom([]byte("sdiopy")).Draw(t, "topic"), rapid.Int32Range(0, 1023).Draw(t, "partition")}
			v[s] = rapid.Int64Range(0, 1<<60).Draw(t, "offset")
		}
		got, err := parseVector(v.String())
		if err != nil || got.String() != v.String() || len(got) != len(v) {
			t.Fatalf("%q reads as %v, %v", v.String(), got, err)
		}
	})
}

func TestJunkIsNoVector(t *testing.T) {
	for _, junk := range []string{"", "s", "s0", "s0.", ".1", "s.1", "sx.1", "s0.1,", "s0.99999999999999999999", "s99999999999.1", "\x00"} {
		if v, err := parseVector(junk); err == nil {
			t.Errorf("%q reads as %v", junk, v)
		}
	}
}

// A client that resumes by the id of what it was given sees all that came after
// and, of what came before, nothing: or it is told to reset.
func TestResumeIsExactOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 40).Draw(t, "size")
		r := newRing(size)
		r.of("log")
		next := vector{}
		for p := range int32(3) {
			s := source{'s', p}
			r.start(s, 0)
			next[s] = 0
		}
		total := rapid.IntRange(0, 100).Draw(t, "changes")
		stopAt := rapid.IntRange(0, total).Draw(t, "stopAt")
		var id string
		after := map[string]bool{}
		for n := range total + 1 {
			if n == stopAt {
				id = r.newCursor().id()
			}
			if n == total {
				break
			}
			s := source{'s', rapid.Int32Range(0, 2).Draw(t, "partition")}
			if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
				r.seen(s, next[s]) // a control record: no change
			} else {
				r.add(note('s', s.partition, next[s]))
				if n >= stopAt {
					after[fmt.Sprint(s.partition, ".", next[s])] = true
				}
			}
			next[s]++
		}
		c, ok := r.resume(id)
		if !ok {
			if total-stopAt <= size && total <= size {
				t.Fatalf("refused though the ring of %d holds the %d changes after", size, total-stopAt)
			}
			return
		}
		for {
			list, _, behind := c.take()
			if behind {
				t.Fatal("behind at once")
			}
			if len(list) == 0 {
				break
			}
			for _, ch := range list {
				k := fmt.Sprint(ch.from.partition, ".", ch.offset)
				if !after[k] {
					t.Fatalf("%s came twice or from before", k)
				}
				delete(after, k)
			}
		}
		if len(after) > 0 {
			t.Fatalf("missed %v", after)
		}
	})
}

func TestAClientThatFellOutOfTheRingResets(t *testing.T) {
	r := newRing(4)
	r.start(source{'s', 0}, 0)
	c := r.newCursor()
	for n := range int64(4) {
		r.add(note('s', 0, n))
	}
	if _, _, behind := c.take(); behind {
		t.Fatal("behind though the ring holds all")
	}
	for n := range int64(5) {
		r.add(note('s', 0, n+4))
	}
	if _, _, behind := c.take(); !behind {
		t.Error("not behind though a change fell out unseen")
	}
}

func TestAnotherLogsIdIsRefused(t *testing.T) {
	r := newRing(4)
	r.of("A")
	r.start(source{'s', 0}, 0)
	r.add(note('s', 0, 0))
	id := r.newCursor().id()
	if _, ok := r.resume(id); !ok {
		t.Fatal("its own id is refused")
	}
	r.of("B")
	if _, ok := r.resume(id); ok {
		t.Error("resumed by the id of another log")
	}
	r.of("A")
	if _, ok := r.resume("A:s0.7"); ok {
		t.Error("resumed past the end")
	}
	if _, ok := r.resume("A:s0.0,s1.0"); ok {
		t.Error("resumed with a partition that is not read")
	}
}

func TestARebuildResetsClients(t *testing.T) {
	r := newRing(4)
	r.start(source{'s', 0}, 0)
	c := r.newCursor()
	r.restart()
	if _, _, behind := c.take(); !behind {
		t.Error("a cursor outlived a rebuild")
	}
}
