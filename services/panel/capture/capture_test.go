package capture

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// wire builds a capture packet by packet, with the real headers of each layer.
type wire struct {
	t      *testing.T
	at     time.Time
	vlan   bool
	frames [][]byte
	times  []time.Time
}

func newWire(t *testing.T) *wire {
	return &wire{t: t, at: time.Date(2026, 11, 23, 13, 45, 12, 0, time.UTC)}
}

// after lets time pass.
func (w *wire) after(ms int) *wire {
	w.at = w.at.Add(time.Duration(ms) * time.Millisecond)
	return w
}

func (w *wire) packet(from, to string, transport gopacket.SerializableLayer, payload []byte) {
	w.t.Helper()
	protocol := layers.IPProtocolTCP
	if _, is := transport.(*layers.UDP); is {
		protocol = layers.IPProtocolUDP
	}
	ether := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	var network gopacket.SerializableLayer = &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: net.ParseIP(from), DstIP: net.ParseIP(to)}
	if strings.Contains(from, ":") {
		ether.EthernetType = layers.EthernetTypeIPv6
		network = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: net.ParseIP(from), DstIP: net.ParseIP(to)}
	}
	stack := []gopacket.SerializableLayer{ether}
	if w.vlan {
		stack = append(stack, &layers.Dot1Q{VLANIdentifier: 7, Type: ether.EthernetType})
		ether.EthernetType = layers.EthernetTypeDot1Q
	}
	if x, is := transport.(interface {
		SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
	}); is {
		if err := x.SetNetworkLayerForChecksum(network.(gopacket.NetworkLayer)); err != nil {
			w.t.Fatal(err)
		}
	}
	b := gopacket.NewSerializeBuffer()
	stack = append(stack, network, transport, gopacket.Payload(payload))
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		w.t.Fatal(err)
	}
	w.frames, w.times = append(w.frames, bytes.Clone(b.Bytes())), append(w.times, w.at)
}

func (w *wire) udp(from, to string, fromPort, toPort int, payload []byte) {
	w.t.Helper()
	w.packet(from, to, &layers.UDP{SrcPort: layers.UDPPort(fromPort), DstPort: layers.UDPPort(toPort)}, payload)
}

// conn is a TCP connection: a panel at port 40000 and a receiver at 9009.
type conn struct {
	w               *wire
	panel, receiver string
	sent, answered  uint32
}

const panelPort, receiverPort = 40_000, 9009

func (w *wire) connect(panel, receiver string) *conn {
	c := &conn{w: w, panel: panel, receiver: receiver, sent: 0xFFFF_FFF0, answered: 5_000} // the numbers run over
	w.packet(panel, receiver, &layers.TCP{SrcPort: panelPort, DstPort: receiverPort, Seq: c.sent, SYN: true, Window: 1000}, nil)
	w.packet(receiver, panel, &layers.TCP{SrcPort: receiverPort, DstPort: panelPort, Seq: c.answered, SYN: true, ACK: true, Ack: c.sent + 1, Window: 1000}, nil)
	c.sent++
	c.answered++
	return c
}

// at sends bytes of the panel's stream that begin so far from its start of now.
func (c *conn) at(offset int, b []byte) {
	c.w.packet(c.panel, c.receiver, &layers.TCP{SrcPort: panelPort, DstPort: receiverPort, Seq: c.sent + uint32(offset), ACK: true, PSH: true, Ack: c.answered, Window: 1000}, b)
}

func (c *conn) answer(b []byte) {
	c.w.packet(c.receiver, c.panel, &layers.TCP{SrcPort: receiverPort, DstPort: panelPort, Seq: c.answered, ACK: true, PSH: true, Ack: c.sent, Window: 1000}, b)
	c.answered += uint32(len(b))
}

// pcap and pcapng are the two forms of the file.
func (w *wire) pcap() []byte {
	w.t.Helper()
	var b bytes.Buffer
	out := pcapgo.NewWriterNanos(&b)
	err := out.WriteFileHeader(65536, layers.LinkTypeEthernet)
	for i, f := range w.frames {
		err = errors.Join(err, out.WritePacket(gopacket.CaptureInfo{Timestamp: w.times[i], CaptureLength: len(f), Length: len(f)}, f))
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

func (w *wire) pcapng() []byte {
	w.t.Helper()
	var b bytes.Buffer
	out, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, f := range w.frames {
		err = errors.Join(err, out.WritePacket(gopacket.CaptureInfo{Timestamp: w.times[i], CaptureLength: len(f), Length: len(f)}, f))
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

func alarm(t *testing.T, sequence uint32, key *dc09.Key) (message, ack []byte) {
	t.Helper()
	f := dc09.Frame{Token: dc09.TokenSIA, Sequence: sequence, Line: 1, Account: "1234", Data: []byte("#1234|Nri1BA01"), SentAtMS: 1_795_441_512_000}
	var err error
	if key == nil {
		message, err = dc09.Append(nil, f)
		ack = dc09.AppendACK(nil, f)
	} else {
		var sealing error
		message, err = dc09.AppendSealed(nil, f, key, dc09.Pad{})
		ack, sealing = dc09.AppendSealedACK(nil, f, key, dc09.Pad{}, f.SentAtMS)
		err = errors.Join(err, sealing)
	}
	if err != nil {
		t.Fatal(err)
	}
	return message, ack
}

func read(t *testing.T, file []byte) *Capture {
	t.Helper()
	c, err := Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// said is a dialogue in short: token, sequence, how it was answered.
func said(messages []*Message) string {
	var out []string
	for _, m := range messages {
		s := "?"
		if h := m.Frame.Header; h != nil {
			s = h.Token
		}
		if m.Frame.Fault != nil {
			s += " " + string(m.Frame.Fault.Reason)
		}
		if m.Again {
			s += " again"
		}
		if m.Stray {
			s += " stray"
		}
		if m.Answer != nil {
			s += " " + m.Answer.Frame.Header.Token + " " + time.Duration(m.Answer.DelayMS*1e6).String()
		}
		out = append(out, m.Transport+" "+s)
	}
	return strings.Join(out, "; ")
}

// TestStreamInOddSegments: a frame in three segments, out of order, one of them sent
// again and one overlapping, is one frame, and passed with its last byte.
func TestStreamInOddSegments(t *testing.T) {
	message, ack := alarm(t, 1, nil)
	second, ackToSecond := alarm(t, 2, nil)
	w := newWire(t)
	c := w.connect("192.0.2.7", "192.0.2.1")
	w.after(10)
	c.at(0, message[:7])
	c.at(20, message[20:]) // ahead of what is missing
	w.after(30)
	c.at(0, message[:7]) // sent again
	c.at(3, message[3:22])
	c.sent += uint32(len(message))
	w.after(12)
	c.answer(ack[:5])
	w.after(1)
	c.answer(ack[5:])
	w.after(100)
	c.at(0, append(bytes.Clone(second), second...)) // two frames in one segment
	c.sent += uint32(2 * len(second))
	w.after(4)
	c.answer(ackToSecond)
	for name, file := range map[string][]byte{"pcap": w.pcap(), "pcapng": w.pcapng()} {
		got := read(t, file)
		messages := got.Dialogue(nil)
		if s := said(messages); s != "tcp SIA-DCS ACK 13ms; tcp SIA-DCS; tcp SIA-DCS again ACK 4ms" {
			t.Errorf("%s: %s", name, s)
			continue
		}
		if m := messages[0]; m.From != "192.0.2.7:40000" || m.To != "192.0.2.1:9009" || !m.At.Equal(w.times[0].Add(40*time.Millisecond)) || m.Frame.Content.Events[0].Zone != "01" {
			t.Errorf("%s: %+v", name, m)
		}
		if got.Packets != len(w.frames) || got.Foreign != 0 || got.Cut || got.Gaps != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestDatagrams: in a VLAN, over IPv6, encrypted; one that nobody answered, a NAK
// that names nothing, an answer that came from nowhere.
func TestDatagrams(t *testing.T) {
	key, err := dc09.ParseKey("000102030405060708090A0B0C0D0E0F")
	if err != nil {
		t.Fatal(err)
	}
	keys := func(line uint32, account string) []*dc09.Key {
		if line == 1 && account == "1234" {
			return []*dc09.Key{key}
		}
		return nil
	}
	message, ack := alarm(t, 1, key)
	lost, _ := alarm(t, 2, nil)
	w := newWire(t)
	w.vlan = true
	w.udp("2001:db8::7", "2001:db8::1", panelPort, receiverPort, message)
	w.after(9).udp("2001:db8::1", "2001:db8::7", receiverPort, panelPort, ack)
	w.after(9).udp("192.0.2.7", "192.0.2.1", panelPort, receiverPort, lost)
	w.after(1000).udp("192.0.2.7", "192.0.2.1", panelPort, receiverPort, lost)
	w.after(2).udp("192.0.2.1", "192.0.2.7", receiverPort, panelPort, []byte("\nC5720020\"NAK\"0000R0L0A0[]_13:45:13,11-23-2026\r"))
	w.after(9).udp("192.0.2.1", "192.0.2.8", receiverPort, panelPort, ack)
	got := read(t, w.pcap()).Dialogue(keys)
	if s := said(got); !strings.HasPrefix(s, "udp SIA-DCS ACK 9ms; udp SIA-DCS; udp SIA-DCS again") || !strings.HasSuffix(s, "; udp ACK stray") {
		t.Fatal(s)
	}
	if c := got[0].Frame.Content; c == nil || c.OpenedWith != 128 || !*c.Stamp.InWindow || got[0].Answer.Frame.Content == nil {
		t.Errorf("%+v", got[0].Frame)
	}
	if closed := read(t, w.pcap()).Dialogue(nil)[0].Frame; closed.Content != nil || closed.Closed == nil {
		t.Errorf("opened without a key: %+v", closed)
	}
}

// TestWhatIsNoFrame: other protocols are passed over, damage on a panel's connection
// is shown, a capture that lost bytes or its end gives what it has.
func TestWhatIsNoFrame(t *testing.T) {
	message, ack := alarm(t, 1, nil)
	damaged := bytes.Replace(message, []byte("BA01"), []byte("BA02"), 1)
	w := newWire(t)
	w.udp("192.0.2.9", "192.0.2.53", 50_000, 53, []byte("\x12\x34\x01\x00\x00\x01 a question of names"))
	web := w.connect("192.0.2.9", "192.0.2.80")
	for range 100 {
		page := bytes.Repeat([]byte("<p>no frame</p>\r\n"), 60)
		web.at(0, page)
		web.sent += uint32(len(page))
	}
	web.at(0, message) // in the middle of what is long known to be something else
	c := w.connect("192.0.2.7", "192.0.2.1")
	c.at(0, damaged)
	c.sent += uint32(len(damaged))
	c.at(0, message[:10]) // some of it was not captured
	c.at(15, message[15:])
	c.sent += uint32(len(message))
	c.at(0, message)
	c.sent += uint32(len(message))
	w.after(3)
	c.answer(ack)
	got := read(t, w.pcap())
	messages := got.Dialogue(nil)
	// The two ends of what has a gap are no frame, and not taken for one.
	if s := said(messages); s != "tcp SIA-DCS bad-crc; tcp ? bad-length; tcp ? bad-syntax; tcp SIA-DCS ACK 3ms" {
		t.Error(s)
	}
	if got.Foreign != 2 || got.Gaps != 1 {
		t.Errorf("%d foreign, %d gaps", got.Foreign, got.Gaps)
	}
	if cut := read(t, w.pcap()[:len(w.pcap())-5]); !cut.Cut || len(cut.Frames) == 0 {
		t.Errorf("cut short: %+v", cut)
	}
	if _, err := Read(strings.NewReader("hello")); !errors.Is(err, ErrNotCapture) {
		t.Error(err)
	}
	if Is(message) || !Is(w.pcap()[:8]) || !Is(w.pcapng()[:8]) {
		t.Error("a capture is not told from frames")
	}
}
