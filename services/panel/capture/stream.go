package capture

import (
	"bytes"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/reassembly"

	"github.com/open-vigie/vigie/services/panel"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// maxForeign is how many bytes of one direction may pass without a frame before it is
// taken for another protocol's.
const maxForeign = 64 << 10

// half is one direction of a connection, or the datagrams of one.
type half struct {
	x         *reader
	transport string
	route     route
	split     dc09.Splitter
	// pieces wait until one of them shows that this is DC-09.
	pieces  []Frame
	spoken  bool
	passed  int
	foreign bool
	// last is when bytes came last.
	last time.Time
}

// write takes bytes that passed at a time.
func (h *half) write(b []byte, at time.Time) {
	h.last = at
	if h.passed += len(b); h.foreign {
		return
	}
	h.split.Write(b)
	for {
		piece, _, ok := h.split.Next()
		if !ok {
			break
		}
		h.keep(piece, at)
	}
	if h.foreign = !h.spoken && h.passed > maxForeign; h.foreign {
		h.pieces, h.split = nil, dc09.Splitter{}
	}
}

// flush ends what waits for its rest: no more comes, or what comes does not follow.
func (h *half) flush() {
	if piece, _, ok := h.split.Flush(); ok && !h.foreign {
		h.keep(piece, h.last)
	}
}

// keep adds a piece; the first that has the form of a frame brings those before it.
func (h *half) keep(piece []byte, at time.Time) {
	h.pieces = append(h.pieces, Frame{At: at, Transport: h.transport, From: h.route.from, To: h.route.to, Raw: bytes.Clone(piece)})
	h.spoken = h.spoken || panel.Read(piece, at, nil).Header != nil
	if h.spoken {
		h.x.found = append(h.x.found, h.pieces...)
		h.pieces = nil
	}
}

// connection is a TCP connection, as the assembler knows it.
type connection struct{ there, back *half }

// Accept takes every segment; a capture may begin in the middle of a connection.
func (c *connection) Accept(_ *layers.TCP, _ gopacket.CaptureInfo, _ reassembly.TCPFlowDirection, _ reassembly.Sequence, start *bool, _ reassembly.AssemblerContext) bool {
	*start = true
	return true
}

// ReassembledSG takes the next bytes of one direction, in order.
func (c *connection) ReassembledSG(sg reassembly.ScatterGather, delivering reassembly.AssemblerContext) {
	n, _ := sg.Lengths()
	direction, _, _, skipped := sg.Info()
	h := c.there
	if direction == reassembly.TCPDirServerToClient {
		h = c.back
	}
	if skipped > 0 {
		h.x.Gaps++
		h.flush()
	}
	// A frame passed when its last byte did, or the segment that was missing before
	// it: so the bytes are taken up to each CR.
	data := sg.Fetch(n)
	for from := 0; from < n; {
		to := n
		if cr := bytes.IndexByte(data[from:], '\r'); cr >= 0 {
			to = from + cr + 1
		}
		at := sg.CaptureInfo(to - 1).Timestamp
		if now := delivering.GetCaptureInfo().Timestamp; now.After(at) {
			at = now
		}
		h.write(data[from:to], at)
		from = to
	}
}

// ReassemblyComplete is told at the end of the connection, or of the capture.
func (c *connection) ReassemblyComplete(reassembly.AssemblerContext) bool {
	c.there.flush()
	c.back.flush()
	return true
}

// finish ends what is open, and puts the frames in order.
func (x *reader) finish() *Capture {
	x.assembler.FlushAll()
	for _, h := range x.streams {
		x.passed(h)
	}
	for _, h := range x.datagrams {
		x.passed(h)
	}
	slices.SortStableFunc(x.found, func(a, b Frame) int { return a.At.Compare(b.At) })
	x.Frames = x.found
	return &x.Capture
}

// passed counts what was no DC-09.
func (x *reader) passed(h *half) {
	if h.passed > 0 && !h.spoken {
		x.Foreign++
	}
}
