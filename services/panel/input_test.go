package panel

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

const poll = "\n1EF20013\"NULL\"0000L0#1234[]\r"

// TestPastedFramesAreFound: the forms in which people have a frame at hand.
func TestPastedFramesAreFound(t *testing.T) {
	bare := strings.Trim(poll, "\r\n")
	plain := fmt.Sprintf("% x", poll)
	for name, pasted := range map[string]string{
		"the bytes":           poll,
		"without LF and CR":   bare,
		"an editor's line":    bare + "\n",
		"escapes":             `\n` + bare + `\r`,
		"escapes in hex":      `\x0a` + bare + `\x0D`,
		"names of bytes":      "<LF>" + bare + "<CR>",
		"a line of a log":     "2026-11-23 13:45:12 rx 192.0.2.7 " + bare,
		"hexadecimal":         plain,
		"without spaces":      strings.ReplaceAll(plain, " ", ""),
		"with 0x and commas":  "0x" + strings.ReplaceAll(plain, " ", ", 0x"),
		"lines of Wireshark":  "0000   " + plain[:47] + "   .1EF20013\"NULL\"\n0010   " + plain[48:] + "   0000L0#1234[].",
		"an answer before it": "\n0D0C0010\"ACK\"0001L0#1234[]\r" + poll,
	} {
		frames := Frames(Bytes([]byte(pasted)))
		if len(frames) == 0 || strings.Trim(string(frames[len(frames)-1]), "\r\n") != bare {
			t.Errorf("%s: %q", name, frames)
		}
	}
	binary := "\n\x1e\xf20013\"NULL\"0000L0#1234[]\r"
	if frames := Frames([]byte(binary)); len(frames) != 1 || string(frames[0]) != binary {
		t.Errorf("a CRC in two bytes: %q", frames)
	}
	if frames := Frames(Bytes([]byte("hello"))); len(frames) != 1 || string(frames[0]) != "hello" {
		t.Errorf("no frame: %q", frames)
	}
}

// TestDumpsOfOtherProgramsAreRead: what xxd and od really print.
func TestDumpsOfOtherProgramsAreRead(t *testing.T) {
	for _, command := range [][]string{{"od", "-A", "x", "-t", "x1z"}, {"od", "-A", "n", "-t", "x1"}} {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Stdin = strings.NewReader(poll + poll)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v; it is part of every system's basic tools", command, err)
		}
		if got := string(Bytes(out)); !strings.HasPrefix(got, poll+poll) {
			t.Errorf("%v: %q of\n%s", command, got, out)
		}
	}
	const xxd = "00000000: 0a31 4546 3230 3031 3322 4e55 4c4c 2230  .1EF20013\"NULL\"0\n00000010: 3030 304c 3023 3132 3334 5b5d 0d         000L0#1234[].\n"
	const hexdump = "00000000  0a 31 45 46 32 30 30 31  33 22 4e 55 4c 4c 22 30  |.1EF20013\"NULL\"0|\n00000010  30 30 30 4c 30 23 31 32  33 34 5b 5d 0d           |000L0#1234[].|\n0000001d\n"
	for name, dump := range map[string]string{"xxd": xxd, "hexdump -C": hexdump} {
		if got := string(Bytes([]byte(dump))); !strings.HasPrefix(got, poll) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
