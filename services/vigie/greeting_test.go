package main

import (
	"os/exec"
	"strings"
	"testing"
)

// Without Java, and keeping nothing: the greeting is short, and the command that
// it prints sends a first alarm as it stands.
func TestEphemeralGreetingsCommandWorks(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, "--ephemeral")
	in.env = []string{"VIGIE_JAVA=/nonexistent", "VIGIE_KAFKA_LIBS=/nonexistent"}
	in.launch()
	ready := eventually(startPatience, func() bool { return strings.Contains(in.out.String(), "panel send") || ended(in) })
	if !ready || ended(in) {
		t.Fatalf("vigie up --ephemeral is not ready\n%s", in.out)
	}
	greeting := greetingOf(in.out.String())
	if n := len(greeting); n > 15 {
		t.Errorf("the greeting has %d lines, more than 15:\n%s", n, strings.Join(greeting, "\n"))
	}
	command := strings.Fields(greeting[len(greeting)-1])
	out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "\nACK") {
		t.Errorf("%v: %v\n%s", command, err, out)
	}
	data := command[len(command)-1]
	if code, said := try(t, nil, "doctor", "clock", "--data", data); code != 0 {
		t.Errorf("time goes on, and `vigie doctor clock` ends with %d: %s", code, said)
	}
	if code, said := try(t, nil, "doctor", "clock", "--data", data, "--adjust"); code != 0 {
		t.Errorf("nothing is to be adjusted, and `vigie doctor clock --adjust` ends with %d: %s", code, said)
	}
	if said := in.stop(); !strings.Contains(said, "Nothing was kept") {
		t.Errorf("it does not say that nothing was kept:\n%s", said)
	}
}

func ended(in *installationUnderTest) bool {
	select {
	case err := <-in.ended:
		in.ended <- err
		return true
	default:
		return false
	}
}

// greetingOf is what was printed for people: not the log's lines.
func greetingOf(out string) []string {
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if !strings.HasPrefix(line, "{") {
			lines = append(lines, line)
		}
	}
	return lines
}
