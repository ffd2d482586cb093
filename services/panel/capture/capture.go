// Package capture finds DC-09 in a capture of network traffic (pcap or pcapng):
// messages of panels and their answers, over TCP and UDP, IPv4 and IPv6, in VLANs.
//
// A TCP stream is put together again as its receiver had it: segments out of order,
// sent again, overlapping. What is inside TLS cannot be read.
package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/gopacket/gopacket/reassembly"
)

// MaxFrames bounds what is kept of a capture: some 100 MB of memory.
const MaxFrames = 100_000

const (
	// maxPages of 1,900 bytes wait for a segment that is missing, of one connection
	// and of all.
	maxPages, maxPagesInAll = 64, 16_384
	// idleFor is how long a connection without packets is kept in mind.
	idleFor = 5 * time.Minute
	// sweepEvery is after how many packets connections are looked through.
	sweepEvery = 10_000
)

// ErrNotCapture: the bytes begin like no pcap or pcapng file.
var ErrNotCapture = errors.New("this is no pcap or pcapng file: save the capture in one of these formats")

// Frame is one piece of DC-09 as it passed.
type Frame struct {
	// At is when its last byte passed, by the capture's clock.
	At        time.Time
	Transport string // tcp or udp
	From, To  netip.AddrPort
	Raw       []byte
}

// Capture is what was found.
type Capture struct {
	// Frames in the order in which they passed, messages and answers alike.
	Frames []Frame
	// Packets that were read, and connections and datagrams without DC-09.
	Packets, Foreign int
	// Fragments of IP packets, which are not put together.
	Fragments int
	// Gaps are places where the capture lacks bytes of a connection.
	Gaps int
	// Cut: the capture ends in the middle of a packet, or has more than MaxFrames.
	Cut bool
}

// Is tells whether bytes begin like a capture; eight are enough.
func Is(b []byte) bool {
	for _, magic := range []string{"\xa1\xb2\xc3\xd4", "\xd4\xc3\xb2\xa1", "\xa1\xb2\x3c\x4d", "\x4d\x3c\xb2\xa1", ngMagic} {
		if bytes.HasPrefix(b, []byte(magic)) {
			return true
		}
	}
	return false
}

const ngMagic = "\x0a\x0d\x0d\x0a"

// source gives packets, and says by what kind of link each came.
type source func() ([]byte, gopacket.CaptureInfo, layers.LinkType, error)

// open reads the head of a capture.
func open(r io.Reader) (source, error) {
	in := bufio.NewReaderSize(r, 1<<20)
	head, _ := in.Peek(len(ngMagic)) // what is too short is no capture
	switch {
	case !Is(head):
		return nil, ErrNotCapture
	case string(head) == ngMagic:
		ng, err := pcapgo.NewNgReader(in, pcapgo.NgReaderOptions{WantMixedLinkType: true})
		if err != nil {
			return nil, err
		}
		return func() ([]byte, gopacket.CaptureInfo, layers.LinkType, error) {
			data, ci, err := ng.ReadPacketData()
			link := layers.LinkTypeEthernet
			if len(ci.AncillaryData) > 0 {
				link, _ = ci.AncillaryData[0].(layers.LinkType)
			}
			return data, ci, link, err
		}, nil
	}
	old, err := pcapgo.NewReader(in)
	if err != nil {
		return nil, err
	}
	return func() ([]byte, gopacket.CaptureInfo, layers.LinkType, error) {
		data, ci, err := old.ReadPacketData()
		return data, ci, old.LinkType(), err
	}, nil
}

// Read finds the frames of a capture. ErrNotCapture when it is none; a capture that
// was cut short gives what it has.
func Read(r io.Reader) (*Capture, error) {
	next, err := open(r)
	if err != nil {
		return nil, fmt.Errorf("read the capture: %w", err)
	}
	x := newReader()
	for len(x.found) < MaxFrames {
		data, ci, link, err := next()
		if errors.Is(err, io.EOF) {
			return x.finish(), nil
		}
		if err != nil {
			break // cut in the middle of a packet, as a ring buffer's last file is
		}
		x.take(data, ci, link)
	}
	x.Cut = true
	return x.finish(), nil
}

// reader takes packets apart.
type reader struct {
	Capture
	found     []Frame
	assembler *reassembly.Assembler
	streams   []*half
	datagrams map[route]*half
}

// route is one direction between two ends.
type route struct{ from, to netip.AddrPort }

func newReader() *reader {
	x := &reader{datagrams: map[route]*half{}}
	x.assembler = reassembly.NewAssembler(reassembly.NewStreamPool(x))
	x.assembler.MaxBufferedPagesPerConnection, x.assembler.MaxBufferedPagesTotal = maxPages, maxPagesInAll
	return x
}

func (x *reader) take(data []byte, ci gopacket.CaptureInfo, link layers.LinkType) {
	x.Packets++
	if x.Packets%sweepEvery == 0 {
		x.assembler.FlushCloseOlderThan(ci.Timestamp.Add(-idleFor))
	}
	p := gopacket.NewPacket(data, link, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	network := p.NetworkLayer()
	if network == nil {
		return
	}
	switch transport := p.TransportLayer().(type) {
	case *layers.TCP:
		x.assembler.AssembleWithContext(network.NetworkFlow(), transport, &packet{ci})
	case *layers.UDP:
		x.datagram(network.NetworkFlow(), transport, ci.Timestamp)
	case nil:
		if p.Layer(gopacket.LayerTypeFragment) != nil {
			x.Fragments++
		}
	}
}

// packet is what the assembler hands on with the bytes of a packet.
type packet struct{ info gopacket.CaptureInfo }

func (p *packet) GetCaptureInfo() gopacket.CaptureInfo { return p.info }

func (x *reader) datagram(network gopacket.Flow, u *layers.UDP, at time.Time) {
	if len(u.Payload) == 0 {
		return
	}
	r := routeOf(network, u.TransportFlow())
	h, ok := x.datagrams[r]
	if !ok {
		h = &half{x: x, transport: "udp", route: r}
		x.datagrams[r] = h
	}
	h.write(u.Payload, at)
	h.flush()
}

func routeOf(network, transport gopacket.Flow) route {
	end := func(host, port gopacket.Endpoint) netip.AddrPort {
		a, _ := netip.AddrFromSlice(host.Raw()) // the layer made it of 4 or 16 bytes
		raw := port.Raw()
		return netip.AddrPortFrom(a, uint16(raw[0])<<8|uint16(raw[1]))
	}
	return route{end(network.Src(), transport.Src()), end(network.Dst(), transport.Dst())}
}

// New begins a connection, as the assembler asks for.
func (x *reader) New(network, transport gopacket.Flow, _ *layers.TCP, _ reassembly.AssemblerContext) reassembly.Stream {
	there := routeOf(network, transport)
	c := &connection{there: &half{x: x, transport: "tcp", route: there}, back: &half{x: x, transport: "tcp", route: route{there.to, there.from}}}
	x.streams = append(x.streams, c.there, c.back)
	return c
}
