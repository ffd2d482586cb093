package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/panel"
	"github.com/open-vigie/vigie/services/panel/capture"
)

// maxPasted is far above what anybody pastes; a capture has no such bound.
const maxPasted = 4 << 20

// decoding is the command line of decode.
type decoding struct {
	pcap, lang, received string
	json                 bool
	key                  panelKey
}

func decodeCommand() *cobra.Command {
	var d decoding
	cmd := &cobra.Command{
		Use:   "decode [FRAME|FILE]...",
		Short: "Explain DC-09: pasted frames, a dump in hexadecimal, or a capture of the network",
		Long: `Explains frames of DC-09: what each part means, what Vigie makes of it, what is
wrong with it and what would be right. It takes

  the frame itself, as an argument or on standard input, with or without LF and CR,
  text with escapes (\n \r \x0a <LF> <CR>), a dump of xxd, hexdump, tcpdump or
  Wireshark, and lines of a log in which frames stand;
  a capture (pcap, pcapng) by its name or on standard input: TCP streams are put
  together, answers stand beside what they answer, with the milliseconds between.`,
		Example: `  vigie receiver decode '1EF20013"NULL"0000L0#1234[]'
  vigie receiver decode --keyring < frames.txt           encrypted ones, with the receiver's keys
  vigie receiver decode --pcap site.pcapng               what a panel and a receiver said
  tcpdump -i eth0 -w - port 9009 | vigie receiver decode --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return d.run(cmd, args) },
		Args: cobra.ArbitraryArgs,
	}
	f := cmd.Flags()
	f.StringVar(&d.pcap, "pcap", "", "capture (pcap or pcapng) to read; - is standard input")
	f.StringVar(&d.lang, "lang", language(), "language of the explanation: fr or en")
	f.StringVar(&d.received, "received", "", "when a pasted frame came, RFC 3339 (default: now); its stamp is held against it")
	f.BoolVar(&d.json, "json", false, "one line of JSON a frame, for programs")
	d.key.flags(f)
	return cmd
}

func (d *decoding) run(cmd *cobra.Command, args []string) error {
	at := time.Now()
	if d.received != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, d.received); err != nil {
			return usageError{fmt.Errorf("--received %q: a time like 2026-11-23T13:45:12Z is expected", d.received)}
		}
	}
	keys, err := d.key.read(cmd)
	if err != nil {
		return err
	}
	if d.pcap == "-" {
		d.pcap, args = "", nil
	}
	if d.pcap != "" {
		args = append(args, d.pcap)
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	if len(args) == 0 {
		err = d.explain(out, cmd.InOrStdin(), at, keys)
	}
	for i, arg := range args {
		if i > 0 && !d.json {
			fmt.Fprintln(out)
		}
		if err = d.argument(out, arg, at, keys); err != nil {
			break
		}
	}
	return errors.Join(err, out.Flush())
}

// argument explains a file where there is one of that name, else the text itself.
func (d *decoding) argument(out io.Writer, arg string, at time.Time, keys panel.KeysOf) error {
	f, err := os.Open(arg)
	if err != nil && arg != "" && (arg == d.pcap || !strings.Contains(arg, `"`) && strings.ContainsAny(arg, "/.")) {
		return usageError{err}
	}
	if err != nil {
		return d.explain(out, strings.NewReader(arg), at, keys)
	}
	defer f.Close()
	return d.explain(out, f, at, keys)
}

// explain tells a capture from what was pasted by its first bytes.
func (d *decoding) explain(out io.Writer, in io.Reader, at time.Time, keys panel.KeysOf) error {
	r := bufio.NewReader(in)
	head, _ := r.Peek(8) // what is shorter is no capture
	if capture.Is(head) || d.pcap != "" {
		return d.capture(out, r, keys)
	}
	pasted, err := io.ReadAll(io.LimitReader(r, maxPasted))
	if err != nil {
		return fmt.Errorf("read the frames: %w", err)
	}
	frames := panel.Frames(panel.Bytes(pasted))
	if len(frames) == 0 {
		return usageError{errors.New("there is no frame: give one as an argument or on standard input")}
	}
	for i, frame := range frames {
		x := panel.Read(frame, at, keys)
		if d.json {
			if err := json.NewEncoder(out).Encode(x); err != nil {
				return err
			}
			continue
		}
		if len(frames) > 1 {
			fmt.Fprintf(out, "%s%s\n", strings.Repeat("\n", min(i, 1)), x.Frame)
		}
		fmt.Fprint(out, x.Text(d.lang))
		if d.received == "" && offTheClock(x) {
			fmt.Fprintln(out, decodeText(d.lang).now)
		}
	}
	return nil
}

// offTheClock: the stamp may be right, and the frame an old one.
func offTheClock(x panel.Explanation) bool {
	return x.Content != nil && x.Content.Stamp != nil && x.Content.Stamp.InWindow != nil && !*x.Content.Stamp.InWindow
}

func (d *decoding) capture(out io.Writer, in io.Reader, keys panel.KeysOf) error {
	c, err := capture.Read(in)
	if errors.Is(err, capture.ErrNotCapture) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	messages := c.Dialogue(keys)
	if d.json {
		e := json.NewEncoder(out)
		for _, m := range messages {
			if err := e.Encode(m); err != nil {
				return err
			}
		}
		return nil
	}
	w := decodeText(d.lang)
	for _, m := range messages {
		w.message(out, m, d.lang)
	}
	w.summary(out, c, messages)
	return nil
}

// captureWords are what is said of a capture in one language.
type captureWords struct {
	now, answer, none, again, stray                          string
	total, slowest, foreign, nothing, gaps, fragments, isCut string
}

func decodeText(lang string) captureWords {
	if lang == "fr" {
		return captureWords{
			now:    "(l'horodatage est comparé à l'heure de cette machine, maintenant ; --received donne l'heure de réception)",
			answer: "réponse après %.1f ms : ", none: "sans réponse dans cette capture", again: "déjà envoyée : la même trame, sans réponse avant", stray: "réponse à une trame qui n'est pas dans cette capture",
			total: "%d messages, dont %d avec réponse", slowest: " ; ms : %.1f au plus", foreign: " ; %d connexions ou flux sans DC-09 laissés de côté (ce qui est dans TLS est illisible)",
			nothing: "aucune trame DC-09 en clair dans %d paquets", gaps: " ; il manque des octets à %d endroits", fragments: " ; %d fragments IP non rassemblés", isCut: " ; la capture est coupée",
		}
	}
	return captureWords{
		now:    "(the stamp is held against this machine's clock now; --received says when the frame came)",
		answer: "answer after %.1f ms: ", none: "no answer in this capture", again: "sent again: the same frame had come before", stray: "an answer to a frame that is not in this capture",
		total: "%d messages, %d of them answered", slowest: "; ms: %.1f at most", foreign: "; %d connections or flows without DC-09 passed over (what is inside TLS cannot be read)",
		nothing: "no frame of DC-09 in clear in %d packets", gaps: "; bytes are missing at %d places", fragments: "; %d fragments of IP not put together", isCut: "; the capture is cut short",
	}
}

// message shows a frame, its explanation and its answer.
func (w captureWords) message(out io.Writer, m *capture.Message, lang string) {
	fmt.Fprintf(out, "%s  %s  %s > %s\n  %s\n", m.At.UTC().Format("2006-01-02 15:04:05.000"), m.Transport, m.From, m.To, m.Frame.Frame)
	indent(out, "  ", m.Frame.Text(lang))
	if m.Again {
		indent(out, "  ", w.again)
	}
	switch {
	case m.Answer != nil:
		fmt.Fprintf(out, "  "+w.answer+"%s\n", m.Answer.DelayMS, m.Answer.Frame.Frame)
		if m.Answer.Frame.Header.Token == string(panel.NAK) || m.Answer.Frame.Fault != nil {
			indent(out, "  ", m.Answer.Frame.Text(lang))
		}
	case m.Stray:
		indent(out, "  ", w.stray)
	case m.Frame.Header != nil:
		indent(out, "  ", w.none)
	}
	fmt.Fprintln(out)
}

func (w captureWords) summary(out io.Writer, c *capture.Capture, messages []*capture.Message) {
	asked, answered, slowest := 0, 0, 0.0
	for _, m := range messages {
		if m.Stray || m.Frame.Header == nil {
			continue
		}
		asked++
		if m.Answer != nil {
			answered++
			slowest = max(slowest, m.Answer.DelayMS)
		}
	}
	var b bytes.Buffer
	if len(messages) == 0 {
		fmt.Fprintf(&b, w.nothing, c.Packets)
	} else {
		fmt.Fprintf(&b, w.total, asked, answered)
	}
	if answered > 0 {
		fmt.Fprintf(&b, w.slowest, slowest)
	}
	for _, n := range []struct {
		text string
		n    int
	}{{w.foreign, c.Foreign}, {w.gaps, c.Gaps}, {w.fragments, c.Fragments}} {
		if n.n > 0 {
			fmt.Fprintf(&b, n.text, n.n)
		}
	}
	if c.Cut {
		b.WriteString(w.isCut)
	}
	fmt.Fprintln(out, b.String())
}
