package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// said runs the program and returns what it printed; it must succeed.
func said(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := vigie(t.Context(), t, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, wrong bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &wrong
	if err := cmd.Run(); err != nil {
		t.Fatalf("vigie %s: %v: %s", strings.Join(args, " "), err, wrong.String())
	}
	return out.String()
}

// TestDecodeTakesWhatPeopleHave: both names, arguments, standard input, a file; in
// two languages and for programs.
func TestDecodeTakesWhatPeopleHave(t *testing.T) {
	t.Parallel()
	const poll = `1EF20013"NULL"0000L0#1234[]`
	file := filepath.Join(t.TempDir(), "frames.txt")
	if err := os.WriteFile(file, []byte(poll+"\n"+`84A80029"ADM-CID"0002R1L1#1234[#1234|1130 01 003]`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stamped, err := dc09.Append(nil, dc09.Frame{Token: dc09.TokenNull, Account: "1234", SentAtMS: time.Date(2026, 11, 23, 13, 45, 12, 0, time.UTC).UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		stdin string
		args  []string
		want  []string
	}{
		"an argument":         {"", []string{"receiver", "decode", poll}, []string{"token     NULL\n", "account   1234\n", "link test"}},
		"the other name":      {"", []string{"panel", "decode", poll, "--lang", "fr"}, []string{"jeton      NULL\n", "test de liaison"}},
		"standard input":      {"\n" + poll + "\r", []string{"receiver", "decode"}, []string{"account   1234\n"}},
		"a dump":              {"0a 31 45 46 32 30 30 31 33 22 4e 55 4c 4c 22 30\n30 30 30 4c 30 23 31 32 33 34 5b 5d 0d\n", []string{"receiver", "decode"}, []string{"account   1234\n"}},
		"a file of two":       {"", []string{"receiver", "decode", file}, []string{poll, "link test", "CID 1130: alarm, intrusion, area 01, zone 003 (Burglary)"}},
		"two arguments, JSON": {"", []string{"receiver", "decode", "--json", poll, poll}, []string{`"token":"NULL"`, "\n{"}},
		"a stamp, held against now": {string(stamped), []string{"receiver", "decode"},
			[]string{"outside the window of -40 s to +20 s; in clear it is taken", "--received says when"}},
		"a stamp, held against its receipt": {string(stamped), []string{"receiver", "decode", "--received", "2026-11-23T13:45:20Z"}, []string{"8s behind (within the window"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := said(t, c.stdin, c.args...)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is missing in\n%s", want, got)
				}
			}
		})
	}
}

// pcapOf is a capture of datagrams from a panel and back, 12 ms apart.
func pcapOf(t *testing.T, datagrams ...[]byte) []byte {
	t.Helper()
	var file bytes.Buffer
	out := pcapgo.NewWriterNanos(&file)
	if err := out.WriteFileHeader(65536, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 13, 45, 12, 0, time.UTC)
	ends := [2]net.IP{net.IPv4(192, 0, 2, 7), net.IPv4(192, 0, 2, 1)}
	for i, payload := range datagrams {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: ends[i%2], DstIP: ends[1-i%2]}
		udp := &layers.UDP{SrcPort: 9009, DstPort: 9009}
		b := gopacket.NewSerializeBuffer()
		err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}, ip, udp, gopacket.Payload(payload))
		if err != nil {
			t.Fatal(err)
		}
		if err := out.WritePacket(gopacket.CaptureInfo{Timestamp: at.Add(time.Duration(i) * 12 * time.Millisecond), CaptureLength: len(b.Bytes()), Length: len(b.Bytes())}, b.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}

// TestDecodeReadsACapture: by its name and on standard input, opened with the key in
// the receiver's keyring, which is in no output.
func TestDecodeReadsACapture(t *testing.T) {
	t.Parallel()
	const secret = "000102030405060708090A0B0C0D0E0F"
	data := t.TempDir()
	said(t, secret, "keys", "add", "--account", "1234", "--data", data)
	key, err := dc09.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	alarm := dc09.Frame{Token: dc09.TokenSIA, Sequence: 7, Account: "1234", Data: []byte("#1234|Nri1BA012"), SentAtMS: time.Date(2026, 11, 23, 13, 45, 10, 0, time.UTC).UnixMilli()}
	sealed, err := dc09.AppendSealed(nil, alarm, key, dc09.Pad{})
	if err != nil {
		t.Fatal(err)
	}
	ack, err := dc09.AppendSealedACK(nil, alarm, key, dc09.Pad{}, alarm.SentAtMS)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(data, "site.pcap")
	if err := os.WriteFile(file, pcapOf(t, sealed, ack), 0o600); err != nil {
		t.Fatal(err)
	}
	got := said(t, "", "receiver", "decode", "--keyring", "--data", data, "--pcap", file)
	for _, want := range []string{"2026-11-23 13:45:12.000  udp  192.0.2.7:9009 > 192.0.2.1:9009", "opened with an AES-128 key", "SIA BA: alarm, intrusion, area 1, zone 012", "2s behind (within", "answer after 12.0 ms", "1 messages, 1 of them answered; ms: 12.0 at most"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if fr := said(t, "", "panel", "decode", "--lang", "fr", file); !strings.Contains(fr, "seul l'en-tête est en clair") || !strings.Contains(fr, "réponse après 12.0 ms") {
		t.Errorf("in French, without a key:\n%s", fr)
	}
	var m struct {
		Frame struct {
			Content struct{ Events []struct{ Zone string } }
		}
		Answer struct {
			DelayMS float64 `json:"delay_ms"`
		}
	}
	lines := said(t, string(pcapOf(t, sealed, ack)), "receiver", "decode", "--json", "--keyring", "--data", data)
	if err := json.Unmarshal([]byte(lines), &m); err != nil || m.Answer.DelayMS != 12 || len(m.Frame.Content.Events) != 1 || m.Frame.Content.Events[0].Zone != "012" {
		t.Errorf("%v: %s", err, lines)
	}
	if strings.Contains(strings.ToUpper(got+lines), secret) {
		t.Error("the key is in the output")
	}
}

// TestWhatAnAccountSentAsDocumented: on a whole centre, a panel's alarm, a poll and a
// damaged frame are told by the documented command, with nothing personal; a person
// who signed in sees the frames too.
func TestWhatAnAccountSentAsDocumented(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is not installed: run `make setup`")
	}
	in := newInstallation(t, "--ephemeral")
	in.start()
	to := []string{"--to", in.DC09.UDP, "--account", "1234"}
	sent := said(t, "", append([]string{"receiver", "send", "alarm", "--zone", "012", "--text", "Salon"}, to...)...)
	if !strings.Contains(sent, "#1234|NBA012^Salon^") || !strings.Contains(sent, "is durable in the log") {
		t.Errorf("send says %s", sent)
	}
	var last struct {
		Answer string
		MS     float64
	}
	lines := strings.Split(strings.TrimSpace(said(t, "", append([]string{"panel", "send", "poll", "--repeat", "3", "--every", "10ms", "--json"}, to...)...)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 3 || last.Answer != "ACK" || last.MS <= 0 {
		t.Errorf("%v: %q", err, lines)
	}
	damaged(t, in.DC09.UDP)

	commands := shell(t, "integrator.md", "What an account sent")
	if len(commands) != 1 {
		t.Fatalf("%d commands", len(commands))
	}
	var answer string
	told := eventually(startPatience, func() bool { // a beat with the polls comes after their ACKs at the latest, the rejected one when it comes
		cmd := exec.CommandContext(t.Context(), "sh", "-c", commands[0])
		cmd.Env = append(os.Environ(), "VIGIE="+in.Console.URL, "TOKEN="+in.Console.Token)
		out, err := cmd.CombinedOutput()
		answer = string(out)
		return err == nil && strings.Contains(answer, `"reason":"bad-crc"`) && strings.Contains(answer, `"count":3`)
	})
	for _, want := range []string{`"kind":"alarm-raised","class":"intrusion","format":"SIA","code":"BA"`, `"zone":"012"`, `"raw_missing":"not-shown"`, `"polls":[{"path":1,"count":3`} {
		if !told || !strings.Contains(answer, want) {
			t.Errorf("%s is missing in %s", want, answer)
		}
	}
	if strings.Contains(answer, "Salon") {
		t.Errorf("a token is told a text: %s", answer)
	}
	shown := in.askSignedIn(t, "/api/v1/accounts/1234/transmissions")
	for _, want := range []string{`"raw":"\\n`, "#1234|NBA012^Salon^", `"text":"Salon"`, "alarme, intrusion, zone 012"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%s is missing in %s", want, shown)
		}
	}
	if got := in.ask(t, "/api/v1/accounts/99AA/transmissions"); !strings.Contains(got, "vigie receiver send poll --account 99AA") {
		t.Errorf("an unknown account: %s", got)
	}
	if log := in.out.String(); strings.Contains(log, "Salon") {
		t.Errorf("what was looked at stands in the log: %s", log)
	}
}

// askSignedIn is a GET of a person who opened the login link.
func (in *installationUnderTest) askSignedIn(t *testing.T, path string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	var body []byte
	for _, url := range []string{in.Console.Login, in.Console.URL + path} {
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", url, res.Status, err)
		}
	}
	return string(body)
}

// damaged sends a frame whose CRC is wrong; nobody answers it.
func damaged(t *testing.T, to string) {
	t.Helper()
	conn, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("\n0EF20013\"NULL\"0000L0#1234[]\r")); err != nil {
		t.Fatal(err)
	}
}
