package siege

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// roleEnv makes the test binary play a part; configEnv is that part's configuration.
const (
	roleEnv   = "VIGIE_SIEGE_ROLE"
	configEnv = "VIGIE_SIEGE_CONFIG"
)

// part is what a process plays. orders are asked one after the other; stop comes
// after the last, when the test closes the process's input or is dead itself.
type part struct {
	hello  any
	orders map[string]func(arg json.RawMessage) (any, error)
	stop   func() error
}

var parts = map[string]func(config json.RawMessage) (*part, error){
	"receiver": playReceiver,
	"panels":   playPanels,
	"attacker": playAttacker,
}

type order struct {
	Order string
	Arg   json.RawMessage
}

type answer struct {
	Value json.RawMessage
	Error string
}

// play is main of a child process.
func play(role string) int {
	p, err := parts[role](json.RawMessage(os.Getenv(configEnv)))
	if err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		return 1
	}
	out := json.NewEncoder(os.Stdout)
	reply := func(v any, err error) error {
		a := answer{}
		if err != nil {
			a.Error = err.Error()
		} else if a.Value, err = json.Marshal(v); err != nil {
			return err
		}
		return out.Encode(a)
	}
	err = reply(p.hello, nil)
	for in := json.NewDecoder(os.Stdin); err == nil; {
		var o order
		if in.Decode(&o) != nil {
			break
		}
		do, known := p.orders[o.Order]
		if !known {
			err = fmt.Errorf("no order %q", o.Order)
			break
		}
		err = reply(do(o.Arg))
	}
	if err := errors.Join(err, p.stop()); err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		return 1
	}
	return 0
}

// process is a running part.
type process struct {
	t    testing.TB
	role string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
	once sync.Once
}

// whenIdle is the priority of who gets only the time that nobody else wants, at once
// taken back (SCHED_IDLE): those who stand for machines elsewhere.
const whenIdle = 20

// spawn starts a part at a priority (0 is this process's own; as nice has them, or
// whenIdle) and reads its hello. It ends with the test.
func spawn(t testing.TB, role string, config, hello any, nice int) *process {
	t.Helper()
	told, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, role: role, cmd: exec.Command("nice", "-n", strconv.Itoa(nice), os.Args[0])}
	if nice == whenIdle {
		p.cmd = exec.Command("chrt", "-i", "0", os.Args[0])
	}
	p.cmd.Env = append(os.Environ(), roleEnv+"="+role, configEnv+"="+string(told))
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.in, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatalf("starting %s: %v", role, err)
	}
	p.out = json.NewDecoder(bufio.NewReader(out))
	t.Cleanup(p.stop)
	p.read(hello)
	return p
}

// stop closes the input, upon which the part ends, and waits for it.
func (p *process) stop() {
	p.once.Do(func() {
		_ = p.in.Close()
		if err := p.cmd.Wait(); err != nil {
			p.t.Errorf("%s ended: %v", p.role, err)
		}
	})
}

// ask gives an order and waits for what comes of it.
func (p *process) ask(name string, arg, value any) {
	p.t.Helper()
	p.tell(name, arg)
	p.read(value)
}

// tell gives an order; read waits for its answer.
func (p *process) tell(name string, arg any) {
	p.t.Helper()
	told, err := json.Marshal(arg)
	if err == nil {
		err = json.NewEncoder(p.in).Encode(order{name, told})
	}
	if err != nil {
		p.t.Fatalf("%s, %s: %v", p.role, name, err)
	}
}

func (p *process) read(value any) {
	p.t.Helper()
	var a answer
	if err := p.out.Decode(&a); err != nil {
		p.t.Fatalf("%s ended before it answered: %v", p.role, err)
	}
	if a.Error != "" {
		p.t.Fatalf("%s: %s", p.role, a.Error)
	}
	if value == nil {
		return
	}
	if err := json.Unmarshal(a.Value, value); err != nil {
		p.t.Fatalf("%s answered %s: %v", p.role, a.Value, err)
	}
}

// resident is a process's memory in bytes, as the system counts it, and the part of it
// that is no file's, as programs are.
func resident(pid int) (all, anonymous int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	kib := func(name string) (n int64) {
		_, rest, found := strings.Cut(string(b), "\n"+name+":")
		if _, failed := fmt.Sscan(rest, &n); !found || failed != nil {
			err = fmt.Errorf("process %d has no %s", pid, name)
		}
		return n << 10
	}
	all, anonymous = kib("VmRSS"), kib("RssAnon")
	return all, anonymous, err
}

// files that a process has open.
func files(pid int) (int, error) {
	dir, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(dir), err
}
