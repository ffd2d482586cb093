package packed

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

type thing struct {
	small   uint8
	count   uint64
	balance int64
	short   int16
	open    bool
	name    string
	data    []byte
	id      [4]byte
	list    []thing
	next    *thing
}

func (v *thing) pack(c *Coder) {
	Uint(c, &v.small)
	Uint(c, &v.count)
	c.Delta(&v.balance, 1000)
	Int(c, &v.short)
	c.Bool(&v.open)
	c.String(&v.name)
	c.Bytes(&v.data)
	c.Array(v.id[:])
	List(c, &v.list, func(t *thing) { t.pack(c) })
	Pointer(c, &v.next, func(t *thing) { t.pack(c) })
}

func drawThing(t *rapid.T, depth int) thing {
	v := thing{
		small: rapid.Uint8().Draw(t, "small"), count: rapid.Uint64().Draw(t, "count"), balance: rapid.Int64().Draw(t, "balance"),
		short: rapid.Int16().Draw(t, "short"), open: rapid.Bool().Draw(t, "open"), name: rapid.String().Draw(t, "name"),
	}
	switch rapid.IntRange(0, 2).Draw(t, "data") {
	case 1:
		v.data = []byte{}
	case 2:
		v.data = []byte("x")
	}
	copy(v.id[:], rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "id"))
	if depth > 0 {
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			v.list = append(v.list, drawThing(t, depth-1))
		}
		if rapid.Bool().Draw(t, "next") {
			next := drawThing(t, depth-1)
			v.next = &next
		}
	}
	return v
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawThing(t, 2)
		w := Writer(nil)
		want.pack(w)
		var got thing
		r := Reader(w.Written())
		got.pack(r)
		if err := r.End(); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("read %+v, written %+v", got, want)
		}
		again := Writer(nil)
		got.pack(again)
		if !bytes.Equal(again.Written(), w.Written()) {
			t.Fatal("written again, the bytes differ")
		}
	})
}

func TestCutBytesAreAnError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawThing(t, 1)
		w := Writer(nil)
		v.pack(w)
		cut := rapid.IntRange(0, len(w.Written())-1).Draw(t, "cut")
		var got thing
		r := Reader(w.Written()[:cut])
		got.pack(r)
		if !errors.Is(r.Err(), ErrTruncated) {
			t.Fatalf("cut at %d of %d: %v", cut, len(w.Written()), r.Err())
		}
	})
}

func TestMessageAndWhatDoesNotFit(t *testing.T) {
	want := &vigiev1.GroupClock{Group: "g", SMs: 7}
	w := Writer(nil)
	Message(w, &want)
	var got *vigiev1.GroupClock
	r := Reader(w.Written())
	if Message(r, &got); r.End() != nil || !proto.Equal(got, want) {
		t.Errorf("read %v, %v", got, r.End())
	}
	w = Writer(nil)
	big, wide := uint64(math.MaxUint64), int64(math.MaxInt64)
	Uint(w, &big)
	Int(w, &wide)
	var small uint8
	var short int16
	r = Reader(w.Written())
	if Uint(r, &small); r.Err() == nil {
		t.Error("a number that does not fit was taken")
	}
	r = Reader(w.Written()[10:])
	if Int(r, &short); r.Err() == nil {
		t.Error("a number that does not fit was taken")
	}
	if r := Reader([]byte{1}); r.End() == nil {
		t.Error("bytes left over are no error")
	}
}

// A length of a lie costs no memory and no panic.
func FuzzReader(f *testing.F) {
	w := Writer(nil)
	v := thing{name: "a", data: []byte("b"), list: []thing{{}, {}}, next: &thing{}}
	v.pack(w)
	f.Add(w.Written())
	f.Fuzz(func(t *testing.T, b []byte) {
		var got thing
		r := Reader(b)
		got.pack(r)
		if r.End() != nil {
			return
		}
		again := Writer(nil)
		got.pack(again)
		var twice thing
		r = Reader(again.Written())
		if twice.pack(r); r.End() != nil || !reflect.DeepEqual(twice, got) {
			t.Errorf("written again and read: %v", r.End())
		}
	})
}

// What is written is often read by others meanwhile, as a frozen state is: the race
// detector sees that writing writes nothing into it.
func TestWritingOnlyReads(t *testing.T) {
	var state struct {
		pointer *int64
		bytes   []byte
		list    []string
		text    string
		yes     bool
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			c := Writer(nil)
			Pointer(c, &state.pointer, func(n *int64) { Int(c, n) })
			c.Bytes(&state.bytes)
			List(c, &state.list, c.String)
			c.String(&state.text)
			c.Bool(&state.yes)
		})
	}
	both.Wait()
}
